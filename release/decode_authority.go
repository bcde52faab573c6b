package release

import (
	"errors"
	"slices"
	"strconv"

	"github.com/muster-log/muster/internal/strictjson"
)

// MaxAuthorityVersion is the last version that an authority can have: after it only a
// new log with a new first authority helps.
const MaxAuthorityVersion = 32

// The greatest numbers of what an authority holds.
const (
	maxKeys         = 64
	maxRoles        = 32
	maxRoleProducts = 64
	maxChannels     = 32
	maxCompromised  = 128
	maxLimitDays    = 3650
)

var (
	authorityMembers = []string{"channels", "compromised", "expires", "issued", "keys", "limits", "origin",
		"previous?", "roles", "version"}
	keyMembers         = []string{"format", "public"}
	roleMembers        = []string{"channels", "keys", "kinds", "name", "products", "threshold"}
	channelMembers     = []string{"mode", "name"}
	limitsMembers      = []string{"publishWithinDays", "releaseDays"}
	compromisedMembers = []string{"from", "keyid", "origin"}
)

func (r *reader) authority(s *Statement, v, subject strictjson.Value) {
	if !r.object(v, authorityMembers) {
		return
	}
	a := &Authority{
		Version: int(r.integer(v.Member("version"), 1, MaxAuthorityVersion)),
		Issued:  r.time(v.Member("issued")),
		Origin:  r.matches(v.Member("origin"), &originGrammar),
		Expires: r.time(v.Member("expires")),
		Limits:  r.limits(v.Member("limits")),
	}
	previous := v.Member("previous")
	if previous.Exists() {
		digest := r.digest(previous)
		a.Previous = &digest
	}
	if r.refusal == nil && previous.Exists() != (a.Version > 1) {
		got, want := "none", "the payload digest of the version before"
		if previous.Exists() {
			got, want = a.Previous.String(), "none in version 1"
		}
		r.refusal = Refuse(CodeAuthorityPrevious, v.MemberPath("previous"), got, want)
	}
	if !a.Expires.After(a.Issued) {
		r.refuse(v.Member("expires"), CodeAuthorityExpires, "a time after issued")
	}
	a.Channels = r.channels(v.Member("channels"))
	a.Compromised = r.compromised(v.Member("compromised"))
	a.Keys = r.keys(v.Member("keys"))
	a.Roles = r.roles(v.Member("roles"), a.Keys)
	origin, subjects := r.originSubject(subject)
	if r.refusal == nil && origin != a.Origin {
		r.refusal = Refuse(CodeSubject, subject.Path()+"[0].name", origin, a.Origin)
	}
	s.Subjects, s.Predicate = subjects, a
}

func (r *reader) limits(v strictjson.Value) Limits {
	if !r.object(v, limitsMembers) {
		return Limits{}
	}
	return Limits{
		PublishWithinDays: int(r.integer(v.Member("publishWithinDays"), 1, maxLimitDays)),
		ReleaseDays:       int(r.integer(v.Member("releaseDays"), 1, maxLimitDays)),
	}
}

func (r *reader) channels(v strictjson.Value) []Channel {
	var channels []Channel
	for _, element := range r.set(v, 0, maxChannels) {
		if !r.object(element, channelMembers) {
			break
		}
		c := Channel{Name: r.matches(element.Member("name"), &channelGrammar), Mode: r.mode(element.Member("mode"))}
		if slices.ContainsFunc(channels, func(other Channel) bool { return other.Name == c.Name }) {
			r.refuse(element.Member("name"), CodeListRepeated, "each channel once")
		}
		channels = append(channels, c)
	}
	return channels
}

func (r *reader) mode(v strictjson.Value) Mode {
	return oneOf(r, v, ModeProduction, ModeResearch, ModeDebug)
}

func (r *reader) compromised(v strictjson.Value) []Compromised {
	var list []Compromised
	for _, element := range r.set(v, 0, maxCompromised) {
		if !r.object(element, compromisedMembers) {
			break
		}
		list = append(list, Compromised{
			KeyID:  r.bareDigest(element.Member("keyid")),
			Origin: r.matches(element.Member("origin"), &originGrammar),
			From:   r.integer(element.Member("from"), 0, maxInteger),
		})
	}
	return list
}

func (r *reader) keys(v strictjson.Value) map[KeyID]Key {
	if !r.is(v, strictjson.Object) {
		return nil
	}
	if n := v.Len(); n < 1 || n > maxKeys {
		r.refuseGot(v, CodeListSize, strconv.Itoa(n), "1 to "+strconv.Itoa(maxKeys)+" keys")
		return nil
	}
	keys := make(map[KeyID]Key, v.Len())
	for name, member := range v.Members() {
		id, ok := digestOf(name)
		if !ok {
			r.refuseGot(member, CodeDigest, name, "a keyid of 64 lowercase hexadecimal digits")
		}
		keys[id] = r.key(member, id)
		if r.refusal != nil {
			return nil
		}
	}
	return keys
}

// key returns a key by the rules of its format.
func (r *reader) key(v strictjson.Value, id KeyID) Key {
	if !r.object(v, keyMembers) {
		return Key{}
	}
	key := Key{
		Format: oneOf(r, v.Member("format"), FormatEd25519, FormatECDSAP256, FormatECDSAP384, FormatRSAPSS,
			FormatSSH, FormatMinisign, FormatOpenPGP, FormatX509),
		Public: r.base64(v.Member("public"), maxPublicKey),
	}
	if r.refusal != nil {
		return Key{}
	}
	if got := key.ID(); got != id {
		r.refuseGot(v, CodeKeyID, id.String(), got.String()+", the SHA-256 of public")
	} else if err := key.Check(); err != nil {
		r.refusal = keyRefusal(err, v.MemberPath("public"))
	}
	return key
}

// keyRefusal returns what a key's own check says, with the key's place.
func keyRefusal(err error, member string) *Refusal {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		placed := *refusal
		placed.Member = member
		return &placed
	}
	refusal := Refuse(CodeKey, member, "", "a key of its format")
	refusal.Err = err
	return refusal
}
