package bundle

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/muster-log/muster/internal/strictjson"
	"github.com/muster-log/muster/tlog"
)

// limits bound the JSON of a bundle while it is read, so that a peer's bytes do
// not grow in memory: the values of the largest bundle, and its depth.
var limits = strictjson.Limits{
	Depth:  4,
	Values: 5 + MaxAnchors*(3+tlog.MaxProofHashes) + MaxEntries*(4+tlog.MaxProofHashes),
}

// decode reads canonical JSON of the documented members. Counts and the values
// of members are judged afterwards, by check.
func decode(data []byte) (*Bundle, error) {
	doc, err := strictjson.Parse(data, limits)
	if err != nil {
		fault, _ := errors.AsType[*strictjson.Error](err)
		return nil, refuse(fault.Member, fault.Got, fmt.Sprintf("canonical JSON (RFC 8785): at byte %d %s", fault.Offset, fault.Want))
	}
	root := doc.Root()
	if err := members(root, "anchors", "checkpoint", "entries", "origin"); err != nil {
		return nil, err
	}
	b := &Bundle{}
	if b.Checkpoint, err = text(root.Member("checkpoint")); err != nil {
		return nil, err
	}
	if b.Origin, err = text(root.Member("origin")); err != nil {
		return nil, err
	}
	if b.Anchors, err = list(root.Member("anchors"), MaxAnchors, anchor); err != nil {
		return nil, err
	}
	if b.Entries, err = list(root.Member("entries"), MaxEntries, entry); err != nil {
		return nil, err
	}
	return b, nil
}

func anchor(v strictjson.Value) (a Anchor, err error) {
	if err := members(v, "checkpoint", "consistency"); err != nil {
		return a, err
	}
	if a.Checkpoint, err = text(v.Member("checkpoint")); err != nil {
		return a, err
	}
	a.Consistency, err = list(v.Member("consistency"), tlog.MaxProofHashes, hash)
	return a, err
}

func entry(v strictjson.Value) (e Entry, err error) {
	if err := members(v, "envelope", "inclusion", "index"); err != nil {
		return e, err
	}
	envelope := v.Member("envelope")
	encoded, err := text(envelope)
	if err != nil {
		return e, err
	}
	// The decoder skips line breaks and nothing else, so the length tells.
	e.Envelope, err = base64.StdEncoding.Strict().DecodeString(encoded)
	if err == nil && base64.StdEncoding.EncodedLen(len(e.Envelope)) != len(encoded) {
		err = errors.New("got a line break")
	}
	if err != nil {
		return e, &Error{Member: envelope.Path(), Want: "standard base64 in its canonical form", Err: err}
	}
	if e.Inclusion, err = list(v.Member("inclusion"), tlog.MaxProofHashes, hash); err != nil {
		return e, err
	}
	index := v.Member("index")
	if index.Kind() != strictjson.Number {
		return e, refuseKind(index, "a number")
	}
	e.Index = index.Uint()
	return e, nil
}

func hash(v strictjson.Value) (tlog.Hash, error) {
	encoded, err := text(v)
	if err != nil {
		return tlog.Hash{}, err
	}
	h, err := tlog.ParseHash(encoded)
	if err != nil {
		return tlog.Hash{}, &Error{Member: v.Path(), Want: "the base64 of 32 bytes", Err: err}
	}
	return h, nil
}

// members refuses what is not an object of exactly these members. Their order
// is settled: there is one canonical order.
func members(v strictjson.Value, names ...string) error {
	if v.Kind() != strictjson.Object {
		return refuseKind(v, "an object")
	}
	i := 0
	for name := range v.Members() {
		if i == len(names) || name != names[i] {
			return refuse(v.Path(), "member "+name, fmt.Sprintf("exactly the members %v", names))
		}
		i++
	}
	if i < len(names) {
		return refuse(v.MemberPath(names[i]), "no such member", "the members "+fmt.Sprint(names))
	}
	return nil
}

func text(v strictjson.Value) (string, error) {
	if v.Kind() != strictjson.String {
		return "", refuseKind(v, "a string")
	}
	return v.Text(), nil
}

// list reads a list of at most so many elements, nil if it has none.
func list[T any](v strictjson.Value, most int, element func(strictjson.Value) (T, error)) ([]T, error) {
	if v.Kind() != strictjson.List {
		return nil, refuseKind(v, "a list")
	}
	if v.Len() > most {
		return nil, refuse(v.Path(), fmt.Sprintf("%d elements", v.Len()), fmt.Sprintf("at most %d", most))
	}
	if v.Len() == 0 {
		return nil, nil
	}
	read := make([]T, 0, v.Len())
	for _, inner := range v.Elements() {
		one, err := element(inner)
		if err != nil {
			return nil, err
		}
		read = append(read, one)
	}
	return read, nil
}

func refuseKind(v strictjson.Value, want string) error {
	return refuse(v.Path(), v.Kind().String(), want)
}

// encode writes canonical JSON. Lists are written even where they are nil.
func (b *Bundle) encode() []byte {
	out := []byte(`{"anchors":[`)
	for i, a := range b.Anchors {
		out = append(separate(out, i), `{"checkpoint":`...)
		out = strictjson.AppendString(out, a.Checkpoint)
		out = append(out, `,"consistency":`...)
		out = append(appendHashes(out, a.Consistency), '}')
	}
	out = append(out, `],"checkpoint":`...)
	out = strictjson.AppendString(out, b.Checkpoint)
	out = append(out, `,"entries":[`...)
	for i, e := range b.Entries {
		out = append(separate(out, i), `{"envelope":"`...)
		out = base64.StdEncoding.AppendEncode(out, e.Envelope)
		out = append(out, `","inclusion":`...)
		out = appendHashes(out, e.Inclusion)
		out = append(out, `,"index":`...)
		out = append(strconv.AppendUint(out, e.Index, 10), '}')
	}
	out = append(out, `],"origin":`...)
	return append(strictjson.AppendString(out, b.Origin), '}')
}

func appendHashes(out []byte, hashes []tlog.Hash) []byte {
	out = append(out, '[')
	for i, h := range hashes {
		out = append(separate(out, i), '"')
		out = append(base64.StdEncoding.AppendEncode(out, h[:]), '"')
	}
	return append(out, ']')
}

// separate writes the comma before every element but the first.
func separate(out []byte, i int) []byte {
	if i > 0 {
		return append(out, ',')
	}
	return out
}
