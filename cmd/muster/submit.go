package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
)

// submitTimeout is how long submit waits for a log by default. A log with its
// witnesses answers in about a second; one without them may need hours, and the
// entry is safe meanwhile.
const submitTimeout = 5 * time.Minute

type submitOptions struct {
	source        logSource
	bundle, proof string
	timeout       time.Duration
	force         bool
	// roll is the URL of a roll signer, for a withdrawal.
	roll string
}

// submitCommand makes the verb submit of a type.
func (a *app) submitCommand(what release.Type) *cobra.Command {
	var o submitOptions
	cmd := &cobra.Command{
		Use:   "submit FILE " + submitWhere(what) + " [--policy FILE] [--bundle FILE" + bundle.Extension + "] [--proof FILE]",
		Short: fmt.Sprintf("submit the %s to a log, and verify the log's proof", what),
		Long: fmt.Sprintf(`Submits the %s to a log and waits until it is published. Before it says submitted, it
has verified here that the entry stands in a checkpoint that the log signed, and
that the cosignatures meet the quorum: of --policy, or else of the policy that the
log states itself, which proves less.

The same file can be submitted again at any time: it gets the same index.`, what) + submitMore[what],
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, path := range []string{o.bundle, o.proof} {
				if err := checkFree(path, o.force); err != nil {
					return err
				}
			}
			doc, err := a.readDocument(args[0], what)
			if err != nil {
				return err
			}
			return a.submit(cmd, doc, o)
		},
	}
	o.source.flags(cmd)
	if what == release.TypeWithdrawal {
		cmd.Flags().StringVar(&o.roll, "roll", "", "the `URL` of the roll signer, which gets the withdrawal too, and submits it by itself")
	}
	cmd.Flags().StringVar(&o.bundle, "bundle", "", "write the proof bundle to this file")
	cmd.Flags().StringVar(&o.proof, "proof", "", "write the entry's proof (C2SP tlog-proof) to this file")
	cmd.Flags().DurationVar(&o.timeout, "timeout", submitTimeout, "how long to wait for the log")
	cmd.Flags().BoolVar(&o.force, "force", false, "overwrite the files of --bundle and --proof")
	return cmd
}

func submitWhere(what release.Type) string {
	if what == release.TypeWithdrawal {
		return "{--log URL | --roll URL}"
	}
	return "--log URL"
}

// submitMore is what submit does besides for some types.
var submitMore = map[release.Type]string{
	release.TypeWithdrawal: `

With --roll the withdrawal goes to the roll signer first (muster roll serve): that
submits it by itself, and signs no roll without it once five minutes have passed. So
a log that hides it goes stale. With --log besides, it is submitted from here as
well; a roll signer that is away does not hold that up.`,
	release.TypeAuthority: `

Once a version is logged, it alone counts: drafts that name the one before are
refused. The first version is not submitted: muster-log init begins the log with it.`,
}

// submitted is what submit prints.
type submitted struct {
	Type   release.Type   `json:"type"`
	Digest release.Digest `json:"digest"`
	Origin string         `json:"origin"`
	Index  uint64         `json:"index"`
	// Size is that of the checkpoint which proves the entry.
	Size      uint64       `json:"size"`
	Duplicate bool         `json:"duplicate"`
	Cosigned  []cosignedBy `json:"cosigned"`
	// Pinned: verified with the caller's own policy.
	Pinned bool `json:"pinned"`
	// Standing and Why say how a release stands now, by the log's index; absent of
	// other types, and where the index could not be asked.
	Standing register.Word `json:"standing,omitempty"`
	Why      string        `json:"why,omitempty"`

	Bundle string `json:"bundle,omitempty"`
	Proof  string `json:"proof,omitempty"`
}

func (a *app) submit(cmd *cobra.Command, doc *document, o submitOptions) error {
	if doc.statement.Type == release.TypeWithdrawal {
		return a.submitWithdrawal(cmd, doc, o)
	}
	result, basis, err := a.submitEntry(cmd, doc, o)
	if err != nil {
		return err
	}
	if stated, ok := doc.statement.Predicate.(*release.Release); ok {
		a.noteStanding(cmd, stated, result, o.source)
	}
	return a.print(result, func(p *page) { result.describe(p, basis) })
}

