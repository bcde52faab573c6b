package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

type withdrawOptions struct {
	source                     authoritySource
	reason, replacement        string
	product, issued, note, out string
	keys                       []string
	force                      bool
	submit                     submitOptions
}

// withdrawCommand makes the verb withdraw of images and of releases.
func (a *app) withdrawCommand(what release.Type) *cobra.Command {
	var o withdrawOptions
	covers := "every entry of its identity: its renewals too, earlier ones and later ones"
	if what == release.TypeImage {
		covers = "every release that names it, earlier ones and later ones"
	}
	cmd := &cobra.Command{
		Use:   "withdraw DIGEST|INDEX|FILE --reason CODE {--log URL [--policy FILE] | --authority FILE} [--key KEY...] [--roll URL]",
		Short: fmt.Sprintf("take back a logged %s: draft, show, sign and submit in one call", what),
		Long: fmt.Sprintf(`Drafts the withdrawal of a logged %[1]s, which covers %[2]s.
What is withdrawn is not live any more, unless a later release lists the withdrawal
in --reinstates.

In an emergency one call does it: with --log the log is replayed, and it is said what
stops being live; with --key it is signed, by keys of a withdraw role or by those of
the root; and if these are enough, it is submitted. With --roll it goes to the roll
signer as well (muster roll serve), which signs no roll without it once five minutes
have passed. If more keys must sign, the draft is kept in --out, the exit code is 1,
and the next step is said: muster withdrawal sign, attach, submit.

Without --key the draft is written for others to sign. With --authority and the FILE
of what is withdrawn the log is asked nothing before the submission.

Reasons: vulnerability, compromised, defect, superseded, mistake, or a word of your
own.`, what, covers),
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "reason"); err != nil {
				return err
			}
			return a.withdraw(cmd, what, args[0], &o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.reason, "reason", "", "why, as a `CODE`, such as vulnerability")
	flags.StringVar(&o.replacement, "replacement", "", "the payload `DIGEST` of what to use instead")
	flags.StringVar(&o.note, "note", "", "free text for people")
	flags.StringVar(&o.product, "product", "", "the product, where neither a file nor the log says it")
	flags.StringVar(&o.issued, "issued", "", "when it is made, RFC 3339 (default: now)")
	flags.StringArrayVar(&o.keys, "key", nil, "a private key `FILE` of somebody who may withdraw; may be repeated")
	flags.StringVar(&o.submit.roll, "roll", "", "the `URL` of the roll signer, which gets the withdrawal too")
	flags.DurationVar(&o.submit.timeout, "timeout", submitTimeout, "how long to wait for the log")
	o.source.flags(cmd, "")
	outFlags(cmd, &o.out, &o.force)
	cmd.Flag("out").Usage = "the `FILE` to write (default: withdrawal-<digest>.json)"
	return cmd
}

// withdrawing is a withdrawal on its way.
type withdrawing struct {
	digest release.Digest
	// target is what it withdraws; nil where nothing said.
	target    *release.Statement
	authority *release.Authority
	named     release.Digest // the authority's
	// history is the log; nil where it was not asked.
	history *history
	doc     *document
}

// withdrawalJSON is what withdraw prints.
type withdrawalJSON struct {
	documentJSON
	// Covers are the entries that it covers; absent where the log was not asked.
	Covers       []affected    `json:"covers,omitempty"`
	Consequences *consequences `json:"consequences,omitempty"`
	Complete     bool          `json:"complete"`
	// Roles, Problems and Names are those of withdrawal status, where the authority
	// and the target were known and the signatures are not enough.
	Roles     []roleStatus             `json:"roles,omitempty"`
	Problems  []signatureProblem       `json:"problems,omitempty"`
	Names     map[release.KeyID]string `json:"names,omitempty"`
	Submitted *submitted               `json:"submitted,omitempty"`
	Log       *notLogged               `json:"log,omitempty"`
	Roll      *handedIn                `json:"roll,omitempty"`
}

