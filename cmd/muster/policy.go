package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/verify"
)

func (a *app) policyCommand() *cobra.Command {
	return group("policy", "explain what a policy and requirements demand and withstand", a.policyCheckCommand())
}

func (a *app) policyCheckCommand() *cobra.Command {
	var files trustFiles
	cmd := &cobra.Command{
		Use:   "check --policy FILE [--requirements FILE]",
		Short: "say in words what a policy and requirements demand, and what they withstand",
		Long: `Explains both trust files in words and says how many lying witnesses they withstand.
Refused are files under which the log's operator could meet the quorum alone, or
nobody can. Of a policy alone it says which log, which witnesses and how many of them:
who runs them, and so what it withstands, only requirements say.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if files.requirements == "" {
				return a.policyAlone(cmd, files.policy)
			}
			trust, err := files.read(a, cmd)
			if err != nil {
				return err
			}
			return a.printTrust(trust)
		},
	}
	files.flags(cmd)
	return cmd
}

// policyJSON is what policy check prints of a policy alone.
type policyJSON struct {
	Origins     []string      `json:"origins"`
	Quorum      string        `json:"quorum"`
	Witnesses   []witnessJSON `json:"witnesses"`
	PostQuantum bool          `json:"postQuantum"`
}

type witnessJSON struct {
	Name string `json:"name"`
	Key  string `json:"key"` // its type
}

// policyAlone says what a policy demands, where nothing says who runs its witnesses.
func (a *app) policyAlone(cmd *cobra.Command, path string) error {
	if err := required(cmd, "policy"); err != nil {
		return err
	}
	p, err := a.readPolicy(path)
	if err != nil {
		return err
	}
	shown := policyJSON{Origins: []string{}, Quorum: p.Quorum, Witnesses: []witnessJSON{}, PostQuantum: postQuantum(p)}
	for _, log := range p.Logs {
		shown.Origins = append(shown.Origins, log.Key.Name)
	}
	for _, witness := range p.Witnesses {
		shown.Witnesses = append(shown.Witnesses, witnessJSON{witness.Name, witness.Key.Type.String()})
	}
	return a.print(shown, func(page *page) {
		for _, log := range p.Logs {
			page.line("log %s", quote(log.Key.Name))
		}
		if requirement, ok := p.Requirement(); ok {
			page.line("quorum: %s must have cosigned", requirementWords(requirement))
		} else {
			page.line("quorum: none, the log alone convinces you")
		}
		for _, witness := range p.Witnesses {
			page.field("witness "+witness.Name, "%s", witness.Key.Type)
		}
		page.line("what it withstands hangs on who runs them: give --requirements")
	})
}

// trustCode is the stable code of a refusal of the two files.
func trustCode(err error) string {
	switch {
	case errors.Is(err, policy.ErrLogOperatorAlone):
		return "log-operator-alone"
	case errors.Is(err, policy.ErrNobody):
		return "quorum-unreachable"
	case errors.Is(err, policy.ErrOperatorUnknown):
		return "operator-unknown"
	}
	return "trust-form"
}

// trustHint says what to do about a refusal of the two files.
func trustHint(err error) string {
	switch {
	case errors.Is(err, policy.ErrLogOperatorAlone):
		return "ask for cosignatures by witnesses that others run, or correct operators and logOperator"
	case errors.Is(err, policy.ErrNobody):
		return "lower the quorum, or name witnesses of more operators"
	case errors.Is(err, policy.ErrOperatorUnknown):
		return "name who runs every witness: muster requirements create --operator WITNESS=OPERATOR"
	}
	return "make requirements with muster requirements create; the log's operator publishes the policy"
}

// trustJSON is what policy check prints under --json.
type trustJSON struct {
	Origins []string `json:"origins"`
	Quorum  string   `json:"quorum"`
	// Satisfying is a smallest set of operators that meets the quorum, Blocking
	// one without which it is not met (absent: not found).
	Satisfying []string `json:"satisfying"`
	Blocking   []string `json:"blocking,omitempty"`
	// Lying is how many operators may lie without two histories passing; absent
	// where it was not found.
	Lying        *int           `json:"lyingWitnessesTolerated,omitempty"`
	PostQuantum  bool           `json:"postQuantum"`
	Waived       []string       `json:"waived"`
	Requirements release.Digest `json:"requirements"`
}

func (a *app) printTrust(trust *verify.Trust) error {
	p, r := trust.Policy(), trust.Requirements()
	tolerance, err := p.Tolerates(r.Operators, r.LogOperator)
	if err != nil {
		return err
	}
	digest, err := r.Digest()
	if err != nil {
		return err
	}
	shown := trustJSON{Origins: []string{}, Quorum: p.Quorum, Satisfying: tolerance.Satisfying, Blocking: tolerance.Blocking,
		PostQuantum: postQuantum(p), Waived: waived(r), Requirements: digest}
	for _, log := range p.Logs {
		shown.Origins = append(shown.Origins, log.Key.Name)
	}
	if tolerance.LyingKnown {
		shown.Lying = &tolerance.Lying
	}
	return a.print(shown, func(page *page) {
		policyWords(page, p, r)
		toleranceWords(page, tolerance, shown.PostQuantum)
		requirementsWords(page, r)
	})
}

func policyWords(page *page, p *policy.Policy, r *verify.Requirements) {
	for _, log := range p.Logs {
		page.line("log %s, run by %s", quote(log.Key.Name), quote(r.LogOperator))
	}
	requirement, _ := p.Requirement() // a quorum of none is refused before
	page.line("quorum: %s must have cosigned", requirementWords(requirement))
	for _, witness := range p.Witnesses {
		operator := r.Operators[witness.Name]
		vote := ""
		if operator == r.LogOperator {
			vote = ", no vote: the log's own operator"
		}
		page.field("witness "+witness.Name, "run by %s, %s%s", quote(operator), witness.Key.Type, vote)
	}
	page.line("several witnesses of one operator are one vote")
}

func requirementWords(r policy.Requirement) string {
	if r.Witness != nil {
		return r.Name
	}
	var members []string
	for _, member := range r.Members {
		members = append(members, requirementWords(member))
	}
	return fmt.Sprintf("%d of (%s)", r.Threshold, strings.Join(members, ", "))
}

func toleranceWords(page *page, t policy.Tolerance, postQuantum bool) {
	switch {
	case !t.LyingKnown:
		page.line("lying witnesses tolerated: not counted, an operator stands in several groups")
	case t.Lying < 0:
		page.line("lying witnesses tolerated: none, two quorums need not even share an operator: ask for more")
	case t.Lying == 0:
		page.line("lying witnesses tolerated: none, one that lies with the log can show you another history")
	default:
		page.line("lying witnesses tolerated: %d", t.Lying)
	}
	page.line("enough to convince you: %s, such as %s", count(len(t.Satisfying), "operator"), strings.Join(t.Satisfying, ", "))
	if t.Blocking != nil {
		page.line("enough to stop you: %s down, such as %s", count(len(t.Blocking), "operator"), strings.Join(t.Blocking, ", "))
	}
	if !postQuantum {
		page.line("not secure against quantum computers: the quorum can be met without ML-DSA cosignatures")
	}
}

func requirementsWords(page *page, r *verify.Requirements) {
	page.line("accepted")
	page.field("authority", "%s", r.Authority)
	page.field("products", "%s", list(r.Products))
	page.field("channels", "%s", list(r.Channels))
	page.field("modes", "%s", list(modeNames(r.AcceptedModes())))
	page.field("roll", "%s", ageWords(r.RollMaxAge, "at most %s old, and it lists the release", "of any age, or none: a withdrawn release passes"))
	page.field("checkpoint", "%s", ageWords(r.CheckpointMaxAge, "at most %s old", "of any age"))
	page.field("release", "%s", ageWords(r.MinimumAge, "witnessed at least %s ago", "as soon as it is logged"))
	if r.CmdlineRules > 0 {
		page.field("command line", "by rules of version %d at least", r.CmdlineRules)
	}
	for i, name := range slices.Sorted(maps.Keys(r.MinimumSecurityVersion)) {
		page.field(first(i, "security version"), "%s at least %d", name, r.MinimumSecurityVersion[name])
	}
	consistency := "compared with what is remembered, when that is possible"
	if r.Consistency == verify.ConsistencyRequired {
		consistency = "compared with what is remembered, or the result is unknown"
	}
	page.field("history", "%s", consistency)
	evidenceWords(page, r)
	if waived := waived(r); len(waived) > 0 {
		page.line("every verdict says waived: %s", strings.Join(waived, ", "))
	}
}

// evidenceWords says what is asked of a node's evidence; a verdict about a
// release alone does not look at it.
func evidenceWords(page *page, r *verify.Requirements) {
	page.line("accepted of a node's evidence, where that is judged")
	for i, level := range r.AcceptedAssurance() {
		page.field(first(i, "assurance"), "%s: %s", level, assuranceWords(string(level)))
	}
	if len(r.AcceptedAssurance()) == 0 {
		page.field("assurance", "none: no evidence passes")
	}
	secureBoot := "must be on"
	if r.SecureBoot == verify.SecureBootNotRequired {
		secureBoot = "on or off, it is reported"
	}
	page.field("secure boot", "%s", secureBoot)
	firmware := "must be an image of the release"
	if r.Firmware == verify.FirmwareNotChecked {
		firmware = "any, and every verdict says so"
	}
	page.field("firmware", "%s", firmware)
	for i, root := range r.TestRoots {
		page.field(first(i, "test roots"), "%s", root)
	}
	fresh := "by a nonce of yours"
	switch {
	case r.Epoch && r.Nonce:
		fresh = "by a nonce of yours, or by the newest cosigned checkpoint"
	case r.Epoch:
		fresh = "by the newest cosigned checkpoint"
	}
	page.field("fresh", "%s", fresh)
}

func ageWords(d verify.Duration, some, none string) string {
	if d.None() {
		return none
	}
	return fmt.Sprintf(some, d)
}

// waived lists the ages that the requirements do without.
func waived(r *verify.Requirements) []string {
	names := []string{}
	for _, age := range []struct {
		name  verify.Code
		value verify.Duration
	}{{verify.CodeRollAge, r.RollMaxAge}, {verify.CodeCheckpointAge, r.CheckpointMaxAge}, {verify.CodeMinimumAge, r.MinimumAge}} {
		if age.value.None() {
			names = append(names, string(age.name))
		}
	}
	return names
}

// postQuantum reports whether the quorum cannot be met by Ed25519 cosignatures.
func postQuantum(p *policy.Policy) bool {
	return !p.Met(func(w policy.Witness) bool { return w.Key.Type != tlog.TypeCosignatureMLDSA44 })
}

func modeNames(modes []release.Mode) []string {
	var names []string
	for _, mode := range modes {
		names = append(names, string(mode))
	}
	return names
}