// noteStanding notes how a release stands that was submitted: it may be logged and not
// live. It is logged, so that what the index does not answer is no failure.
func (a *app) noteStanding(cmd *cobra.Command, stated *release.Release, result *submitted, source logSource) {
	s, err := a.open(cmd, source)
	if err == nil {
		defer s.client.Close()
		var standing register.Standing
		if standing, err = s.standingOf(cmd.Context(), stated, result.Index, result.Digest); err == nil {
			result.Standing, result.Why = standing.Word, standing.String()
			return
		}
	}
	a.say("note: how the release stands is not known: %s", oneLine(err.Error()))
}

const (
	// standingTimeout bounds the question how a release stands.
	standingTimeout = 10 * time.Second
	// standingPause is how long an index is waited for that does not list the release
	// yet: it follows what is published by moments.
	standingPause = 50 * time.Millisecond
)

// errNotListed reports an index that has not come to the release yet.
var errNotListed = errors.New("the log's index does not list it yet")

// standingOf asks the log's index how a release stands, and waits for it to list the
// release. That is the log's word alone.
func (s *session) standingOf(ctx context.Context, stated *release.Release, index uint64, digest release.Digest) (register.Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, standingTimeout)
	defer cancel()
	for {
		standing, err := s.askStanding(ctx, stated, index, digest)
		if !errors.Is(err, errNotListed) {
			return standing, err
		}
		select {
		case <-ctx.Done():
			return register.Standing{}, err
		case <-time.After(standingPause):
		}
	}
}

func (s *session) askStanding(ctx context.Context, stated *release.Release, index uint64, digest release.Digest) (register.Standing, error) {
	before := index + 1
	page, err := s.client.List(ctx, remote.Query{Type: string(release.TypeRelease), Product: stated.Product, Channel: stated.Channel, Before: &before, Limit: 1})
	if err != nil {
		return register.Standing{}, fmt.Errorf("the log's index: %w", err)
	}
	if len(page.Entries) == 0 || page.Entries[0].Index != index || page.Entries[0].Digest != digest.String() {
		return register.Standing{}, fmt.Errorf("entry %d: %w", index, errNotListed)
	}
	listed := page.Entries[0]
	if strings.IndexFunc(listed.Standing, func(r rune) bool { return !isWordRune(r) }) >= 0 || listed.Standing == "" {
		return register.Standing{}, fmt.Errorf("the log's index: %s is no standing", quote(listed.Standing))
	}
	return register.Standing{Word: register.Word(listed.Standing), By: listed.By}, nil
}

// submitEntry submits a document and verifies the answer; basis says what that is
// worth.
func (a *app) submitEntry(cmd *cobra.Command, doc *document, o submitOptions) (result *submitted, basis string, err error) {
	entry, err := doc.envelope.Marshal()
	if err != nil {
		return nil, "", err
	}
	if len(doc.envelope.Signatures) == 0 {
		return nil, "", fail(exitcode.Refused, string(release.CodeSignatureNone), fmt.Sprintf("sign it first: muster %s sign %s --key KEY", doc.statement.Type, doc.path),
			fmt.Errorf("%s has no signatures", doc.path))
	}
	s, err := a.open(cmd, o.source)
	if err != nil {
		return nil, "", err
	}
	defer s.client.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
	defer cancel()
	// What the answer is checked with comes first: an entry cannot be taken back.
	if _, err := s.trust(ctx); err != nil {
		return nil, "", err
	}
	if err := s.checkSameLog(ctx, o.source.policy); err != nil {
		return nil, "", err
	}
	a.say("submitting %s to %s", doc.summary(), s.client.URL())
	receipt, err := s.client.Submit(ctx, entry, a.waiting)
	if err != nil {
		return nil, "", s.explainSubmission(cmd.Context(), doc, o.timeout, err)
	}
	result, proof, err := s.checkReceipt(ctx, doc, entry, receipt)
	if err != nil {
		return nil, "", fmt.Errorf("the log's answer does not prove that the entry is logged: %w", err)
	}
	if o.proof != "" {
		if err := writeNew(o.proof, proof, publicMode, o.force); err != nil {
			return nil, "", err
		}
		result.Proof = o.proof
	}
	if o.bundle != "" {
		if err := a.saveBundle(ctx, s, receipt.Index, o); err != nil {
			return nil, "", err
		}
		result.Bundle = o.bundle
	}
	return result, s.basis(), nil
}

