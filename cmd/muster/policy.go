package main

import (
	"errors"
	"fmt"
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
		Use:   "check --policy FILE --requirements FILE",
		Short: "say in words what a policy and requirements demand, and what they withstand",
		Long: `Explains both trust files in words and says how many lying witnesses they withstand.
Refused are files under which the log's operator could meet the quorum alone, or
nobody can.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
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
	requirement, asked := p.Requirement()
	if !asked {
		page.line("quorum: none, the log's word alone")
		return
	}
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
	page.line("enough to convince you: %d operators, such as %s", len(t.Satisfying), strings.Join(t.Satisfying, ", "))
	if t.Blocking != nil {
		page.line("enough to stop you: %d operators down, such as %s", len(t.Blocking), strings.Join(t.Blocking, ", "))
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
	page.field("roll", "%s", ageWords(r.RollMaxAge, "at most %s old", "of any age, or none: a withdrawn release passes"))
	page.field("checkpoint", "%s", ageWords(r.CheckpointMaxAge, "at most %s old", "of any age"))
	page.field("release", "%s", ageWords(r.MinimumAge, "witnessed at least %s ago", "as soon as it is logged"))
	for name, version := range r.MinimumSecurityVersion {
		page.field("security version", "%s at least %d", name, version)
	}
	if waived := waived(r); len(waived) > 0 {
		page.line("every verdict says waived: %s", strings.Join(waived, ", "))
	}
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
