package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/muster-log/muster/tlog"
)

// The JSON of a bundle. Members stand in the order of RFC 8785, so that the
// standard encoder, told not to escape for HTML, writes canonical bytes. Lists
// are bounded while they are read: a peer's bytes must not grow in memory.
type (
	object struct {
		Anchors    anchorList `json:"anchors"`
		Checkpoint string     `json:"checkpoint"`
		Entries    entryList  `json:"entries"`
		Origin     string     `json:"origin"`
	}
	anchorObject struct {
		Checkpoint  string   `json:"checkpoint"`
		Consistency hashList `json:"consistency"`
	}
	entryObject struct {
		Envelope  []byte   `json:"envelope"`
		Inclusion hashList `json:"inclusion"`
		Index     uint64   `json:"index"`
	}
	anchorList []anchorObject
	entryList  []entryObject
	hashList   []tlog.Hash
)

func (l *anchorList) UnmarshalJSON(data []byte) (err error) {
	*l, err = decodeList[anchorObject](data, MaxAnchors)
	return err
}

func (l *entryList) UnmarshalJSON(data []byte) (err error) {
	*l, err = decodeList[entryObject](data, MaxEntries)
	return err
}

func (l *hashList) UnmarshalJSON(data []byte) (err error) {
	*l, err = decodeList[tlog.Hash](data, tlog.MaxProofHashes)
	return err
}

// decodeList reads a list of at most so many elements.
func decodeList[T any](data []byte, most int) ([]T, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil || token != json.Delim('[') {
		return nil, fmt.Errorf("got %s, want a list", quote(string(data)))
	}
	list := []T{}
	for decoder.More() {
		if len(list) == most {
			return nil, fmt.Errorf("list of more than %d elements", most)
		}
		var element T
		if err := decoder.Decode(&element); err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	return list, nil
}

// decode reads JSON of this shape, canonical or not; Parse compares afterwards.
func decode(data []byte) (*Bundle, error) {
	var o object
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, &Error{Want: "canonical JSON of the documented members", Err: err}
	}
	b := &Bundle{Checkpoint: o.Checkpoint, Origin: o.Origin}
	for _, a := range o.Anchors {
		b.Anchors = append(b.Anchors, Anchor{Checkpoint: a.Checkpoint, Consistency: a.Consistency})
	}
	for _, e := range o.Entries {
		b.Entries = append(b.Entries, Entry{Envelope: e.Envelope, Inclusion: e.Inclusion, Index: e.Index})
	}
	return b, nil
}

// encode writes canonical JSON. Lists are written even where they are nil.
func (b *Bundle) encode() ([]byte, error) {
	o := object{Anchors: anchorList{}, Checkpoint: b.Checkpoint, Entries: entryList{}, Origin: b.Origin}
	for _, a := range b.Anchors {
		o.Anchors = append(o.Anchors, anchorObject{Checkpoint: a.Checkpoint, Consistency: append(hashList{}, a.Consistency...)})
	}
	for _, e := range b.Entries {
		o.Entries = append(o.Entries, entryObject{Envelope: e.Envelope, Inclusion: append(hashList{}, e.Inclusion...), Index: e.Index})
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(o); err != nil {
		return nil, &Error{Want: "a bundle that can be written", Err: err}
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// separators are the two characters that the standard encoder escapes and RFC
// 8785 does not.
const separators = "\u2028\u2029"

func holdsSeparator(text string) bool { return strings.ContainsAny(text, separators) }
