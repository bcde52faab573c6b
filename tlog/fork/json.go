package fork

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/muster-log/muster/tlog"
)

// object is the JSON of evidence, members in the order of RFC 8785.
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
	o := object{Checkpoints: e.Checkpoints[:], Kind: e.Kind, Origin: e.Origin, Witness: e.Witness}
	if e.Kind == Prefix {
		o.Consistency, o.Root = new(append([]tlog.Hash{}, e.Consistency...)), &e.Root
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(o); err != nil {
		return nil, fmt.Errorf("fork evidence: %w", err)
	}
	data := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	if len(data) > MaxSize {
		return nil, fmt.Errorf("fork evidence: got %d bytes, want at most %d", len(data), MaxSize)
	}
	return data, nil
}
