package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog/bundle"
)

// beginning is what a new log begins with: one authority, or the chain that a
// successor log repeats, up to and with the version that names its own origin.
type beginning struct {
	entries [][]byte
	// pin is the payload digest of version 1, inForce that of the last.
	pin, inForce release.Digest
	// origins are those of the logs before, the oldest first.
	origins []string
}

// version names the authority that stands at an index of the beginning.
func version(index int) string { return "authority version " + strconv.Itoa(index+1) }

// authorityFile is the file of the version that stands at an index.
func authorityFile(index int) string {
	if index == 0 {
		return "authority.json"
	}
	return "authority-" + strconv.Itoa(index+1) + ".json"
}

// begin gathers what the new log begins with, and judges it as the log's register
// will.
func (o initOptions) begin(ctx context.Context, now time.Time) (*beginning, error) {
	var chain [][]byte
	if o.successorOf != "" {
		var err error
		if chain, err = o.readChain(ctx); err != nil {
			return nil, err
		}
	}
	if o.authority != "" {
		entry, err := inputfile.Read(o.authority, release.MaxEntry)
		if err != nil {
			return nil, fmt.Errorf("--authority: %w", err)
		}
		if !slices.ContainsFunc(chain, func(held []byte) bool { return samePayload(held, entry) }) {
			chain = append(chain, entry)
		}
	}
	return o.judge(chain, now)
}

// readChain reads the authority chain of the log that is succeeded: from a proof
// bundle of it, or from itself. Who vouches for it is its root keys alone.
func (o initOptions) readChain(ctx context.Context) ([][]byte, error) {
	data, err := o.readBundle(ctx)
	if err != nil {
		return nil, fmt.Errorf("--successor-of %s: %w", o.successorOf, err)
	}
	held, err := bundle.Parse(data)
	if err != nil {
		return nil, fail(exitcode.Refused, "take a proof bundle of any release of the old log, from muster bundle get or from a node", fmt.Errorf("--successor-of %s: %w", o.successorOf, err))
	}
	if held.Origin == o.origin {
		return nil, fail(exitcode.Usage, "a successor has an origin and a key of its own", fmt.Errorf("--origin %s is that of the log which --successor-of names", o.origin))
	}
	var chain [][]byte
	for _, entry := range held.Entries {
		if statedAuthority(entry.Envelope) != nil {
			chain = append(chain, entry.Envelope)
		}
	}
	if len(chain) == 0 {
		return nil, fail(exitcode.Refused, "", fmt.Errorf("--successor-of %s: the bundle holds no authority", o.successorOf))
	}
	return chain, nil
}

// readBundle reads a file, or asks a log for the bundle of its entry 0, which
// holds the whole chain.
func (o initOptions) readBundle(ctx context.Context) ([]byte, error) {
	if !strings.Contains(o.successorOf, "://") {
		return inputfile.Read(o.successorOf, bundle.MaxSize)
	}
	client, err := remote.New(o.successorOf)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Bundle(ctx, "0")
}

// judge applies the rules that everyone replays to each entry, and besides what
// would keep the log from admitting anything.
func (o initOptions) judge(chain [][]byte, now time.Time) (*beginning, error) {
	state := register.New(o.origin)
	b := &beginning{}
	var last *release.Authority
	for i, entry := range chain {
		if last != nil && last.Origin == o.origin {
			// A log begins with the version that names it, and no later one.
			return nil, fail(exitcode.Usage, "leave it out here and submit it once the log runs", fmt.Errorf("%s follows the version that names %s", version(i), o.origin))
		}
		known, _ := state.Authority()
		prepared, err := register.Prepare(entry, known)
		if err != nil {
			return nil, o.refuse(i, err)
		}
		if err := state.Admit(prepared, now); err != nil {
			return nil, o.refuse(i, err)
		}
		stated := prepared.Statement.Predicate.(*release.Authority) // nothing else is admitted so far
		if stated.Origin == o.origin {
			if err := log.CheckKeys(stated); err != nil { // as the log will
				return nil, o.refuse(i, err)
			}
		}
		state.ApplyPrepared(prepared)
		b.entries = append(b.entries, entry)
		b.inForce = prepared.Digest
		if i == 0 {
			b.pin = prepared.Digest
		}
		last = stated
		if last.Origin != o.origin && !slices.Contains(b.origins, last.Origin) {
			b.origins = append(b.origins, last.Origin)
		}
	}
	where := "authority " + o.authority
	if o.successorOf != "" {
		where = version(len(chain) - 1)
	}
	switch {
	case last.Origin != o.origin && o.successorOf != "":
		return nil, fail(exitcode.Refused, "have the root keys sign the next version, with origin "+o.origin+", and give it with --authority",
			fmt.Errorf("no authority names %s: the chain of %s ends with version %d", o.origin, last.Origin, last.Version))
	case last.Origin != o.origin:
		return nil, fail(exitcode.Refused, "give the log the origin that its authority names, or make another authority; for a log that succeeds that one, give --successor-of",
			fmt.Errorf("%s is of origin %q, --origin is %q", where, last.Origin, o.origin))
	case !now.Before(last.Expires):
		return nil, fail(exitcode.Refused, "make another authority: this one admits nothing", fmt.Errorf("%s expired at %s", where, release.FormatTime(last.Expires)))
	case state.LogTime().After(now.Add(register.MaxClockAhead)):
		return nil, fail(exitcode.Refused, "set this machine's clock, or wait", fmt.Errorf("%s is issued at %s, and it is %s: the log would sign nothing", where, release.FormatTime(state.LogTime()), release.FormatTime(now.UTC())))
	}
	return b, nil
}

// refuse explains why a version cannot begin the log.
func (o initOptions) refuse(index int, err error) error {
	if o.successorOf == "" {
		return refuseAuthority(o.authority, err)
	}
	hint := "the old log's chain, from a newer bundle or from another holder, and the version that names the new origin must follow each other"
	switch release.CodeOf(err) {
	case register.CodeOwnRootMissed, register.CodePreviousRootMissed, release.CodeSignatureNone:
		hint = "the root keys of the version before and its own must sign it; see who must still with muster authority status"
	}
	return fail(exitcode.Refused, hint, fmt.Errorf("%s: %w", version(index), err))
}

// statedAuthority returns the authority that an entry states, nil if it states none.
func statedAuthority(entry []byte) *release.Authority {
	prepared, err := register.Decode(entry)
	if err != nil {
		return nil
	}
	authority, _ := prepared.Statement.Predicate.(*release.Authority)
	return authority
}

// samePayload reports whether two entries hold one payload, perhaps under two sets
// of signatures.
func samePayload(a, b []byte) bool {
	first, err := register.Decode(a)
	second, otherErr := register.Decode(b)
	return errors.Join(err, otherErr) == nil && first.Digest == second.Digest
}
