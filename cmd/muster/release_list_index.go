package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/monitor/audit"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// maxListed bounds how many releases are read from a log's index: as many as a
// replay reads entries.
const maxListed = audit.DefaultMaxEntries

// listIndexed asks the log's index. The checkpoint is verified all the same: it
// says whose index this is.
func (s *session) listIndexed(ctx context.Context, filter *listFilter) (*listing, error) {
	data, err := s.client.Checkpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	checkpoint, _, err := s.checkpoint(ctx, data, "checkpoint")
	if err != nil {
		return nil, err
	}
	l := &listing{Origin: checkpoint.Origin, Releases: []listedJSON{}}
	if filter.all {
		err = s.listPages(ctx, filter, l)
	} else {
		err = s.listLive(ctx, filter, l)
	}
	if err != nil {
		return nil, err
	}
	l.Retired = s.retiredBySelf(ctx)
	return l, nil
}

// listLive lists what the log says is live.
func (s *session) listLive(ctx context.Context, filter *listFilter, l *listing) error {
	live, err := s.client.Live(ctx, filter.product)
	if err != nil {
		return err
	}
	l.Size = live.Size
	for i := range live.Releases {
		if _, err := l.take(&live.Releases[i], filter); err != nil {
			return err
		}
	}
	return nil
}

// listPages reads the list of releases, newest first, as far as the filter needs it.
func (s *session) listPages(ctx context.Context, filter *listFilter, l *listing) error {
	query := remote.Query{Type: string(release.TypeRelease), Product: filter.product, Channel: filter.channel}
	for read := 0; ; {
		page, err := s.client.List(ctx, query)
		if err != nil {
			return err
		}
		if l.Size == 0 {
			l.Size = page.Size
		}
		if read += len(page.Entries); read > maxListed {
			return tooMany(fmt.Errorf("the log's index lists more than %d releases", maxListed))
		}
		for i := range page.Entries {
			listed, err := l.take(&page.Entries[i], filter)
			if err != nil {
				return err
			}
			// One of a lower index is issued at most so much later.
			older := page.Entries[i].Index < filter.first || listed.Standing != register.WordVoid && listed.issued.Add(register.MaxBehind).Before(filter.issued)
			// One more than the limit says that there are more.
			if older || filter.limit > 0 && len(l.Releases) > filter.limit {
				return nil
			}
		}
		if page.Next == nil {
			return nil
		}
		query.Before = page.Next
	}
}

// isWordRune tells what products, channels, versions and standings are made of.
func isWordRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._+~/-", r)
}

// take adds an entry of the log's index if the filter takes it. What no release can
// be is refused: it would be shown as one.
func (l *listing) take(entry *remote.Listed, filter *listFilter) (*listedJSON, error) {
	bad := func(err error) (*listedJSON, error) {
		return nil, fail(exitcode.Unknown, "index-answer", "replay the log instead: --verified", fmt.Errorf("the log's index, release %d: %w", entry.Index, err))
	}
	standing := register.Standing{Word: register.Word(entry.Standing), By: entry.By}
	listed := &listedJSON{Index: entry.Index, Product: entry.Product, Channel: entry.Channel, Version: entry.Version,
		Issued: entry.Issued, NotAfter: entry.NotAfter, Standing: standing.Word, Why: standing.String()}
	for _, word := range []string{entry.Product, entry.Channel, entry.Version, entry.Standing} {
		if strings.IndexFunc(word, func(r rune) bool { return !isWordRune(r) }) >= 0 || word == "" {
			return bad(fmt.Errorf("%s is no name", quote(word)))
		}
	}
	var err error
	if listed.Digest, err = release.ParseDigest(entry.Digest); err != nil {
		return bad(err)
	}
	if listed.Identity, err = release.ParseDigest(entry.Identity); err != nil {
		return bad(err)
	}
	if listed.issued, err = release.ParseTime(entry.Issued); err != nil {
		return bad(err)
	}
	if _, err = release.ParseTime(entry.NotAfter); err != nil {
		return bad(err)
	}
	if filter.takes(listed) {
		l.Releases = append(l.Releases, *listed)
	}
	return listed, nil
}
