package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/verify"
)

// listFilter says which releases are listed.
type listFilter struct {
	product, channel, since string
	all                     bool
	limit                   int
	// issued and first are what since says: issued at or after, logged at or after.
	issued time.Time
	first  uint64
}

func (a *app) releaseListCommand() *cobra.Command {
	var source logSource
	var filter listFilter
	var verified bool
	cmd := &cobra.Command{
		Use:   "list --log URL [--policy FILE] [--verified] [--since TIME|DURATION|INDEX] [--product NAME] [--channel NAME] [--all]",
		Short: "list the releases in a log, by its index or by replaying it",
		Long: `Lists the releases that are live; with --all the others too, with how they stand.

By default the log's search index is asked. That is quick, and it is the log's word
alone: an index can leave out what it likes. With --verified every entry of the log
is read, checked to be the tree of its checkpoint, and judged by the rules; nothing
is taken from the log's own word but the entries. Both print the same.

--since takes a time (2027-01-15T00:00:00Z), a date (2027-01-15, its first second,
UTC) or a duration back from now (30d, 12h): releases issued then or later. A bare
number is an index: releases logged there or later.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.parseSince(cmd, &filter); err != nil {
				return err
			}
			if filter.limit < 0 {
				return usage(cmd, fmt.Errorf("--limit %d: want a number of releases, or 0 for all", filter.limit))
			}
			s, err := a.open(cmd, source)
			if err != nil {
				return err
			}
			defer s.client.Close()
			var l *listing
			if verified {
				l, err = a.listVerified(cmd.Context(), s, &filter)
			} else {
				l, err = s.listIndexed(cmd.Context(), &filter)
			}
			if err != nil {
				return err
			}
			l.order(filter.limit)
			return a.printReleases(l, s.basis())
		},
	}
	source.flags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&verified, "verified", false, "read and judge the whole log instead of trusting its index")
	flags.StringVar(&filter.since, "since", "", "issued at or after a time, or a duration back from now; or logged at or after an index")
	flags.StringVar(&filter.product, "product", "", "of this product only")
	flags.StringVar(&filter.channel, "channel", "", "of this channel only")
	flags.BoolVar(&filter.all, "all", false, "list releases that are not live, too")
	flags.IntVar(&filter.limit, "limit", 0, "at most so many releases, the newest in the log (default: all)")
	return cmd
}

// parseSince reads --since.
func (a *app) parseSince(cmd *cobra.Command, f *listFilter) (err error) {
	if f.since == "" {
		return nil
	}
	if index, err := strconv.ParseUint(f.since, 10, 53); err == nil && strconv.FormatUint(index, 10) == f.since {
		f.first = index
		return nil
	}
	if back, err := verify.ParseDuration(f.since); err == nil && !back.None() {
		f.issued = a.now().Add(-back.Value())
		return nil
	}
	if f.issued, err = release.ParseTime(f.since); err == nil {
		return nil
	}
	if f.issued, err = time.Parse(time.DateOnly, f.since); err == nil {
		return nil
	}
	return usage(cmd, fmt.Errorf("--since %s: want a time such as 2027-01-15T00:00:00Z, a date such as 2027-01-15, a duration such as 30d, or an index such as 17", quote(f.since)))
}

// takes tells whether a release is listed.
func (f *listFilter) takes(r *listedJSON) bool {
	return (f.product == "" || r.Product == f.product) && (f.channel == "" || r.Channel == f.channel) &&
		(f.all || r.Standing == register.WordLive) && r.Index >= f.first && !r.issued.Before(f.issued)
}

// listing is what release list prints.
type listing struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	// Verified: replayed; else it is what the log's index says.
	Verified bool `json:"verified"`
	// Retired: the log has ended, and what it calls live passes nowhere.
	Retired *retiredJSON `json:"retired,omitempty"`
	// Void and Unknown count entries of all types; an index does not say them.
	Void    *uint64 `json:"void,omitempty"`
	Unknown *uint64 `json:"unknown,omitempty"`
	// More: there are releases that --limit leaves out.
	More     bool         `json:"more"`
	Releases []listedJSON `json:"releases"`
}

// listedJSON is a release as release list prints it.
type listedJSON struct {
	Index    uint64         `json:"index"`
	Digest   release.Digest `json:"digest"`
	Identity release.Digest `json:"identity"`
	Product  string         `json:"product"`
	Channel  string         `json:"channel"`
	Version  string         `json:"version"`
	Issued   string         `json:"issued"`
	NotAfter string         `json:"notAfter"`
	Standing register.Word  `json:"standing"`
	Why      string         `json:"why"`

	issued time.Time
}

// order leaves the newest releases in the log, and sorts them by product, then
// index.
func (l *listing) order(limit int) {
	slices.SortFunc(l.Releases, func(x, y listedJSON) int { return cmp.Compare(x.Index, y.Index) })
	if more := len(l.Releases) - limit; limit > 0 && more > 0 {
		l.Releases, l.More = l.Releases[more:], true
	}
	slices.SortStableFunc(l.Releases, func(x, y listedJSON) int { return strings.Compare(x.Product, y.Product) })
}

// listVerified replays the log.
func (a *app) listVerified(ctx context.Context, s *session, filter *listFilter) (*listing, error) {
	type found struct {
		index  uint64
		digest release.Digest
		stated *release.Release
	}
	var all []found
	follower, err := a.replay(ctx, s, func(outcome register.Outcome) {
		if outcome.Prepared == nil {
			return
		}
		if stated, ok := outcome.Prepared.Statement.Predicate.(*release.Release); ok {
			all = append(all, found{outcome.Index, outcome.Digest, stated})
		}
	})
	if err != nil {
		return nil, err
	}
	state := follower.State()
	void, unknown := state.Void(), state.Unknown()
	l := &listing{Origin: state.Origin(), Size: state.Size(), Verified: true, Retired: retiredIn(state), Void: &void, Unknown: &unknown, Releases: []listedJSON{}}
	for _, f := range all {
		standing, _ := state.Why(f.index)
		listed := listedJSON{f.index, f.digest, f.stated.Identity(), f.stated.Product, f.stated.Channel, f.stated.Version,
			release.FormatTime(f.stated.Issued), release.FormatTime(f.stated.NotAfter), standing.Word, standing.String(), f.stated.Issued}
		if filter.takes(&listed) {
			l.Releases = append(l.Releases, listed)
		}
	}
	return l, nil
}

func (a *app) printReleases(l *listing, basis string) error {
	return a.print(l, func(p *page) {
		if l.Verified {
			p.line("log %s at size %d, replayed, verified with %s", quote(l.Origin), l.Size, basis)
			if *l.Void+*l.Unknown > 0 {
				p.line("%d void and %d unknown entries: tell a monitor", *l.Void, *l.Unknown)
			}
		} else {
			p.line("log %s at size %d, as its index says: a convenience, not a proof; --verified replays the log", quote(l.Origin), l.Size)
		}
		l.Retired.line(p)
		if len(l.Releases) == 0 {
			p.line("no releases")
			return
		}
		p.row("INDEX", "PRODUCT", "CHANNEL", "VERSION", "ISSUED", "VALID UNTIL", "STANDING", "DIGEST")
		for _, r := range l.Releases {
			p.row(fmt.Sprint(r.Index), r.Product, r.Channel, r.Version, r.Issued, r.NotAfter, r.Why, r.Digest.String())
		}
		if l.More {
			p.line("and older ones: raise --limit")
		}
	})
}

// tooMany is a log whose list is longer than a command line reads.
func tooMany(err error) error {
	return fail(exitcode.Unknown, "log-too-large", "ask for less with --since, --limit, --product or --channel, or follow a log of this size with a monitor", err)
}
