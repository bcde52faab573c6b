package api

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
)

// retrySoon is what callers are told to wait, in seconds, for something that
// usually takes less.
const retrySoon = 1

// maxCandidates bounds the list of entries that an ambiguous digest may mean.
const maxCandidates = 50

// entry serves an entry's bytes.
func (a *API) entry(c echo.Context) error {
	return a.serveEntry(c, TypeEntry, CacheForever, a.config.Log.Entry)
}

// proof serves the https://c2sp.org/tlog-proof of an entry.
func (a *API) proof(c echo.Context) error {
	return a.serveEntry(c, typeText, CacheForever, a.config.Log.Proof)
}

// bundle serves the proof bundle of an entry in the newest checkpoint.
func (a *API) bundle(c echo.Context) error {
	return a.serveEntry(c, typeBundle, cacheRevalidate, a.config.Log.Bundle)
}

// serveEntry answers with something of the entry that the path names. Under a
// digest the answer may come to mean another entry, so it is not kept for ever.
func (a *API) serveEntry(c echo.Context, contentType, cacheControl string, read func(context.Context, uint64) ([]byte, error)) error {
	ctx := c.Request().Context()
	which := c.Param("entry")
	index, byIndex := parseIndex(which)
	if !byIndex {
		var err error
		if index, err = a.resolve(ctx, which); err != nil {
			return err
		}
		cacheControl = cacheRevalidate
		c.Response().Header().Set("Content-Location", entryPath(index))
	}
	body, err := read(ctx, index)
	if err != nil {
		return entryError(index, err)
	}
	return Serve(c, contentType, cacheControl, body)
}

func entryPath(index uint64) string { return PathEntries + "/" + strconv.FormatUint(index, 10) }

// entryError says why an entry cannot be served.
func entryError(index uint64, err error) error {
	text := strconv.FormatUint(index, 10)
	switch {
	case errors.Is(err, log.ErrNotPublished):
		return &Error{Code: CodeNotPublished, Retry: retrySoon, Member: "index", Got: text, Want: "an index that the newest checkpoint covers",
			Detail: "entry " + text + " is logged and not published yet: it waits for its witnesses' cosignatures; ask again"}
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Code: CodeNotFound, Member: "index", Got: text, Want: "an index below the size of the newest checkpoint",
			Detail: "the log has no entry " + text}
	}
	return err
}

// resolve finds the one entry that a digest, or the beginning of one, means.
func (a *API) resolve(ctx context.Context, text string) (uint64, error) {
	if digest, err := release.ParseDigest(text); err == nil {
		// The register knows payload digests before the index does.
		if receipt, ok := a.config.Log.Lookup(digest); ok {
			return receipt.Index, nil
		}
	} else if !isPrefix(text) {
		return 0, &Error{Code: CodeIndex, Member: "entry", Got: cut(text), Want: wantEntry, Detail: "got no index and no digest: want " + wantEntry}
	}
	newest, _ := a.config.Log.Checkpoint()
	matches, err := a.config.Index.Find(ctx, log.DigestQuery{Prefix: text, Before: newest.Checkpoint.Size, Limit: maxCandidates + 1})
	if err != nil {
		return 0, err
	}
	return choose(text, matches)
}

const wantEntry = "a decimal index, or 6 to 64 lowercase hexadecimal digits of a digest"

func isPrefix(text string) bool {
	if len(text) < log.MinPrefix || len(text) > 2*len(release.Digest{}) {
		return false
	}
	return !slices.ContainsFunc([]byte(text), func(c byte) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}

// names tells how strongly a relation says that the digest is the entry's own:
// its payload or its bytes; something that it describes; something that it only
// speaks of.
func names(relation log.Relation) int {
	switch relation {
	case log.RelationPayload, log.RelationEntry:
		return 0
	case log.RelationImage, log.RelationReinstates, log.RelationTarget, log.RelationReplacement, log.RelationLive,
		log.RelationPrevious, log.RelationKey, log.RelationSigner, log.RelationProvenance, log.RelationTreeRoot:
		return 2
	}
	return 1
}

// choose takes the one entry whose relation to the digest is the strongest.
func choose(text string, matches []log.Match) (uint64, error) {
	if len(matches) == 0 {
		return 0, &Error{Code: CodeNotFound, Member: "entry", Got: cut(text), Want: "a digest that an entry mentions",
			Detail: "no published entry mentions a digest " + text}
	}
	for strength := range 3 {
		var candidates []Candidate
		for _, match := range matches {
			if names(match.Relation) == strength {
				candidates = append(candidates, Candidate{Index: match.Index, Relation: match.Relation.String(), Digest: match.Digest})
			}
		}
		if len(candidates) == 0 {
			continue
		}
		same := func(c Candidate) bool { return c.Index == candidates[0].Index }
		if len(matches) <= maxCandidates && !slices.ContainsFunc(candidates, func(c Candidate) bool { return !same(c) }) {
			return candidates[0].Index, nil
		}
		return 0, &Error{Code: CodeDigestAmbiguous, Member: "entry", Got: cut(text), Want: "a digest that one entry mentions",
			Detail: "several entries mention the digest: ask for one of the candidates by its index", Candidates: candidates}
	}
	return 0, errors.New("a match without a relation")
}
