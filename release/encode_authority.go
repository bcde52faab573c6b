package release

import (
	"encoding/base64"
	"maps"
	"slices"
)

func (w *writer) authority(a *Authority) {
	w.open('{')
	writeSet(w, "channels", a.Channels, (*writer).channel)
	writeSet(w, "compromised", a.Compromised, (*writer).compromised)
	w.time("expires", a.Expires)
	w.time("issued", a.Issued)
	w.name("keys")
	w.open('{')
	keys := make(map[string]Key, len(a.Keys))
	for id, key := range a.Keys {
		keys[id.String()] = key
	}
	for _, id := range sortedNames(keys) {
		w.name(id)
		w.open('{')
		w.text("format", string(keys[id].Format))
		w.text("public", base64.StdEncoding.EncodeToString(keys[id].Public))
		w.close('}')
	}
	w.close('}')
	w.name("limits")
	w.open('{')
	w.signed("publishWithinDays", a.Limits.PublishWithinDays)
	w.signed("releaseDays", a.Limits.ReleaseDays)
	w.close('}')
	w.text("origin", a.Origin)
	if a.Previous != nil {
		w.digest("previous", *a.Previous)
	}
	writeSet(w, "roles", a.Roles, (*writer).role)
	w.signed("version", a.Version)
	w.close('}')
}

func (w *writer) channel(c Channel) {
	w.open('{')
	w.text("mode", string(c.Mode))
	w.text("name", c.Name)
	w.close('}')
}

func (w *writer) compromised(c Compromised) {
	w.open('{')
	w.integer("from", c.From)
	w.text("keyid", c.KeyID.String())
	w.text("origin", c.Origin)
	w.close('}')
}

func (w *writer) role(r Role) {
	w.open('{')
	writeSet(w, "channels", r.Channels, (*writer).string)
	writeSet(w, "keys", r.Keys, func(w *writer, id KeyID) { w.string(id.String()) })
	writeSet(w, "kinds", r.Kinds, (*writer).string)
	w.text("name", string(r.Name))
	writeSet(w, "products", r.Products, (*writer).string)
	w.signed("threshold", r.Threshold)
	w.close('}')
}

// sortedNames returns the names of members, all ASCII, in their order.
func sortedNames[T any](members map[string]T) []string {
	return slices.Sorted(maps.Keys(members))
}
