package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/roll"
)

func (a *app) rollCheckCommand() *cobra.Command {
	var trust rollTrust
	var evidence string
	cmd := &cobra.Command{
		Use:   "check [INDEX|DIGEST|FILE] --log URL --policy FILE",
		Short: "recompute the rolls of a log, and say every difference",
		Long: `Replays the log, and recomputes from its entries what was live at the size of a roll,
the root of the log there, and the authority in force: of the roll of that index,
digest or file, or without one of every roll in the log. Anybody can do this; nothing
is taken from the log's own word but the entries.

Exit code 0: all true; 1: one is false, and every difference is said; 4: one lists what
was withdrawn before, and the evidence is in a file.`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rollCheck(cmd, args, &trust, evidence)
		},
	}
	trust.flags(cmd)
	cmd.Flags().StringVar(&evidence, "evidence", "", "the `FILE` for evidence against the first false roll (default, and for others: a name made of origin and entry)")
	return cmd
}

// checkedRoll is a roll, recomputed.
type checkedRoll struct {
	// Index is that of its entry; absent of a file that the log does not hold.
	Index       *uint64           `json:"index,omitempty"`
	Digest      release.Digest    `json:"digest"`
	Product     string            `json:"product"`
	Size        uint64            `json:"size"`
	Issued      string            `json:"issued"`
	Live        int               `json:"live"`
	True        bool              `json:"true"`
	Differences []roll.Difference `json:"differences"`
	// Standing says how its entry stands.
	Standing string `json:"standing,omitempty"`
	Evidence string `json:"evidence,omitempty"`

	stated *release.Roll
}

// subject is a roll to recompute, at an index where it stands or would stand.
type rollSubject struct {
	index  uint64
	logged bool
	digest release.Digest
	stated *release.Roll
	// refusal is why the register calls its entry void.
	refusal *release.Refusal
}

func (a *app) rollCheck(cmd *cobra.Command, args []string, trust *rollTrust, evidence string) error {
	if err := required(cmd, "policy"); err != nil {
		return err
	}
	l, err := a.replayRolls(cmd, trust)
	if err != nil {
		return err
	}
	defer l.session.client.Close()
	subjects, err := a.rollSubjects(l, args)
	if err != nil {
		return err
	}
	checkpoint := l.follower.Checkpoint()
	result := struct {
		Origin string        `json:"origin"`
		Size   uint64        `json:"size"`
		True   bool          `json:"true"`
		Rolls  []checkedRoll `json:"rolls"`
	}{checkpoint.Origin, checkpoint.Size, true, []checkedRoll{}}
	exit := exitcode.Verified
	for _, subject := range subjects {
		checked, err := l.check(cmd, subject)
		if err != nil {
			return err
		}
		if !checked.True {
			result.True, exit = false, max(exit, exitcode.Refused)
			if checked.Evidence, err = a.falseRoll(cmd, l, subject, evidence); err != nil {
				return err
			}
			if checked.Evidence != "" {
				exit, evidence = exitcode.Misbehaved, "" // one file holds one roll
			}
		}
		result.Rolls = append(result.Rolls, *checked)
	}
	if err := a.print(result, func(p *page) {
		p.line("log %s at size %d, replayed, verified with %s", quote(result.Origin), result.Size, l.session.basis())
		if len(result.Rolls) == 0 {
			p.line("no rolls")
		}
		for _, checked := range result.Rolls {
			checked.describe(p)
		}
	}); err != nil {
		return err
	}
	if exit != exitcode.Verified {
		return command.Verdict(exit)
	}
	return nil
}

func (c *checkedRoll) describe(p *page) {
	where := "a file that the log does not hold"
	if c.Index != nil {
		where = "entry " + strconv.FormatUint(*c.Index, 10)
	}
	word := "true"
	if !c.True {
		word = "FALSE"
	}
	p.line("%s: roll of %s at size %d, %s, issued %s: %s", where, c.Product, c.Size, count(c.Live, "live release"), c.Issued, word)
	if c.Standing != "" {
		p.field("stands", "%s", c.Standing)
	}
	describeDifferences(p, c.Differences)
	if c.Evidence != "" {
		p.field("evidence", "%s", c.Evidence)
	}
}

// rollSubjects finds the rolls to check.
func (a *app) rollSubjects(l *rollLog, args []string) ([]rollSubject, error) {
	var all []rollSubject
	for _, outcome := range l.rolls {
		all = append(all, rollSubject{outcome.Index, true, outcome.Digest, outcome.Prepared.Statement.Predicate.(*release.Roll), outcome.Refusal})
	}
	if len(args) == 0 {
		return all, nil
	}
	which := args[0]
	if index, err := strconv.ParseUint(which, 10, 63); err == nil {
		return oneOf(all, which, func(s rollSubject) bool { return s.index == index })
	}
	if digest, err := release.ParseDigest(which); err == nil {
		return oneOf(all, which, func(s rollSubject) bool { return s.digest == digest })
	}
	doc, err := a.readDocument(which, release.TypeRoll)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail(exitcode.Usage, "no-such-file", "", fmt.Errorf("%s: no such file, no index, and no digest of 64 digits", quote(which)))
	}
	if err != nil {
		return nil, err
	}
	if found, err := oneOf(all, which, func(s rollSubject) bool { return s.digest == doc.digest() }); err == nil {
		return found, nil
	}
	return []rollSubject{{index: l.follower.State().Size(), digest: doc.digest(), stated: doc.statement.Predicate.(*release.Roll)}}, nil
}

// oneOf returns those that fit; of a digest that stands several times all of them.
func oneOf(all []rollSubject, which string, fits func(rollSubject) bool) ([]rollSubject, error) {
	found := slices.DeleteFunc(slices.Clone(all), func(s rollSubject) bool { return !fits(s) })
	if len(found) == 0 {
		return nil, fail(exitcode.Refused, "not-logged", "see what is there: muster roll check without an argument", fmt.Errorf("the log holds no roll %s", which))
	}
	return found, nil
}

func (l *rollLog) check(cmd *cobra.Command, subject rollSubject) (*checkedRoll, error) {
	stated := subject.stated
	differences, err := l.compare(cmd, subject.index, stated)
	if err != nil {
		return nil, err
	}
	checked := &checkedRoll{Digest: subject.digest, Product: stated.Product, Size: stated.Size, Issued: release.FormatTime(stated.Issued), Live: len(stated.Live), Differences: differences, stated: stated}
	if subject.logged {
		checked.Index = &subject.index
		if standing, ok := l.follower.State().Why(subject.index); ok && standing.Word != register.WordNewest && standing.Word != register.WordSuperseded {
			checked.Standing = standing.String()
		}
	}
	// What is true and void all the same was signed by the wrong keys, or at the wrong
	// time.
	if subject.refusal != nil && !slices.ContainsFunc(differences, func(d roll.Difference) bool { return d.Code == subject.refusal.Code }) {
		checked.Differences = append(checked.Differences, roll.Difference{Code: subject.refusal.Code, Member: subject.refusal.Member, Got: subject.refusal.Got, Want: subject.refusal.Want})
	}
	if checked.Differences == nil {
		checked.Differences = []roll.Difference{}
	}
	checked.True = len(checked.Differences) == 0
	return checked, nil
}
