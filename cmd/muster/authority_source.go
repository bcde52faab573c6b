package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog/bundle"
)

// inForceSource says where the authority in force is found: in a file, in a log
// that is replayed for it, or in a proof bundle.
type inForceSource struct {
	file, bundle string
	log          logSource
}

// flags adds the flags of all ways but the file.
func (s *inForceSource) flags(cmd *cobra.Command) {
	s.log.flags(cmd)
	cmd.Flags().StringVar(&s.bundle, "bundle", "", "a proof bundle `FILE`"+bundle.Extension+", instead of a log: newer versions of the authority may exist")
}

// check holds the flags to one of the ways; optional: or to none.
func (s *inForceSource) check(cmd *cobra.Command, optional bool) error {
	ways := 0
	for _, given := range []bool{s.file != "", s.bundle != "", s.log.url != "" || s.log.policy != "" && s.bundle == ""} {
		if given {
			ways++
		}
	}
	if ways == 1 || ways == 0 && optional {
		return nil
	}
	return usage(cmd, errors.New("want one of a file of the authority, --log and --bundle"))
}

// none reports that nothing is given.
func (s *inForceSource) none() bool {
	return s.file == "" && s.bundle == "" && s.log.url == "" && s.log.policy == ""
}

// inForce is an authority with what is known of where it stands.
type inForce struct {
	authority *release.Authority
	digest    release.Digest
	// links are all its versions up to it, as far as they are known: of a file
	// none, since it may not be logged.
	links []*register.Link
	// history is the log; nil where none was asked.
	history *history
	// basis says in words what vouches for it.
	basis string
}

// findInForce finds the authority in force.
func (a *app) findInForce(cmd *cobra.Command, source *inForceSource) (*inForce, error) {
	switch {
	case source.file != "":
		doc, err := a.readDocument(source.file, release.TypeAuthority)
		if err != nil {
			return nil, err
		}
		return &inForce{authority: doc.statement.Predicate.(*release.Authority), digest: doc.digest(), basis: "the file " + source.file + "; a log may have a newer version"}, nil
	case source.bundle != "":
		return a.inForceOfBundle(cmd.Context(), source)
	}
	history, s, err := a.historyOf(cmd, source.log)
	if err != nil {
		return nil, err
	}
	defer s.client.Close()
	found := &inForce{links: history.links(), history: history}
	found.authority, found.digest = history.state.Authority()
	if found.authority == nil {
		return nil, fail(exitcode.Refused, string(register.CodeNoAuthority), "", fmt.Errorf("the log %s has no authority", quote(history.checkpoint.Origin)))
	}
	found.basis = fmt.Sprintf("log %s at size %d, replayed, verified with %s", quote(history.checkpoint.Origin), history.checkpoint.Size, s.basis())
	return found, nil
}

// inForceOfBundle reads the authority chain of a proof bundle.
func (a *app) inForceOfBundle(ctx context.Context, source *inForceSource) (*inForce, error) {
	data, err := a.readBeginning(source.bundle, "bundle", bundle.MaxSize+1)
	if err != nil {
		return nil, err
	}
	s := &session{}
	worth := "whose checkpoint is not verified: give --policy"
	if source.log.policy != "" {
		if s.policy, err = a.readPolicy(source.log.policy); err != nil {
			return nil, err
		}
		s.pinned, worth = true, "verified with your policy"
	}
	b, err := s.checkBundle(ctx, data)
	if err != nil {
		return nil, wrongFile(source.bundle, data, "a proof bundle", fmt.Errorf("bundle %s: %w", source.bundle, err))
	}
	chain, err := chainOf(b)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", source.bundle, err)
	}
	newest := chain.Newest()
	return &inForce{
		authority: newest.Authority, digest: newest.Digest, links: chain.Links(),
		basis: fmt.Sprintf("bundle %s of log %s, %s; newer versions may exist", source.bundle, quote(b.Origin), worth),
	}, nil
}

// chainOf checks and chains the authorities among a bundle's entries, from entry 0
// on.
func chainOf(b *bundle.Bundle) (*register.Chain, error) {
	chain := register.NewChain(b.Origin)
	for _, entry := range b.Entries {
		p, err := register.Decode(entry.Envelope)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", entry.Index, err)
		}
		if p.Statement.Type != release.TypeAuthority {
			continue
		}
		if err := chain.Add(entry.Index, p); err != nil {
			return nil, fmt.Errorf("entry %d: %w", entry.Index, err)
		}
	}
	if chain.Newest() == nil {
		return nil, fail(exitcode.Refused, "authority-absent", "fetch a bundle with muster bundle get", errors.New("holds no authority"))
	}
	return chain, nil
}
