// Package record keeps what a node showed one client, whole, so that anybody can
// judge it again later: docs/formats/record.md.
//
// It uses no network, and builds for browsers.
package record

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/internal/strictjson"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/verify"
)

const (
	// MaxSize is the greatest size of a record, in bytes: an answer and two trust files
	// whose every character is escaped.
	MaxSize = attest.MaxAnswer + 2*(policy.MaxPolicy+verify.MaxRequirements) + 4<<10
	// maxAddress is a DNS name's 253 characters, a colon, and a port.
	maxAddress = 253 + 6
)

// limits bound the JSON: an answer is three deep, and has less than 64 values.
var limits = strictjson.Limits{Depth: 4, Values: 64 + 16}

// Record is what a node answered to one client. All of it but the answer is the word
// of whoever saved it, and so is that the answer came over a connection with that key.
type Record struct {
	Address string    // host:port that was asked
	Time    time.Time // of the asking, by the client's clock, in whole seconds
	// Nonce was sent; SPKI is SHA-256 of the SubjectPublicKeyInfo (DER) of the
	// connection's certificate.
	Nonce, SPKI attest.Digest
	// Activated: the client says that the node gave back the secret of a credential.
	// Nobody else can check that.
	Activated bool
	Answer    []byte // canonical JSON of an attest.Answer
	// Policy and Requirements are the trust files that the client asked with, to be
	// shown: whoever judges brings their own.
	Policy, Requirements []byte
}

// Parse reads what Record.Marshal writes, which one line feed may follow. The answer
// and the trust files are read for their form; nothing is judged.
func Parse(data []byte) (*Record, error) {
	if len(data) > MaxSize+1 {
		return nil, fmt.Errorf("record: got %d bytes, want at most %d", len(data), MaxSize)
	}
	if n := len(data); n > 0 && data[n-1] == '\n' {
		data = data[:n-1]
	}
	doc, err := strictjson.Parse(data, limits)
	if err != nil {
		return nil, fmt.Errorf("record: want canonical JSON (RFC 8785): %w", err)
	}
	r, err := read(doc.Root())
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return r, nil
}

var memberNames = []string{"activated", "address", "answer", "nonce", "policy", "requirements", "spki", "time"}

func read(root strictjson.Value) (*Record, error) {
	if root.Kind() != strictjson.Object {
		return nil, fmt.Errorf("got %s, want an object", root.Kind())
	}
	for name := range root.Members() {
		if !slices.Contains(memberNames, name) {
			return nil, fmt.Errorf("got member %q, want none of that name", name)
		}
	}
	r := &Record{}
	switch root.Member("activated").Kind() {
	case strictjson.True:
		r.Activated = true
	case strictjson.False:
	default:
		return nil, errors.New("activated: want true or false")
	}
	if r.Address = root.Member("address").Text(); !isAddress(r.Address) {
		return nil, fmt.Errorf("address: want host:port, at most %d characters", maxAddress)
	}
	answer := root.Member("answer")
	if answer.Kind() != strictjson.Object {
		return nil, errors.New("answer: want an object, the node's answer")
	}
	r.Answer = []byte(answer.Raw())
	if _, err := attest.ParseAnswer(r.Answer); err != nil {
		return nil, err
	}
	nonce, err := base64.StdEncoding.Strict().DecodeString(root.Member("nonce").Text())
	if err != nil || len(nonce) != len(r.Nonce) || base64.StdEncoding.EncodeToString(nonce) != root.Member("nonce").Text() {
		return nil, errors.New("nonce: want 32 bytes in base64")
	}
	r.Nonce = attest.Digest(nonce)
	if r.SPKI, err = readDigest(root.Member("spki")); err != nil {
		return nil, err
	}
	if r.Time, err = release.ParseTime(root.Member("time").Text()); err != nil {
		return nil, errors.New("time: want a time such as 2026-11-03T12:00:00Z")
	}
	r.Policy, r.Requirements = []byte(root.Member("policy").Text()), []byte(root.Member("requirements").Text())
	if _, err := verify.ParseTrust(r.Policy, r.Requirements); err != nil {
		return nil, fmt.Errorf("policy, requirements: %w", err)
	}
	return r, nil
}

// readDigest reads {"sha256": hex}.
func readDigest(v strictjson.Value) (attest.Digest, error) {
	text := v.Member("sha256").Text()
	digest, err := hex.DecodeString(text)
	if v.Kind() != strictjson.Object || v.Len() != 1 || err != nil || len(digest) != len(attest.Digest{}) || hex.EncodeToString(digest) != text {
		return attest.Digest{}, errors.New(`spki: want {"sha256": 64 digits in lower case}`)
	}
	return attest.Digest(digest), nil
}

// isAddress reports a name or an address with a port, in characters that are safe to
// show.
func isAddress(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '/' || c == '@' {
			return false
		}
	}
	return len(text) > 0 && len(text) <= maxAddress && slices.Contains([]byte(text), ':')
}

// Marshal returns the canonical JSON of a record. It refuses what Parse would not
// read back.
func (r *Record) Marshal() ([]byte, error) {
	out := fmt.Appendf(nil, `{"activated":%t,"address":`, r.Activated)
	out = append(append(strictjson.AppendString(out, r.Address), `,"answer":`...), r.Answer...)
	out = base64.StdEncoding.AppendEncode(append(out, `,"nonce":"`...), r.Nonce[:])
	out = strictjson.AppendString(append(out, `","policy":`...), string(r.Policy))
	out = strictjson.AppendString(append(out, `,"requirements":`...), string(r.Requirements))
	out = fmt.Appendf(out, `,"spki":{"sha256":"%x"},"time":"%s"}`, r.SPKI[:], release.FormatTime(r.Time))
	if _, err := Parse(out); err != nil {
		return nil, err
	}
	return out, nil
}
