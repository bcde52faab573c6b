// Package policy reads trust policies of transparency logs
// (https://c2sp.org/tlog-policy) and decides whether the cosignatures of a
// checkpoint meet them, as they stand and under the rule that one operator has
// one vote, and at which times.
//
// The parser is stricter than others of this format: a policy that could be
// met by fewer witnesses than it seems to ask for is refused. What a policy
// does not promise: that its witnesses are honest or independent. Who operates
// them is the relying party's to know, and given to the functions that count
// operators.
package policy

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-log/muster/tlog"
)

// None is the predefined name that a quorum may have when no cosignature is
// demanded.
const None = "none"

const (
	// MaxPolicy is the greatest size of a policy file in bytes. It leaves room
	// for the greatest numbers of post-quantum keys and for comments.
	MaxPolicy = 1 << 20
	// MaxLogs is the greatest number of log lines.
	MaxLogs = 32
	// MaxWitnesses is the greatest number of witness lines. The exact count of
	// operators is bounded by it: see MetByOperators.
	MaxWitnesses = 32
	// MaxGroups is the greatest number of group lines.
	MaxGroups = 32
)

// Log is a log line. The key's name is the log's origin.
type Log struct {
	// Key is of type 0x01 or 0x06.
	Key tlog.VerifierKey
	// URL is opaque here and may be empty.
	URL string
}

// Witness is a witness line.
type Witness struct {
	// Name is the witness's name in this policy, an opaque string of octets.
	Name string
	// Key is of type 0x04 or 0x06.
	Key tlog.VerifierKey
	// URL is opaque here and may be empty.
	URL string
}

// Group is a group line: it cosigns when at least Threshold members do.
type Group struct {
	Name      string
	Threshold int
	// Members names witnesses, and groups that stand before this one.
	Members []string
}

// Policy is a trust policy. One from Parse has passed Check; whoever builds one
// calls Check before using it.
type Policy struct {
	Logs      []Log
	Witnesses []Witness
	Groups    []Group
	// Quorum names a witness or a group, or is None.
	Quorum string
}

// Parse reads a policy and checks it. Besides what the specification refuses,
// it refuses one raw key for two witnesses, two logs or a log and a witness;
// a log key of type 0x04, a witness key of type 0x01; numbers with leading
// zeros, a carriage return, a last line without a line feed. A quorum of None
// is read: whether that is enough is for CheckOperators.
func Parse(data []byte) (*Policy, error) {
	if len(data) > MaxPolicy {
		return nil, fmt.Errorf("policy: got %d bytes, want at most %d", len(data), MaxPolicy)
	}
	for i, c := range data {
		if (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f {
			return nil, fmt.Errorf("policy: line %d: control character 0x%02x; only tab and line feed may stand", 1+bytes.Count(data[:i], []byte("\n")), c)
		}
	}
	if !bytes.HasSuffix(data, []byte("\n")) {
		return nil, errors.New("policy: the last line does not end in a line feed")
	}
	r := &reader{defined: make(map[string]bool), used: make(map[string]string)}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' })
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if err := r.line(fields); err != nil {
			return nil, fmt.Errorf("policy: line %d: %w", number, err)
		}
	}
	if r.policy.Quorum == "" {
		return nil, errors.New("policy: no quorum line")
	}
	return &r.policy, nil
}

// Check refuses a policy that Parse would not read back from Marshal.
func (p *Policy) Check() error {
	read, err := Parse(p.Marshal())
	if err != nil {
		return err
	}
	same := read.Quorum == p.Quorum &&
		slices.EqualFunc(read.Logs, p.Logs, func(a, b Log) bool { return a.URL == b.URL && a.Key.Equal(b.Key) }) &&
		slices.EqualFunc(read.Witnesses, p.Witnesses, func(a, b Witness) bool {
			return a.Name == b.Name && a.URL == b.URL && a.Key.Equal(b.Key)
		}) &&
		slices.EqualFunc(read.Groups, p.Groups, func(a, b Group) bool {
			return a.Name == b.Name && a.Threshold == b.Threshold && slices.Equal(a.Members, b.Members)
		})
	if !same {
		return errors.New("policy: a name or URL holds white space: it would read back as another policy")
	}
	return nil
}

// Marshal writes the policy without comments: logs, witnesses, groups, each in
// their order, thresholds as numbers, then the quorum.
func (p *Policy) Marshal() []byte {
	var b bytes.Buffer
	line := func(fields ...string) {
		b.WriteString(strings.TrimSuffix(strings.Join(fields, " "), " ") + "\n")
	}
	for _, log := range p.Logs {
		line("log", log.Key.String(), log.URL)
	}
	for _, w := range p.Witnesses {
		line("witness", w.Name, w.Key.String(), w.URL)
	}
	for _, g := range p.Groups {
		line(append([]string{"group", g.Name, strconv.Itoa(g.Threshold)}, g.Members...)...)
	}
	line("quorum", p.Quorum)
	return b.Bytes()
}

// String returns the text of Marshal.
func (p *Policy) String() string { return string(p.Marshal()) }

// WitnessKeys returns the keys of all witnesses, as
// tlog.SignedCheckpoint.Cosignatures takes them.
func (p *Policy) WitnessKeys() []tlog.VerifierKey {
	keys := make([]tlog.VerifierKey, len(p.Witnesses))
	for i, w := range p.Witnesses {
		keys[i] = w.Key
	}
	return keys
}

// LogKeys returns the keys of the logs with that origin.
func (p *Policy) LogKeys(origin string) []tlog.VerifierKey {
	var keys []tlog.VerifierKey
	for _, log := range p.Logs {
		if log.Key.Name == origin {
			keys = append(keys, log.Key)
		}
	}
	return keys
}

// Verify checks that one of the policy's logs signed the checkpoint under its
// own origin, that every line by a key of that origin or of a witness is good,
// and returns the witnesses' cosignatures. Whether these suffice is for Met and
// MetByOperators.
func (p *Policy) Verify(checkpoint *tlog.SignedCheckpoint) ([]tlog.Cosignature, error) {
	keys := p.LogKeys(checkpoint.Origin)
	if len(keys) == 0 {
		return nil, fmt.Errorf("checkpoint of origin %+.80q: the policy has no log of that name", checkpoint.Origin)
	}
	if err := checkpoint.VerifySignature(keys...); err != nil {
		return nil, err
	}
	return checkpoint.Cosignatures(p.WitnessKeys())
}
