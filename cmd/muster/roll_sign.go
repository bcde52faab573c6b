package main

import (
	"errors"
	"fmt"
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
	timeout       time.Duration
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
people in several places reach a threshold; muster roll status says who is missing.`,
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
	flags.BoolVar(&o.force, "force", false, "overwrite the file of --out")
	return cmd
}

// signedRoll is what roll sign prints.
type signedRoll struct {
	documentJSON
	Made      []release.KeyID `json:"made"`
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
		for i, key := range keys {
			if slices.Contains(doc.signers(), key.Key().ID()) {
				return fail(exitcode.Refused, string(release.CodeSignatureRepeated), "see who has signed: muster roll show "+doc.path, fmt.Errorf("%s has signed %s already", o.keys[i], doc.path))
			}
		}
	}
	l, err := a.replayRolls(cmd, &o.trust)
	if err != nil {
		return err
	}
	defer l.session.client.Close()
	if doc != nil {
		err = a.checkDraft(cmd, l, doc)
	} else {
		doc, err = a.draftRoll(l, o.product)
	}
	if err != nil {
		return err
	}
	if err := a.announceSigning(doc, "signing, recomputed from the log:"); err != nil {
		return err
	}
	result := signedRoll{}
	for i, key := range keys {
		signature, err := key.Sign(doc.envelope.Payload)
		if err == nil {
			err = doc.envelope.Add(signature)
		}
		if err != nil {
			return fmt.Errorf("sign with %s: %w", o.keys[i], err)
		}
		result.Made = append(result.Made, signature.KeyID)
	}
	if target := o.out; target != "" || doc.path != "" {
		if target == "" {
			target = doc.path
		}
		if err := doc.write(target, o.force || target == doc.path); err != nil {
			return err
		}
	}
	basis := l.session.basis()
	if o.submit {
		source := logSource{url: o.trust.url, policy: o.trust.files.policy}
		if result.Submitted, basis, err = a.submitEntry(cmd, doc, submitOptions{source: source, timeout: o.timeout}); err != nil {
			return err
		}
	}
	result.documentJSON = doc.json()
	return a.print(result, func(p *page) {
		p.line("signed roll %s", doc.digest())
		for _, key := range result.Made {
			p.field("by", "%s", a.names.of(key))
		}
		if doc.path != "" {
			p.field("file", "%s, %s", doc.path, count(len(doc.envelope.Signatures), "signature"))
		}
		if result.Submitted != nil {
			result.Submitted.describe(p, basis)
		}
	})
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
// log would take any more, is not signed.
func (a *app) checkDraft(cmd *cobra.Command, l *rollLog, doc *document) error {
	stated := doc.statement.Predicate.(*release.Roll)
	differences, err := l.compare(cmd, l.follower.State().Size(), stated)
	if err != nil {
		return err
	}
	if len(differences) > 0 {
		if err := a.announce(func(p *page) {
			p.line("not signed: %s differs from what the log holds:", doc.path)
			describeDifferences(p, differences)
		}); err != nil {
			return err
		}
		first := differences[0]
		return fail(exitcode.Refused, string(first.Code), "make a roll of your own: muster roll sign --product "+stated.Product,
			fmt.Errorf("%s: %s: got %s, want %s", doc.path, first.Member, quote(first.Got), oneLine(first.Want)))
	}
	return l.admissible(doc.statement, a.now())
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
