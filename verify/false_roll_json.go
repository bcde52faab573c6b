package verify

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/muster-log/muster/internal/strictjson"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/fork"
)

// MaxEvidence is the greatest size of an evidence file of any kind in bytes: that
// of a false roll, a whole bundle and a proof.
const MaxEvidence = bundle.MaxSize + 8<<10

// Evidence is fork evidence of any kind: a *fork.Evidence or a *FalseRoll.
type Evidence interface {
	// Marshal returns the canonical bytes of the evidence's file.
	Marshal() ([]byte, error)
	// Verify checks it against keys that the reader trusts.
	Verify(keys ...tlog.VerifierKey) error
}

// evidenceLimits bound the JSON of evidence while it is read.
var evidenceLimits = strictjson.Limits{Depth: 5, Values: 64 + tlog.MaxProofHashes + bundle.MaxEntries*(4+tlog.MaxProofHashes)}

// ParseEvidence reads an evidence file of any kind strictly. Whether what it holds
// is genuine is for Verify. Options are those of NewFalseRoll.
func ParseEvidence(data []byte, with ...register.Option) (Evidence, error) {
	root, err := parseEvidence(data)
	if err != nil {
		return nil, err
	}
	if fork.Kind(root.Member("kind").Text()) == KindFalseRoll {
		return readFalseRoll(data, root, with)
	}
	return fork.Parse(data)
}

func parseEvidence(data []byte) (strictjson.Value, error) {
	if len(data) > MaxEvidence {
		return strictjson.Value{}, fmt.Errorf("fork evidence: got %d bytes, want at most %d", len(data), MaxEvidence)
	}
	doc, err := strictjson.Parse(data, evidenceLimits)
	if err != nil {
		return strictjson.Value{}, fmt.Errorf("fork evidence: want canonical JSON (RFC 8785): %w", err)
	}
	return doc.Root(), nil
}

// readFalseRoll reads what Marshal writes. What it is lenient about, the comparison
// finds.
func readFalseRoll(data []byte, root strictjson.Value, with []register.Option) (*FalseRoll, error) {
	b, err := bundle.Parse([]byte(root.Member("bundle").Raw()))
	if err != nil {
		return nil, fmt.Errorf("false roll: bundle: %w", err)
	}
	e := &FalseRoll{Bundle: b, options: with}
	hashes := root.Member("consistency")
	if hashes.Len() > tlog.MaxProofHashes {
		return nil, fmt.Errorf("false roll: consistency: got %d hashes, want at most %d", hashes.Len(), tlog.MaxProofHashes)
	}
	for i, v := range hashes.Elements() {
		hash, err := tlog.ParseHash(v.Text())
		if err != nil {
			return nil, fmt.Errorf("false roll: consistency[%d]: %w", i, err)
		}
		e.Consistency = append(e.Consistency, hash)
	}
	canonical, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, data) {
		return nil, errors.New("false roll: not in the form that is documented: a member too many, too few or another")
	}
	return e, nil
}

// Marshal returns the canonical bytes. It refuses what ParseEvidence would not read
// back, and what is no evidence whoever signed the checkpoint.
func (e *FalseRoll) Marshal() ([]byte, error) {
	if len(e.Bundle.Anchors) > 0 {
		return nil, fmt.Errorf("false roll: got %d anchors, want none", len(e.Bundle.Anchors))
	}
	b, err := e.Bundle.Marshal()
	if err != nil {
		return nil, fmt.Errorf("false roll: bundle: %w", err)
	}
	if _, err := e.Shown(); err != nil {
		return nil, err
	}
	out := append([]byte(`{"bundle":`), b...)
	out = append(out, `,"consistency":[`...)
	for i, hash := range e.Consistency {
		out = strictjson.AppendString(append(out, comma(i)...), hash.String())
	}
	out = append(out, `],"kind":`...)
	out = strictjson.AppendString(out, string(KindFalseRoll))
	out = append(out, `,"origin":`...)
	out = append(strictjson.AppendString(out, e.Bundle.Origin), '}')
	if len(out) > MaxEvidence {
		return nil, fmt.Errorf("false roll: got %d bytes, want at most %d", len(out), MaxEvidence)
	}
	return out, nil
}
