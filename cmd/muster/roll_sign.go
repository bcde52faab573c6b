package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/roll"
)

type rollSignOptions struct {
	trust         rollTrust
	product       string
	keys          []string
	out           string
	submit, force bool
	// withoutRelease: also of a product that never had one.
	withoutRelease bool
	timeout        time.Duration
}

func (a *app) rollSignCommand() *cobra.Command {
	var o rollSignOptions
	cmd := &cobra.Command{
		Use:   "sign [FILE] --log URL --policy FILE {--product NAME | FILE} --key KEY... [--out FILE] [--submit]",
		Short: "recompute what is live and sign it, once: for cron, and for thresholds",
		Long: `Replays the log, and signs the roll of a product at the log's newest checkpoint: into
--out, or with --submit to the log at once. From cron this is a roll signer that takes
no withdrawals; several of them, or a person, may sign the rolls of one product.

With FILE, a roll that somebody else drafted and signed, nothing of it is believed: it
is recomputed from the log, and if it is true, the signature is added to it. So several
people in several places reach a threshold; muster roll status says who is missing. A
key that has signed it already signs no more, and a roll that is in the log already is
submitted with success: the same call can be made again at any time.

A key that may not sign rolls of the product is refused before it signs, and so is a
product that never had a release, whose roll says nothing to anybody and stays in the
log for ever: --without-release signs it all the same.`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "policy", "key"); err != nil {
				return err
			}
			if len(args) == 1 && o.product != "" {
				return usage(cmd, errors.New("--product beside FILE, which states its own"))
			}
			if len(args) == 0 && o.product == "" {
				return usage(cmd, errors.New("missing --product, or the FILE of a roll to sign too"))
			}
			if len(args) == 0 && o.out == "" && !o.submit {
				return usage(cmd, errors.New("missing --out or --submit"))
			}
			if err := checkFree(o.out, o.force || len(args) == 1 && args[0] == o.out); err != nil {
				return err
			}
			return a.rollSign(cmd, args, o)
		},
	}
	o.trust.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.product, "product", "", "the product, such as acme/ai")
	flags.StringArrayVar(&o.keys, "key", nil, "a private key `FILE`; may be repeated")
	flags.StringVar(&o.out, "out", "", "the `FILE` to write (default: FILE)")
	flags.BoolVar(&o.submit, "submit", false, "submit it to the log")
	flags.DurationVar(&o.timeout, "timeout", submitTimeout, "how long to wait for the log")
	flags.BoolVar(&o.withoutRelease, "without-release", false, "sign also the roll of a product that never had a release in this log")
	flags.BoolVar(&o.force, "force", false, "overwrite the file of --out")
	return cmd
}

// signedRoll is what roll sign prints.
type signedRoll struct {
	documentJSON
	Made []release.KeyID `json:"made"`
	// Already are those of the keys that had signed it before.
	Already   []release.KeyID `json:"already,omitempty"`
	Submitted *submitted      `json:"submitted,omitempty"`
}

func (a *app) rollSign(cmd *cobra.Command, args []string, o rollSignOptions) error {
	keys, err := a.keysOf(o.keys)
	if err != nil {
		return err
	}
	var doc *document
	if len(args) == 1 {
		if doc, err = a.readDocument(args[0], release.TypeRoll); err != nil {
			return err
		}
	}
	l, err := a.replayRolls(cmd, &o.trust)
	if err != nil {
		return err
	}
	defer l.session.client.Close()
	logged := false
	if doc != nil {
		logged, err = a.checkDraft(cmd, l, doc, o.submit)
	} else {
		doc, err = a.draftRoll(l, o.product)
	}
	if err != nil {
		return err
	}
	result := signedRoll{Made: []release.KeyID{}}
	if !logged {
		if err := a.addToRoll(l, doc, keys, &o, &result); err != nil {
			return err
		}
	}
	basis := l.session.basis()
	if o.submit {
		if result.Submitted, basis, err = a.submitRoll(cmd, l, doc, logged, &o); err != nil {
			return err
		}
	}
	result.documentJSON = doc.json()
	return a.print(result, func(p *page) {
		switch {
		case len(result.Made) > 0:
			p.line("signed roll %s", doc.digest())
		case logged:
			p.line("not signed, logged already: roll %s", doc.digest())
		default:
			p.line("not signed again: roll %s", doc.digest())
		}
		for i, key := range result.Made {
			p.field(first(i, "by"), "%s", a.names.of(key))
		}
		for i, key := range result.Already {
			p.field(first(i, "signed before by"), "%s", a.names.of(key))
		}
		if doc.path != "" {
			p.field("file", "%s, %s", doc.path, count(len(doc.envelope.Signatures), "signature"))
		}
		if result.Submitted != nil {
			result.Submitted.describe(p, basis)
		}
	})
}

