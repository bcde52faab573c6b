package index_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/storage/index"
)

// everything asks an index in every way, and returns what it answers.
func everything(t testing.TB, x *index.Index) map[string]any {
	t.Helper()
	ctx := context.Background()
	answers := make(map[string]any)
	note := func(name string, answer any, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		answers[name] = answer
	}
	size, err := x.Size(ctx)
	note("size", size, err)
	for name, query := range map[string]log.Query{
		"all": {}, "releases": {Type: release.TypeRelease}, "void": {Status: register.StatusVoid}, "admitted": {Status: register.StatusAdmitted},
		"text": {Text: "model-7"}, "version": {Version: "1.99.0"}, "prefix": {Text: "1.9"}, "name": {Name: "family/model-3"},
	} {
		query.Before, query.Limit = math.MaxUint64, 1000
		records, err := x.List(ctx, query)
		note("list "+name, records, err)
	}
	for _, text := range []string{"rel1", "entry 12", "payload of entry 12", "artifact of entry 9"} {
		matches, err := x.Find(ctx, log.DigestQuery{Prefix: digest(text).String(), Before: math.MaxUint64, Limit: 1000})
		note("find "+text, matches, err)
	}
	return answers
}

// A rebuilt index answers as the one before, however the entries came in.
func TestRebuildAnswersAlike(t *testing.T) {
	records := examples(0, 600)
	for _, i := range []int{3, 77, 400} {
		records[i].Status, records[i].Code = register.StatusVoid, release.CodeSignatureInvalid
	}
	x := open(t, filepath.Join(t.TempDir(), "index.db"))
	add(t, x, records)
	want := everything(t, x)
	if err := x.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, part := range []int{1, 7, 256, 336} {
		size, err := x.Size(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		add(t, x, records[size:][:part])
	}
	if diff := cmp.Diff(want, everything(t, x)); diff != "" {
		t.Errorf("rebuilt (-want +got):\n%s", diff)
	}
}

// Whatever is asked is a value, never a statement, and bounded.
func TestHostileQueries(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index.db"))
	add(t, x, examples(0, 30))
	want := everything(t, x)
	hostile := []string{
		"'", "''; DROP TABLE entries; --", `" OR 1=1 --`, "') OR (1=1", "%", "_", `\`, `\\%`, "%s", "$1", "?", "\x00", "a\x00b", "\xff\xfe", "\u202e",
		strings.Repeat("%_", 100), strings.Repeat("a", 255), strings.Repeat("a", 1<<20),
	}
	for _, text := range hostile {
		for _, query := range []log.Query{
			{Text: text}, {Product: text}, {Name: text}, {Channel: text}, {Version: text}, {Kind: release.Kind(text)}, {Type: release.Type(text)},
			{Text: text, Product: text, Version: text, Status: register.StatusVoid}, {Text: text, Type: release.TypeImage},
		} {
			query.Before, query.Limit = math.MaxUint64, 1000
			records, err := x.List(t.Context(), query)
			if err != nil {
				t.Errorf("%.30q: %v", text, err)
			}
			if len(records) > 0 && query != (log.Query{Before: math.MaxUint64, Limit: 1000}) {
				t.Errorf("%.30q: found %d records by %+v", text, len(records), query)
			}
		}
		if _, err := x.Find(t.Context(), log.DigestQuery{Prefix: text, Before: 30, Limit: 10}); release.CodeOf(err) != release.CodeDigest && len(text) > 1 {
			t.Errorf("prefix %.30q: got %v", text, err)
		}
	}
	if diff := cmp.Diff(want, everything(t, x)); diff != "" {
		t.Errorf("the index changed (-want +got):\n%s", diff)
	}

	for _, limit := range []int{-1, 0} {
		if records, err := x.List(t.Context(), log.Query{Before: 30, Limit: limit}); err != nil || len(records) > 0 {
			t.Errorf("limit %d: %d records, %v", limit, len(records), err)
		}
	}
	if records, err := x.List(t.Context(), log.Query{Before: math.MaxUint64, Limit: math.MaxInt}); err != nil || len(records) != 30 {
		t.Errorf("greatest limit: %d records, %v", len(records), err)
	}
	if _, err := x.Records(t.Context(), make([]uint64, 1001)); err == nil {
		t.Error("1001 records at once were taken")
	}
	matches, err := x.Find(t.Context(), log.DigestQuery{Prefix: digest("rel1").String(), From: math.MaxUint64, Before: math.MaxUint64, Limit: 10})
	if err != nil || len(matches) > 0 {
		t.Errorf("from the greatest index: %v, %v", matches, err)
	}
}

// A caller that goes away ends its query.
func TestQueriesEndWithTheirContext(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index.db"))
	add(t, x, examples(0, 300))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.List(ctx, log.Query{Before: 300, Limit: 10, Text: "1."}); !errors.Is(err, context.Canceled) {
		t.Errorf("list: got %v", err)
	}
	if _, err := x.Find(ctx, log.DigestQuery{Prefix: digest("rel1").String(), Before: 300, Limit: 10}); !errors.Is(err, context.Canceled) {
		t.Errorf("find: got %v", err)
	}
}
