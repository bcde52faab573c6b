package verify

import (
	"fmt"
	"strconv"

	"github.com/muster-log/muster/tlog/policy"
)

// Trust is what a relying party trusts: a policy and requirements that fit
// together.
type Trust struct {
	policy       *policy.Policy
	requirements *Requirements
}

// NewTrust joins a policy and requirements. It refuses what cannot protect or
// cannot work, as `muster policy check` says: a policy without a log, a witness
// without an operator, a quorum that the log's operator meets alone or nobody
// can meet. The causes are policy.ErrOperatorUnknown, ErrLogOperatorAlone and
// ErrNobody. Neither may be changed afterwards.
func NewTrust(p *policy.Policy, r *Requirements) (*Trust, error) {
	if len(p.Logs) == 0 {
		return nil, fmt.Errorf("policy: no log line: name the log whose checkpoints are trusted")
	}
	if _, err := r.Marshal(); err != nil {
		return nil, err
	}
	if err := p.CheckOperators(r.Operators, r.LogOperator); err != nil {
		return nil, err
	}
	return &Trust{policy: p, requirements: r}, nil
}

// ParseTrust reads the two files and joins them.
func ParseTrust(policyFile, requirementsFile []byte) (*Trust, error) {
	p, err := policy.Parse(policyFile)
	if err != nil {
		return nil, err
	}
	r, err := ParseRequirements(requirementsFile)
	if err != nil {
		return nil, err
	}
	return NewTrust(p, r)
}

// Policy returns the trust policy, which is not to be changed.
func (t *Trust) Policy() *policy.Policy { return t.policy }

// Requirements returns the requirements, which are not to be changed.
func (t *Trust) Requirements() *Requirements { return t.requirements }

// quote renders input for a message, bounded and in printable ASCII.
func quote(text string) string {
	const limit = 64
	if len(text) > limit {
		return strconv.QuoteToASCII(text[:limit]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
