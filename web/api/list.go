package api

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

const (
	// defaultLimit and maxLimit bound one page of a list.
	defaultLimit = 50
	maxLimit     = 200
	// maxText bounds a text that is searched for, in bytes.
	maxText = 128
)

// Listed is one entry of a list. A member that its type does not have is absent.
type Listed struct {
	Index     uint64          `json:"index"`
	Digest    *release.Digest `json:"digest,omitempty"` // of the payload
	Entry     release.Digest  `json:"entry"`            // of the entry's bytes
	Type      release.Type    `json:"type,omitempty"`
	Predicate string          `json:"predicateType,omitempty"`
	Product   string          `json:"product,omitempty"`
	Kind      release.Kind    `json:"kind,omitempty"`
	Name      string          `json:"name,omitempty"`
	Channel   string          `json:"channel,omitempty"`
	Version   string          `json:"version,omitempty"`
	Issued    string          `json:"issued,omitempty"`
	NotAfter  string          `json:"notAfter,omitempty"`  // of a release
	PublishBy string          `json:"publishBy,omitempty"` // of an image
	Expires   string          `json:"expires,omitempty"`   // of an authority
	Identity  *release.Digest `json:"identity,omitempty"`
	Signers   []release.KeyID `json:"signers"`
	Status    string          `json:"status"`
	Code      release.Code    `json:"code,omitempty"` // why it is void or unknown
	// Standing is how the entry stands at the size of the answer, By the entries that are the reason.
	Standing register.Word `json:"standing"`
	By       []uint64      `json:"by,omitempty"`
}

// list answers a search for entries, newest first.
func (a *API) list(c echo.Context) error {
	query, err := a.query(c.QueryParams())
	if err != nil {
		return err
	}
	records, err := a.config.Index.List(c.Request().Context(), query)
	if err != nil {
		return err
	}
	newest, _ := a.config.Log.Checkpoint()
	answer := struct {
		Size    uint64   `json:"size"` // of the newest checkpoint
		Entries []Listed `json:"entries"`
		Next    *uint64  `json:"next,omitempty"` // the parameter before of the next page
	}{Size: newest.Checkpoint.Size, Entries: make([]Listed, 0, len(records))}
	a.config.Log.View(func(state *register.State) {
		for _, record := range records {
			answer.Entries = append(answer.Entries, listed(record, state, answer.Size))
		}
	})
	if len(records) == query.Limit {
		answer.Next = &records[len(records)-1].Index
	}
	return serveJSON(c, answer)
}

func listed(record log.Record, state *register.State, size uint64) Listed {
	standing, _ := state.WhyAt(record.Index, size)
	l := Listed{Index: record.Index, Entry: record.Entry, Type: record.Type, Predicate: record.Predicate, Product: record.Product, Kind: record.Kind,
		Name: record.Name, Channel: record.Channel, Version: record.Version, Issued: instant(record.Issued),
		Signers: append([]release.KeyID{}, record.Signers...), Status: record.Status.String(), Code: record.Code, Standing: standing.Word, By: standing.By}
	// The index keeps one such date an entry; what it means is the type's.
	switch until := instant(record.NotAfter); record.Type {
	case release.TypeImage:
		l.PublishBy = until
	case release.TypeAuthority:
		l.Expires = until
	default:
		l.NotAfter = until
	}
	if !record.Payload.IsZero() {
		l.Digest = &record.Payload
	}
	if !record.Identity.IsZero() {
		l.Identity = &record.Identity
	}
	return l
}

// types are the values of the parameter type.
var types = []release.Type{release.TypeAuthority, release.TypeImage, release.TypeRelease, release.TypeWithdrawal, release.TypeRoll, release.TypeFinding}

// statuses are the values of the parameter status.
var statuses = map[string]register.Status{
	register.StatusAdmitted.String(): register.StatusAdmitted,
	register.StatusVoid.String():     register.StatusVoid,
	register.StatusUnknown.String():  register.StatusUnknown,
}

// query reads the parameters of a list.
func (a *API) query(parameters url.Values) (log.Query, error) {
	newest, _ := a.config.Log.Checkpoint()
	query := log.Query{Before: newest.Checkpoint.Size, Limit: defaultLimit}
	for name, values := range parameters {
		value := values[0]
		if len(values) > 1 || len(value) > maxText {
			return query, refuseQuery(name, value, "one value of at most "+strconv.Itoa(maxText)+" bytes")
		}
		switch name {
		case "type":
			query.Type = release.Type(value)
			if !slices.Contains(types, query.Type) {
				return query, refuseQuery(name, value, "authority, image, release, withdrawal, roll or finding")
			}
		case "product":
			query.Product = value
		case "kind":
			query.Kind = release.Kind(value)
		case "name":
			query.Name = value
		case "channel":
			query.Channel = value
		case "version":
			query.Version = value
		case "q":
			query.Text = value
		case "status":
			status, ok := statuses[value]
			if !ok {
				return query, refuseQuery(name, value, "admitted, void or unknown")
			}
			query.Status = status
		case "before":
			before, ok := parseIndex(value)
			if !ok {
				return query, refuseQuery(name, value, "an index")
			}
			query.Before = min(before, query.Before)
		case "limit":
			limit, ok := parseIndex(value)
			if !ok || limit < 1 || limit > maxLimit {
				return query, refuseQuery(name, value, "1 to "+strconv.Itoa(maxLimit))
			}
			query.Limit = int(limit)
		default:
			return query, refuseQuery(name, value, "none of that name: type, product, kind, name, channel, version, status, q, before or limit")
		}
	}
	return query, nil
}

// digests lists what mentions a digest, or one that begins so.
func (a *API) digests(c echo.Context) error {
	text := c.Param("digest")
	if !isPrefix(text) {
		return &Error{Code: CodeIndex, Member: "digest", Got: cut(text), Want: wantDigest, Detail: "got no digest: want " + wantDigest}
	}
	newest, _ := a.config.Log.Checkpoint()
	query := log.DigestQuery{Prefix: text, Before: newest.Checkpoint.Size, Limit: maxLimit}
	for name, values := range c.QueryParams() {
		from, ok := parseIndex(values[0])
		if name != "from" || !ok || len(values) > 1 {
			return refuseQuery(name, values[0], "from, an index")
		}
		query.From = from
	}
	matches, err := a.config.Index.Find(c.Request().Context(), query)
	if err != nil {
		return err
	}
	answer := struct {
		Size     uint64      `json:"size"`
		Mentions []Candidate `json:"mentions"`
		// More: there are more than are listed; ask for a longer digest, or for
		// further ones of a whole digest with from.
		More bool `json:"more"`
	}{Size: newest.Checkpoint.Size, Mentions: make([]Candidate, 0, len(matches)), More: len(matches) == maxLimit}
	for _, match := range matches {
		answer.Mentions = append(answer.Mentions, Candidate{Index: match.Index, Relation: match.Relation.String(), Digest: match.Digest})
	}
	return serveJSON(c, answer)
}

const wantDigest = "6 to 64 lowercase hexadecimal digits"
