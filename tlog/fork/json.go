package fork

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/muster-log/muster/internal/strictjson"
	"github.com/muster-log/muster/tlog"
)

// object is the JSON of evidence. Parse compares what it says with encode.
type object struct {
	Checkpoints []string     `json:"checkpoints"`
	Consistency *[]tlog.Hash `json:"consistency,omitempty"`
	Kind        Kind         `json:"kind"`
	Origin      string       `json:"origin"`
	Root        *tlog.Hash   `json:"root,omitempty"`
	Witness     string       `json:"witness,omitempty"`
}

// ErrKind reports evidence of a kind that is not of this package.
var ErrKind = errors.New("unknown kind of fork evidence")

// Parse reads an evidence file strictly: at most MaxSize bytes of canonical
// JSON, and two checkpoints that contradict each other if they are genuine.
// Whether they are is for Verify.
func Parse(data []byte) (*Evidence, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("fork evidence: got %d bytes, want at most %d", len(data), MaxSize)
	}
	var o object
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, fmt.Errorf("fork evidence: want canonical JSON of the documented members: %w", err)
	}
	if len(o.Checkpoints) != 2 {
		return nil, fmt.Errorf("fork evidence: got %d checkpoints, want 2", len(o.Checkpoints))
	}
	e := &Evidence{Kind: o.Kind, Origin: o.Origin, Checkpoints: [2]string(o.Checkpoints), Witness: o.Witness}
	if o.Consistency != nil {
		e.Consistency = *o.Consistency
	}
	if o.Root != nil {
		e.Root = *o.Root
	}
	canonical, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, data) {
		return nil, errors.New("fork evidence: not in canonical form (RFC 8785), or bytes after it")
	}
	return e, nil
}

// Marshal returns the canonical bytes. It refuses what Parse would not read back.
func (e *Evidence) Marshal() ([]byte, error) {
	if _, err := check(e); err != nil {
		return nil, err
	}
	data := e.encode()
	if len(data) > MaxSize {
		return nil, fmt.Errorf("fork evidence: got %d bytes, want at most %d", len(data), MaxSize)
	}
	return data, nil
}

// encode writes canonical JSON, of each kind its members.
func (e *Evidence) encode() []byte {
	out := []byte(`{"checkpoints":[`)
	out = append(strictjson.AppendString(out, e.Checkpoints[0]), ',')
	out = append(strictjson.AppendString(out, e.Checkpoints[1]), ']')
	member := func(name, value string) {
		out = append(out, `,"`+name+`":`...)
		out = strictjson.AppendString(out, value)
	}
	if e.Kind == Prefix {
		out = append(out, `,"consistency":[`...)
		for i, hash := range e.Consistency {
			if i > 0 {
				out = append(out, ',')
			}
			out = strictjson.AppendString(out, hash.String())
		}
		out = append(out, ']')
	}
	member("kind", string(e.Kind))
	member("origin", e.Origin)
	if e.Kind == Prefix {
		member("root", e.Root.String())
	}
	if e.Kind == WitnessTime {
		member("witness", e.Witness)
	}
	return append(out, '}')
}