// waiting says why a submission is not done yet.
func (a *app) waiting(pause time.Duration, err error) {
	switch {
	case err != nil:
		if away, ok := errors.AsType[*url.Error](err); ok {
			err = away.Err // its own text begins with a capital
		}
		a.say("again in %s: %s", pause, oneLine(err.Error()))
	case pause == 0:
		a.say("logged, waiting until it is published with its witnesses' cosignatures")
	default:
		a.say("not published yet, looking again in %s", pause)
	}
}

// checkReceipt fetches the entry's proof and verifies it: the entry, or one with
// the same payload that was logged before, stands at the index under a checkpoint
// that the policy accepts.
func (s *session) checkReceipt(ctx context.Context, doc *document, entry []byte, receipt *remote.Receipt) (*submitted, []byte, error) {
	data, err := s.client.Proof(ctx, fmt.Sprint(receipt.Index))
	if err != nil {
		return nil, nil, err
	}
	proof, err := tlog.ParseProof(data)
	if err != nil {
		return nil, nil, fail(exitcode.Refused, "proof-form", "", err)
	}
	if proof.Index != receipt.Index {
		return nil, nil, fail(exitcode.Refused, "proof-of-other-entry", "", fmt.Errorf("got a proof of entry %d, want %d", proof.Index, receipt.Index))
	}
	if receipt.Duplicate {
		if entry, err = s.logged(ctx, doc, receipt.Index); err != nil {
			return nil, nil, err
		}
	}
	if _, err := proof.Verify(tlog.LeafHash(entry)); err != nil {
		return nil, nil, fail(exitcode.Refused, "inclusion", "", err)
	}
	checkpoint, cosignatures, err := s.checkpoint(ctx, proof.Checkpoint, "the proof's checkpoint")
	if err != nil {
		return nil, nil, err
	}
	return &submitted{Type: doc.statement.Type, Digest: doc.digest(), Origin: checkpoint.Origin, Index: receipt.Index, Size: checkpoint.Size,
		Duplicate: receipt.Duplicate, Cosigned: cosigners(s.policy, cosignatures), Pinned: s.pinned}, data, nil
}

// logged fetches the entry that was logged for the document's payload before.
func (s *session) logged(ctx context.Context, doc *document, index uint64) ([]byte, error) {
	entry, err := s.client.Entry(ctx, fmt.Sprint(index))
	if err != nil {
		return nil, err
	}
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		return nil, err
	}
	if got := envelope.PayloadDigest(); got != doc.digest() {
		return nil, fail(exitcode.Refused, "entry-of-other-payload", "", fmt.Errorf("entry %d has payload %s, want %s", index, got, doc.digest()))
	}
	return entry, nil
}

// saveBundle fetches, checks and writes the bundle of a submitted entry.
func (a *app) saveBundle(ctx context.Context, s *session, index uint64, o submitOptions) error {
	data, err := s.client.Bundle(ctx, fmt.Sprint(index))
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	if _, err := s.checkBundle(ctx, data); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return writeNew(o.bundle, data, publicMode, o.force)
}

func (r *submitted) describe(p *page, basis string) {
	word := "submitted"
	if r.Duplicate {
		word = "logged before"
	}
	r.describeAs(p, word, basis)
}

// describeAs begins with a word for what became of the entry.
func (r *submitted) describeAs(p *page, word, basis string) {
	p.line("%s: %s %s", word, r.Type, r.Digest)
	p.field("log", "%s", quote(r.Origin))
	p.field("index", "%d", r.Index)
	p.field("proved at", "size %d, verified with %s", r.Size, basis)
	for i, c := range r.Cosigned {
		p.field(first(i, "cosigned by"), "%s at %s", quote(c.Witness), c.Time)
	}
	if r.Standing != "" {
		word := r.Why
		if r.Standing != register.WordLive {
			word = "NOT LIVE: " + word
		}
		p.field("stands", "%s, says the log's index", word)
		if r.Standing == register.WordWithdrawn {
			p.line("next: see what it must reinstate to be live: muster release show %d --log URL", r.Index)
		}
	}
	if r.Proof != "" {
		p.field("proof", "%s", r.Proof)
	}
	if r.Bundle != "" {
		p.field("bundle", "%s", r.Bundle)
		if r.Type == release.TypeRelease {
			p.line("next: once a roll lists it, get the bundle again, for clients that ask for a roll: muster bundle get %d --log URL --out FILE", r.Index)
		}
	}
}
