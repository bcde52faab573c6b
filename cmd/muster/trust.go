package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/policy"
)

// logSource says which log a command talks to, and whom it believes.
type logSource struct {
	url, policy string
}

func (s *logSource) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.url, "log", "", "the log's URL (default: that of the policy's log line)")
	cmd.Flags().StringVar(&s.policy, "policy", "", "the trust policy (C2SP tlog-policy) that checkpoints must meet")
}

// session is a log with the policy that its answers are checked against.
type session struct {
	client *remote.Client
	policy *policy.Policy
	// pinned: the policy is the caller's own. Else it is what the log says of
	// itself, and shows no more than that its answers fit together.
	pinned bool
}

// open makes the session of a command.
func (a *app) open(cmd *cobra.Command, source logSource) (*session, error) {
	s := &session{}
	url := source.url
	if source.policy != "" {
		p, err := a.readPolicy(source.policy)
		if err != nil {
			return nil, err
		}
		s.policy, s.pinned = p, true
		for _, log := range p.Logs {
			if url == "" {
				url = log.URL
			}
		}
	}
	switch {
	case url == "" && source.policy != "":
		return nil, usage(cmd, fmt.Errorf("missing --log: the log line of %s has no URL", source.policy))
	case url == "":
		return nil, usage(cmd, errors.New("missing --log, the log's URL"))
	case source.url != "" && !strings.Contains(source.url, "://"):
		return nil, usage(cmd, fmt.Errorf("--log %s: want http:// or https:// before it", quote(source.url)))
	}
	client, err := remote.New(url)
	if err != nil {
		return nil, usage(cmd, err)
	}
	s.client = client
	return s, nil
}

// trust returns the policy to check answers with: the caller's, or the log's own.
func (s *session) trust(ctx context.Context) (*policy.Policy, error) {
	if s.policy != nil {
		return s.policy, nil
	}
	data, err := s.client.Policy(ctx)
	if err != nil {
		return nil, fmt.Errorf("the log's own policy: %w", err)
	}
	p, err := policy.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("the log's own policy: %w", err)
	}
	s.policy = p
	return p, nil
}

// basis says in words what a check under this session's policy is worth.
func (s *session) basis() string {
	if s.pinned {
		return "your policy"
	}
	return "the log's own policy, which is not pinned: give --policy"
}

// checkpoint parses a checkpoint and checks the log's signature and the quorum.
func (s *session) checkpoint(ctx context.Context, data []byte, what string) (*tlog.SignedCheckpoint, []tlog.Cosignature, error) {
	p, err := s.trust(ctx)
	if err != nil {
		return nil, nil, err
	}
	checkpoint, cosignatures, err := verifyCheckpoint(p, data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", what, err)
	}
	return checkpoint, cosignatures, nil
}

// verifyCheckpoint checks a checkpoint against a policy: signature and quorum.
// It counts every witness as an operator of its own; requirements say more.
func verifyCheckpoint(p *policy.Policy, data []byte) (*tlog.SignedCheckpoint, []tlog.Cosignature, error) {
	checkpoint, err := tlog.ParseCheckpoint(data)
	if err != nil {
		return nil, nil, fail(exitcode.Refused, "checkpoint-form", "", err)
	}
	cosignatures, err := p.Verify(checkpoint)
	if err != nil {
		return nil, nil, fail(exitcode.Refused, "checkpoint-signature", "compare the policy's log line with what the log's operator publishes", err)
	}
	present := map[string]bool{}
	for _, cosignature := range cosignatures {
		present[cosignature.Key.String()] = true
	}
	if !p.Met(func(w policy.Witness) bool { return present[w.Key.String()] }) {
		return nil, nil, fail(exitcode.Refused, "quorum", "ask again later, or ask the operators of the missing witnesses",
			fmt.Errorf("checkpoint of size %d has %s, which do not meet the policy's quorum %s", checkpoint.Size, count(len(cosignatures), "good cosignature"), p.Quorum))
	}
	return checkpoint, cosignatures, nil
}