// addToRoll signs a roll with those of the keys that have not, and writes its file.
func (a *app) addToRoll(l *rollLog, doc *document, keys []*release.PrivateKey, o *rollSignOptions, result *signedRoll) error {
	product := doc.statement.Predicate.(*release.Roll).Product
	if !o.withoutRelease && !l.released[product] {
		return fail(exitcode.Refused, "product-without-release", "is the name right? it has releases of: "+list(slices.Sorted(maps.Keys(l.released)))+"; --without-release signs it all the same",
			fmt.Errorf("not signed: the log never had a release of %s", product))
	}
	var due []*release.PrivateKey
	signers := doc.signers()
	for _, key := range keys {
		id := key.Key().ID()
		if slices.Contains(signers, id) {
			result.Already = append(result.Already, id)
			continue
		}
		due, signers = append(due, key), append(signers, id)
	}
	inFile := o.out != "" || doc.path != ""
	if err := l.maySign(doc, signers); err != nil && (release.CodeOf(err) != register.CodeThresholdMissed || !inFile) {
		hint := "see whose keys sign rolls: muster authority show"
		if release.CodeOf(err) == register.CodeThresholdMissed {
			hint = "others must sign it, too: keep it with --out, and see docs/roll.md, thresholds"
		}
		return fail(exitcode.Refused, string(release.CodeOf(err)), hint, fmt.Errorf("not signed: the log would refuse it: %w", err))
	}
	if len(due) > 0 {
		if err := a.announceSigning(doc, "signing, recomputed from the log:"); err != nil {
			return err
		}
	}
	for _, key := range due {
		if err := doc.add(key); err != nil {
			return fmt.Errorf("sign with %s: %w", key.Key().ID(), err)
		}
		result.Made = append(result.Made, key.Key().ID())
	}
	target := cmp.Or(o.out, doc.path)
	if target == "" || len(due) == 0 && target == doc.path {
		return nil
	}
	return doc.write(target, o.force || target == doc.path)
}

// maySign asks the authority in force whether these keys may sign a roll together.
func (l *rollLog) maySign(doc *document, signers []release.KeyID) error {
	authority, _ := l.follower.State().Authority()
	return register.CheckSigners(authority, doc.statement, nil, signers)
}

// submitRoll submits a roll that is signed by enough.
func (a *app) submitRoll(cmd *cobra.Command, l *rollLog, doc *document, logged bool, o *rollSignOptions) (*submitted, string, error) {
	if err := l.maySign(doc, doc.signers()); err != nil && !logged {
		return nil, "", fail(exitcode.Refused, string(release.CodeOf(err)), fmt.Sprintf("see who must sign, too: muster roll status %s --log %s", doc.path, l.session.client.URL()),
			fmt.Errorf("signed and kept in %s, not submitted: %w", doc.path, err))
	}
	source := logSource{url: o.trust.url, policy: o.trust.files.policy}
	return a.submitEntry(cmd, doc, submitOptions{source: source, timeout: o.timeout})
}

// draftRoll computes the roll of a product at the newest checkpoint.
func (a *app) draftRoll(l *rollLog, product string) (*document, error) {
	computed, err := roll.Compute(l.follower.State(), l.follower.Checkpoint().Checkpoint, product, a.now())
	if err != nil {
		return nil, err
	}
	statement, err := release.NewRoll(computed)
	if err != nil {
		return nil, err
	}
	if err := l.admissible(statement, a.now()); err != nil {
		return nil, err
	}
	return newDocument(statement)
}

// checkDraft recomputes a roll that somebody else made; one that is false, or that no
// log would take any more, is not signed. One that the log holds already is an error,
// unless it is to be submitted.
func (a *app) checkDraft(cmd *cobra.Command, l *rollLog, doc *document, submit bool) (logged bool, err error) {
	if index, ok := l.follower.State().Lookup(doc.digest()); ok && submit {
		a.say("the log holds it already, at index %d", index)
		return true, nil
	}
	stated := doc.statement.Predicate.(*release.Roll)
	differences, err := l.compare(cmd, l.follower.State().Size(), stated)
	if err != nil {
		return false, err
	}
	if len(differences) > 0 {
		if err := a.announce(func(p *page) {
			p.line("not signed: %s differs from what the log holds:", doc.path)
			describeDifferences(p, differences)
		}); err != nil {
			return false, err
		}
		first := differences[0]
		return false, fail(exitcode.Refused, string(first.Code), "make a roll of your own: muster roll sign --product "+stated.Product,
			fmt.Errorf("%s: %s: got %s, want %s", doc.path, first.Member, quote(first.Got), oneLine(first.Want)))
	}
	return false, l.admissible(doc.statement, a.now())
}

// admissible asks the register whether the log could take a roll now, were it signed
// by those who must. The replayed state is used up.
func (l *rollLog) admissible(statement *release.Statement, now time.Time) error {
	_, err := l.follower.State().Suppose(statement, now)
	if release.CodeOf(err) == register.CodeAlreadyLogged {
		return fail(exitcode.Refused, string(register.CodeAlreadyLogged), "it needs no more signatures", err)
	}
	return err
}
