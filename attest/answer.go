package attest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/muster-log/muster/internal/strictjson"
)

// The greatest sizes of an answer's parts, in bytes and numbers.
const (
	MaxBundle       = 8 << 20 // as a proof bundle may have
	MaxEventLog     = 1 << 20 // a server's is below 100 KiB
	MaxCertificates = 8
	MaxCertificate  = 16 << 10
	MaxParts        = 8
	MaxPart         = 64 << 10
	maxPartName     = 32
	// MaxAnswer is the greatest size of an answer: the base64 of all that, and the
	// text around it.
	MaxAnswer = (MaxBundle+MaxEventLog+MaxCertificates*MaxCertificate+MaxParts*MaxPart)/3*4 + 16<<10
)

// Answer is a node's answer to a Request.
type Answer struct {
	Profile      string            // of the evidence
	Evidence     map[string][]byte // parts by the names that the profile gives them, 1 to MaxParts
	Batch        NoncePlace        // of the request's nonce
	Certificates [][]byte          // DER, as the profile orders them
	EventLog     []byte            // as firmware and kernel wrote it; empty: none
	Bundle       []byte            // proof bundle of the release
	Secret       []byte            // of the request's credential; empty: there was none
}

// ParseAnswer reads what Answer.Marshal writes, and nothing else. It judges nothing:
// what is in the parts is for the profile.
func ParseAnswer(data []byte) (*Answer, error) {
	root, err := readObject("evidence answer", data, MaxAnswer)
	if err != nil {
		return nil, err
	}
	a, err := readAnswer(root)
	if err != nil {
		return nil, fmt.Errorf("evidence answer: %w", err)
	}
	return a, nil
}

// Marshal returns the canonical JSON of an answer.
func (a *Answer) Marshal() ([]byte, error) {
	if !isName(a.Profile, MaxProfile) || len(a.Evidence) == 0 || len(a.Bundle) == 0 {
		return nil, errors.New("evidence answer: want a profile, evidence and a bundle")
	}
	out := append([]byte{'{'}, `"batch":{`...)
	out = appendCount(out, "index", a.Batch.Index)
	out = append(appendName(out, "path"), '[')
	for i, hash := range a.Batch.Path {
		out = appendElement(out, i, hash[:])
	}
	out = append(appendCount(append(out, ']'), "size", a.Batch.Size), '}')
	out = appendBytes(out, "bundle", a.Bundle)
	out = append(appendName(out, "certificates"), '[')
	for i, certificate := range a.Certificates {
		out = appendElement(out, i, certificate)
	}
	out = append(out, ']')
	if len(a.EventLog) > 0 {
		out = appendBytes(out, "eventLog", a.EventLog)
	}
	out = append(appendName(out, "evidence"), '{')
	for _, name := range slices.Sorted(maps.Keys(a.Evidence)) {
		out = appendBytes(out, name, a.Evidence[name])
	}
	out = strictjson.AppendString(appendName(append(out, '}'), "profile"), a.Profile)
	if len(a.Secret) > 0 {
		out = appendBytes(out, "secret", a.Secret)
	}
	out = append(out, '}')
	// What the reader would refuse is not sent.
	if _, err := ParseAnswer(out); err != nil {
		return nil, err
	}
	return out, nil
}

func appendElement(out []byte, i int, data []byte) []byte {
	if i > 0 {
		out = append(out, ',')
	}
	return appendBase64(out, data)
}