func (a *app) withdraw(cmd *cobra.Command, what release.Type, which string, o *withdrawOptions) error {
	w, err := a.withdrawalTarget(cmd, what, which, o)
	if err != nil {
		return err
	}
	if o.out == "" {
		o.out = fmt.Sprintf("withdrawal-%s.json", w.digest.String()[:shortDigits])
	}
	if err := checkFree(o.out, o.force); err != nil {
		return fail(exitcode.Usage, "file-exists", fmt.Sprintf("if it is this withdrawal, submit it: muster withdrawal submit %s; else name another file with --out", o.out), err)
	}
	statement, err := a.newWithdrawal(cmd, w, o)
	if err != nil {
		return err
	}
	if w.doc, err = newDocument(statement); err != nil {
		return err
	}
	result := &withdrawalJSON{}
	if w.history != nil {
		a.nameImages(w.history, []release.Digest{w.digest})
		index, _ := w.history.state.Lookup(w.digest)
		// What it covers is said with how it stands afterwards.
		if result.Consequences, err = w.history.suppose(statement, a.now()); err != nil {
			return fmt.Errorf("the log would refuse it, whoever signs: %w", err)
		}
		result.Covers = w.history.covered(index)
	}
	if err := a.announce(func(p *page) {
		p.line("withdrawing:")
		w.doc.describe(p)
		w.describe(p, result)
	}); err != nil {
		return err
	}
	keys, err := a.keysOf(o.keys)
	if err != nil {
		return err
	}
	if err := a.mayWithdraw(w, keys); err != nil {
		return err
	}
	for i, key := range keys {
		if err := w.doc.add(key); err != nil {
			return fmt.Errorf("sign with %s: %w", o.keys[i], err)
		}
	}
	// Kept before it is sent: nothing is lost, and it can be sent again.
	if err := w.doc.write(o.out, o.force); err != nil {
		return err
	}
	result.documentJSON = w.doc.json()
	if len(o.keys) == 0 {
		return a.print(result, func(p *page) {
			p.line("draft written to %s, not signed yet:", o.out)
			w.doc.describe(p)
			p.line("next: muster withdrawal sign %s --key KEY", o.out)
		})
	}
	return a.finishWithdrawal(cmd, w, result, o)
}

// finishWithdrawal submits what is signed by enough, and says what else is missing.
func (a *app) finishWithdrawal(cmd *cobra.Command, w *withdrawing, result *withdrawalJSON, o *withdrawOptions) error {
	o.submit.source = o.source.log
	sends := o.submit.roll != "" || o.submit.source.url != "" || o.submit.source.policy != ""
	if w.authority == nil || w.target == nil {
		if !sends {
			return fail(exitcode.Unknown, "", "give --log or --roll, or --authority and the FILE of what is withdrawn",
				fmt.Errorf("signed and kept in %s, but whether the signatures are enough cannot be told without the authority and what is withdrawn", o.out))
		}
		a.say("whether the signatures are enough is for whom it is sent to")
	} else {
		status := w.doc.signingStatus(&judge{authority: w.authority, target: w.target})
		result.Complete = status.Complete
		if !status.Complete {
			result.Roles, result.Problems, result.Names = status.Roles, status.Problems, a.namesOf(&status)
			if err := a.print(result, func(p *page) {
				status.describeRoles(p)
				p.line("not withdrawn yet: kept in %s", o.out)
				status.describeNext(p, w.doc)
			}); err != nil {
				return err
			}
			return command.Verdict(exitcode.Refused)
		}
	}
	if !sends {
		return a.print(result, func(p *page) {
			p.line("signed by enough, and kept in %s; nothing is withdrawn before it is logged", o.out)
			p.line("next: muster withdrawal submit %s --log URL", o.out)
		})
	}
	sent, err := a.sendWithdrawal(cmd, w.doc, o.submit)
	if err != nil {
		return fmt.Errorf("signed and kept in %s, not submitted: %w", o.out, err)
	}
	result.Complete, result.Submitted, result.Roll, result.Log = true, sent.submitted, sent.roll, sent.log // whoever took it has judged it
	if err := a.print(result, func(p *page) {
		sent.describe(p)
		p.field("kept in", "%s", o.out)
		w.describe(p, result)
	}); err != nil {
		return err
	}
	return sent.verdict()
}

// describe says in words what a withdrawal covers and ends.
func (w *withdrawing) describe(p *page, result *withdrawalJSON) {
	if w.history == nil {
		p.line("which entries it covers is not known without the log: give --log alone")
		return
	}
	describeCovered(p, w.digest, w.target, result.Covers)
	if len(result.Consequences.Ended) == 0 {
		p.line("nothing that it covers is live")
	}
	for i, entry := range result.Consequences.Ended {
		p.field(first(i, "not live any more"), "entry %d, %s", entry.Index, entry.Summary)
	}
}