// readPolicy reads a trust policy file.
func (a *app) readPolicy(path string) (*policy.Policy, error) {
	data, err := a.readFile(path, "policy", policy.MaxPolicy)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(data)
	if err != nil {
		return nil, wrongFile(path, data, "a policy", fail(exitcode.Refused, "policy-form", "", fmt.Errorf("policy %s: %w", path, err)))
	}
	return p, nil
}

// authoritySource says which authority a draft is made or judged under: a
// payload digest, an authority's file, or the one in force at a log.
type authoritySource struct {
	authority string
	log       logSource
}

func (s *authoritySource) flags(cmd *cobra.Command, what release.Type) {
	cmd.Flags().StringVar(&s.authority, "authority", "", "the authority in force: its file, or its payload digest (default: that of --log)")
	if what != "" {
		cmd.Flag("authority").Usage = fmt.Sprintf("the file of the authority that the %s is made under (default: that of --log)", what)
	}
	s.log.flags(cmd)
}

// findAuthority returns the authority and its payload digest; a digest alone
// comes without the authority.
func (a *app) findAuthority(cmd *cobra.Command, source *authoritySource) (*release.Authority, release.Digest, error) {
	if source.authority == "" {
		return a.authorityOfLog(cmd, source.log)
	}
	if digest, err := release.ParseDigest(source.authority); err == nil {
		if digest.IsZero() {
			return nil, digest, usage(cmd, fmt.Errorf("--authority %s: that is the digest of no file", digest))
		}
		return nil, digest, nil
	}
	doc, err := a.readDocument(source.authority, release.TypeAuthority)
	if err != nil {
		return nil, release.Digest{}, fmt.Errorf("--authority: %w", err)
	}
	return doc.statement.Predicate.(*release.Authority), doc.digest(), nil
}

// authorityOfLog asks a log for its authority chain and says which version is in
// force. The chain is checked from entry 0 on; that entry 0 is the right one is
// for the caller's eyes, or for the log of the policy.
func (a *app) authorityOfLog(cmd *cobra.Command, source logSource) (*release.Authority, release.Digest, error) {
	if source.url == "" && source.policy == "" {
		return nil, release.Digest{}, usage(cmd, errors.New("missing --authority, or --log to ask for the one in force"))
	}
	s, err := a.open(cmd, source)
	if err != nil {
		return nil, release.Digest{}, err
	}
	defer s.client.Close()
	chain, err := s.authorityChain(cmd.Context())
	if err != nil {
		return nil, release.Digest{}, fmt.Errorf("authority in force: %w", err)
	}
	newest := chain.Newest()
	a.say("authority in force at %s: %s version %d, %s", s.client.URL(), newest.Authority.Origin, newest.Authority.Version, newest.Digest)
	return newest.Authority, newest.Digest, nil
}

// authorityChain fetches the bundle of entry 0, which holds every version of the
// authority, and checks the proofs and the signatures in it.
func (s *session) authorityChain(ctx context.Context) (*register.Chain, error) {
	data, err := s.client.Bundle(ctx, "0")
	if err != nil {
		return nil, err
	}
	entries, err := s.checkBundle(ctx, data)
	if err != nil {
		return nil, err
	}
	return chainOf(entries)
}

// checkBundle reads a bundle and checks its inclusion proofs, and under a pinned
// policy its checkpoint. It is no verdict: muster verify is.
func (s *session) checkBundle(ctx context.Context, data []byte) (*bundle.Bundle, error) {
	b, err := bundle.Parse(data)
	if err != nil {
		return nil, err
	}
	checkpoint, err := tlog.ParseCheckpoint([]byte(b.Checkpoint))
	if err != nil {
		return nil, err
	}
	if s.pinned {
		if _, _, err := s.checkpoint(ctx, []byte(b.Checkpoint), "the bundle's checkpoint"); err != nil {
			return nil, err
		}
	}
	for _, entry := range b.Entries {
		if err := tlog.VerifyInclusion(entry.Index, checkpoint.Size, tlog.LeafHash(entry.Envelope), entry.Inclusion, checkpoint.Root); err != nil {
			return nil, fail(exitcode.Refused, "inclusion", "", fmt.Errorf("entry %d of the bundle: %w", entry.Index, err))
		}
	}
	return b, nil
}