// newWithdrawal makes the statement of the flags.
func (a *app) newWithdrawal(cmd *cobra.Command, w *withdrawing, o *withdrawOptions) (*release.Statement, error) {
	stated := &release.Withdrawal{Authority: w.named, Product: o.product, Target: w.digest, Reason: o.reason, Note: o.note}
	if w.target != nil {
		if o.product != "" && o.product != w.target.Product() {
			return nil, usage(cmd, fmt.Errorf("--product %s: what is withdrawn is of %s", quote(o.product), w.target.Product()))
		}
		stated.Product = w.target.Product()
	}
	var err error
	if stated.Issued, err = a.parseWhen(cmd, "issued", o.issued, a.now()); err != nil {
		return nil, err
	}
	if o.replacement != "" {
		digest, err := release.ParseDigest(o.replacement)
		if err != nil {
			return nil, usage(cmd, fmt.Errorf("--replacement: %w", err))
		}
		stated.Replacement = &digest
	}
	statement, err := release.NewWithdrawal(stated)
	if err != nil {
		return nil, flagValue(cmd, err)
	}
	return statement, nil
}

// withdrawalTarget finds what is withdrawn, and the authority in force: in the log,
// or in files.
func (a *app) withdrawalTarget(cmd *cobra.Command, what release.Type, which string, o *withdrawOptions) (w *withdrawing, err error) {
	w = &withdrawing{}
	if o.source.authority == "" {
		w.history, w.authority, w.named, err = a.replayFor(cmd, o.source.log)
		if err != nil {
			return nil, fmt.Errorf("%w (with --authority and the file of what is withdrawn, the log is not read first)", err)
		}
		index, err := a.entryOf(w.history, which, what)
		if err != nil {
			return nil, otherVerb(w.history, which, what, err)
		}
		w.digest, w.target = w.history.entries[index].digest, w.history.entries[index].statement
		return w, nil
	}
	if w.digest, err = release.ParseDigest(which); err != nil {
		doc, err := a.readDocument(which, what)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fail(exitcode.Usage, "no-such-file", "an index needs --log alone", fmt.Errorf("%s: no such file, and no digest of 64 digits", quote(which)))
		}
		if err != nil {
			return nil, err
		}
		w.digest, w.target = doc.digest(), doc.statement
	}
	w.authority, w.named, err = a.findAuthority(cmd, &o.source)
	if err == nil && w.target == nil && o.product == "" {
		err = usage(cmd, errors.New("of what is withdrawn only the digest is given: give its file, --log alone, or --product"))
	}
	return w, err
}

// otherVerb says which verb withdraws what was named by its index.
func otherVerb(h *history, which string, what release.Type, err error) error {
	f, ok := errors.AsType[*command.Failure](err)
	index, parsed := strconv.ParseUint(which, 10, 53)
	if !ok || f.Code != "entry-of-other-type" || parsed != nil {
		return err
	}
	record, _ := h.state.Entry(index)
	if record.Type != release.TypeImage && record.Type != release.TypeRelease || record.Type == what {
		return err
	}
	return fail(f.Exit, f.Code, fmt.Sprintf("muster %s withdraw %d", record.Type, index), err)
}

// mayWithdraw refuses, before anything is signed and kept, keys of which the authority in
// force says that every log refuses their signatures. That more must sign is no refusal.
func (a *app) mayWithdraw(w *withdrawing, keys []*release.PrivateKey) error {
	if w.authority == nil || w.target == nil || len(keys) == 0 {
		return nil
	}
	err := register.CheckSigners(w.authority, w.doc.statement, w.target, keyIDs(keys))
	if err == nil || release.CodeOf(err) == register.CodeThresholdMissed {
		return nil
	}
	status := w.doc.signingStatus(&judge{authority: w.authority, target: w.target})
	return fail(exitcode.Refused, string(release.CodeOf(err)), a.whoMay(&status), fmt.Errorf("not signed: every log would refuse it: %w", err))
}

// whoMay says in a line which keys could sign.
func (a *app) whoMay(status *signingStatus) string {
	if len(status.Roles) == 0 {
		return "no role of the authority in force covers it: see muster authority show"
	}
	var roles []string
	for _, role := range status.Roles {
		var keys []string
		for _, id := range a.names.sorted(append(slices.Clone(role.Signed), role.Missing...)) {
			keys = append(keys, strings.Join(strings.Fields(a.names.of(id)), " "))
		}
		roles = append(roles, fmt.Sprintf("role %s, %d of: %s", role.Role, role.Threshold, strings.Join(keys, ", ")))
	}
	return "who may sign: " + strings.Join(roles, "; or ")
}

// keyIDs are the ids of private keys.
func keyIDs(keys []*release.PrivateKey) []release.KeyID {
	ids := make([]release.KeyID, 0, len(keys))
	for _, key := range keys {
		ids = append(ids, key.Key().ID())
	}
	return ids
}

// add signs a document with a private key.
func (d *document) add(key *release.PrivateKey) error {
	signature, err := key.Sign(d.envelope.Payload)
	if err != nil {
		return err
	}
	return d.envelope.Add(signature)
}
