package index_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/storage/index"
)

func open(t testing.TB, path string) *index.Index {
	t.Helper()
	x, err := index.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func digest(text string) release.Digest { return sha256.Sum256([]byte(text)) }

var start = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

// example is a record of entry i as a log would have it: an authority, then
// nine images to a release.
func example(i uint64) log.Record {
	name := fmt.Sprint("entry ", i)
	record := log.Record{
		Index: i, Status: register.StatusAdmitted, Entry: digest(name), Payload: digest("payload of " + name),
		Issued: start.Add(time.Duration(i) * time.Minute), NotAfter: start.AddDate(0, 3, 0),
		Signers: []release.KeyID{digest("rel1"), digest("rel2")},
	}
	switch {
	case i == 0:
		record.Type, record.Name, record.Version = release.TypeAuthority, "log.example/acme", "1"
	case i%10 == 0:
		record.Type, record.Product, record.Channel = release.TypeRelease, "acme/ai", "stable"
		record.Version, record.Identity = fmt.Sprintf("2026.%d", i), digest("identity of "+name)
		record.Mentions = append(record.Mentions, log.Mention{Digest: record.Identity, Relation: log.RelationIdentity})
		for image := i - 9; image < i; image++ {
			record.Mentions = append(record.Mentions, log.Mention{Digest: digest(fmt.Sprint("payload of entry ", image)), Relation: log.RelationImage})
		}
	default:
		record.Type, record.Product, record.Kind = release.TypeImage, "acme/ai", release.KindModel
		record.Name, record.Version = fmt.Sprintf("family/model-%d", i%10), fmt.Sprintf("1.%d.0", i)
		record.Mentions = append(record.Mentions, log.Mention{Digest: digest("artifact of " + name), Relation: log.RelationArtifact})
	}
	if record.Type != "" {
		record.Predicate = record.Type.URI()
	}
	record.Mentions = append(record.Mentions,
		log.Mention{Digest: record.Entry, Relation: log.RelationEntry},
		log.Mention{Digest: record.Payload, Relation: log.RelationPayload},
		log.Mention{Digest: record.Signers[0], Relation: log.RelationSigner},
		log.Mention{Digest: record.Signers[1], Relation: log.RelationSigner})
	return record
}

func examples(from, to uint64) []log.Record {
	var records []log.Record
	for i := from; i < to; i++ {
		records = append(records, example(i))
	}
	return records
}

func add(t testing.TB, x *index.Index, records []log.Record) {
	t.Helper()
	if err := x.Add(context.Background(), records); err != nil {
		t.Fatal(err)
	}
}

func indices(records []log.Record) []uint64 {
	list := []uint64{}
	for _, record := range records {
		list = append(list, record.Index)
	}
	return list
}

func TestRecordsComeBackAsTheyWereAdded(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index.db"))
	records := examples(0, 25)
	records[7].Status, records[7].Code = register.StatusVoid, release.CodeSignatureInvalid
	// An entry that could not be decoded has nothing but its own digest.
	records[8] = log.Record{Index: 8, Status: register.StatusVoid, Code: release.CodeJSONSyntax, Entry: digest("junk"),
		Mentions: []log.Mention{{Digest: digest("junk"), Relation: log.RelationEntry}}}
	// A digest that an entry has twice in one relation is one mention.
	records[9].Mentions = append(records[9].Mentions, records[9].Mentions[0])
	add(t, x, records[:11])
	add(t, x, records[11:])

	size, err := x.Size(t.Context())
	if err != nil || size != 25 {
		t.Fatalf("size %d, %v; want 25", size, err)
	}
	got, err := x.Records(t.Context(), []uint64{24, 7, 8, 0, 10, 25, math.MaxUint64})
	if err != nil {
		t.Fatal(err)
	}
	want := []log.Record{records[24], records[7], records[8], records[0], records[10]}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(log.Record{}, "Mentions")); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestAddIsConsecutiveAndWhole(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index.db"))
	add(t, x, examples(0, 3))
	for name, records := range map[string][]log.Record{
		"again":        examples(2, 4),
		"a gap":        examples(4, 6),
		"a gap inside": {example(3), example(5)},
	} {
		if err := x.Add(t.Context(), records); err == nil {
			t.Errorf("%s: added", name)
		}
	}
	// The whole batch is undone when a late statement fails.
	broken := examples(3, 6)
	broken[2].Status = 0
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.Add(cancelled, broken); err == nil {
		t.Error("added with a cancelled context")
	}
	if size, _ := x.Size(t.Context()); size != 3 {
		t.Errorf("size %d, want 3", size)
	}
	if found, _ := x.Find(t.Context(), log.DigestQuery{Prefix: digest("entry 4").String(), Before: 100, Limit: 9}); len(found) > 0 {
		t.Errorf("found %v of a batch that was undone", found)
	}
	add(t, x, examples(3, 6))
}

func TestListSelectsAndPages(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index.db"))
	records := examples(0, 1001)
	for _, i := range []int{55, 500} {
		records[i].Status, records[i].Code = register.StatusVoid, release.CodeSignatureInvalid
	}
	records[77].Name, records[77].Product = "other_1%", "zeta"
	add(t, x, records)

	tests := []struct {
		name  string
		query log.Query
		want  []uint64
	}{
		{"newest", log.Query{Before: math.MaxUint64, Limit: 3}, []uint64{1000, 999, 998}},
		{"before", log.Query{Before: 2, Limit: 3}, []uint64{1, 0}},
		{"nothing before 0", log.Query{Before: 0, Limit: 3}, []uint64{}},
		{"no limit, no record", log.Query{Before: 10}, []uint64{}},
		{"type", log.Query{Before: 45, Limit: 3, Type: release.TypeRelease}, []uint64{40, 30, 20}},
		{"status", log.Query{Before: 1000, Limit: 3, Status: register.StatusVoid}, []uint64{500, 55}},
		{"product", log.Query{Before: 1000, Limit: 3, Product: "zeta"}, []uint64{77}},
		{"product of many series", log.Query{Before: 1000, Limit: 3, Product: "acme/ai"}, []uint64{999, 998, 997}},
		{"product and name", log.Query{Before: 1000, Limit: 2, Product: "acme/ai", Name: "family/model-3"}, []uint64{993, 983}},
		{"kind", log.Query{Before: 12, Limit: 2, Kind: release.KindModel}, []uint64{11, 9}},
		{"channel", log.Query{Before: 1000, Limit: 1, Channel: "stable"}, []uint64{990}},
		{"version", log.Query{Before: 1000, Limit: 9, Version: "1.99.0"}, []uint64{99}},
		{"no such version", log.Query{Before: 1000, Limit: 9, Version: "9"}, []uint64{}},
		{"text in a name", log.Query{Before: 1000, Limit: 2, Text: "Model-7"}, []uint64{997, 987}},
		{"text in a product", log.Query{Before: 1000, Limit: 2, Text: "zet"}, []uint64{77}},
		{"text of a pattern", log.Query{Before: 1000, Limit: 9, Text: "other_1%"}, []uint64{77}},
		{"text that is only a pattern", log.Query{Before: 1000, Limit: 9, Text: "%acme%"}, []uint64{}},
		{"text begins a version", log.Query{Before: 1000, Limit: 9, Text: "1.99"}, []uint64{999, 998, 997, 996, 995, 994, 993, 992, 991}},
		{"text begins a few versions", log.Query{Before: 990, Limit: 2, Text: "1.99"}, []uint64{99}},
		{"text begins many versions", log.Query{Before: 1000, Limit: 2, Text: "1."}, []uint64{999, 998}},
		{"text begins many versions, of a type", log.Query{Before: 1000, Limit: 2, Text: "2026", Type: release.TypeRelease}, []uint64{990, 980}},
		{"text and type exclude each other", log.Query{Before: 1000, Limit: 2, Text: "1.99", Type: release.TypeRelease}, []uint64{}},
		{"text in name and version once", log.Query{Before: 1000, Limit: 2, Text: "log.example", Type: release.TypeAuthority}, []uint64{0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := x.List(t.Context(), test.query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, indices(got)); diff != "" {
				t.Errorf("indices (-want +got):\n%s", diff)
			}
		})
	}

	t.Run("pages join without gap or repeat", func(t *testing.T) {
		query := log.Query{Before: math.MaxUint64, Limit: 7, Text: "model-4"}
		var all []uint64
		for {
			page, err := x.List(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			all = append(all, indices(page)...)
			query.Before = all[len(all)-1]
		}
		if len(all) != 100 || all[0] != 994 || all[99] != 4 {
			t.Errorf("%d entries from %d to %d, want 100 from 994 to 4", len(all), all[0], all[len(all)-1])
		}
	})
}

func TestFindByDigestAndPrefix(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index.db"))
	add(t, x, examples(0, 31))
	find := func(query log.DigestQuery) []string {
		t.Helper()
		matches, err := x.Find(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		list := []string{}
		for _, match := range matches {
			if !strings.HasPrefix(match.Digest.String(), query.Prefix) {
				t.Errorf("digest %s does not begin with %s", match.Digest, query.Prefix)
			}
			list = append(list, fmt.Sprint(match.Index, " ", match.Relation))
		}
		return list
	}
	image := digest("payload of entry 12").String()
	tests := []struct {
		name  string
		query log.DigestQuery
		want  []string
	}{
		{"whole", log.DigestQuery{Prefix: image, Before: 31, Limit: 9}, []string{"12 payload", "20 image"}},
		{"prefix", log.DigestQuery{Prefix: image[:8], Before: 31, Limit: 9}, []string{"12 payload", "20 image"}},
		{"odd prefix", log.DigestQuery{Prefix: image[:9], Before: 31, Limit: 9}, []string{"12 payload", "20 image"}},
		{"not published", log.DigestQuery{Prefix: image, Before: 20, Limit: 9}, []string{"12 payload"}},
		{"further page", log.DigestQuery{Prefix: image, Before: 31, From: 13, Limit: 9}, []string{"20 image"}},
		{"limit", log.DigestQuery{Prefix: image, Before: 31, Limit: 1}, []string{"12 payload"}},
		{"signer", log.DigestQuery{Prefix: digest("rel1").String(), Before: 31, Limit: 2}, []string{"0 signer", "1 signer"}},
		{"entry", log.DigestQuery{Prefix: digest("entry 3").String(), Before: 31, Limit: 2}, []string{"3 entry"}},
		{"identity", log.DigestQuery{Prefix: digest("identity of entry 10").String(), Before: 31, Limit: 2}, []string{"10 identity"}},
		{"nothing", log.DigestQuery{Prefix: digest("nothing").String(), Before: 31, Limit: 2}, []string{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, find(test.query)); diff != "" {
				t.Errorf("matches (-want +got):\n%s", diff)
			}
		})
	}
	for _, prefix := range []string{"", "abcde", "ABCDEF", "abcdeg", "abcdef ", image + "0", "%%%%%%"} {
		if _, err := x.Find(t.Context(), log.DigestQuery{Prefix: prefix, Before: 31, Limit: 9}); release.CodeOf(err) != release.CodeDigest {
			t.Errorf("prefix %q: got %v, want %s", prefix, err, release.CodeDigest)
		}
	}
}

func TestIndexOutlivesTheProcessAndAnotherVersionIsMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a directory with ? and %41", "..", "index.db")
	x := open(t, path)
	add(t, x, examples(0, 12))
	x.Close()

	x = open(t, path)
	if size, err := x.Size(t.Context()); size != 12 || err != nil {
		t.Fatalf("size %d, %v; want 12", size, err)
	}
	add(t, x, examples(12, 20))
	if err := x.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if size, _ := x.Size(t.Context()); size != 0 {
		t.Fatalf("size %d after Reset, want 0", size)
	}
	add(t, x, examples(0, 12))
	x.Close()

	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE index_version SET version = 999; ALTER TABLE entries ADD COLUMN later TEXT`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	x = open(t, path)
	if size, err := x.Size(t.Context()); size != 0 || err != nil {
		t.Errorf("size %d, %v; want an empty index", size, err)
	}
	add(t, x, examples(0, 12))
}

func TestFileThatIsNoDatabaseIsNamed(t *testing.T) {
	path := t.TempDir() // a directory is no database
	if _, err := index.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names %s", err, path)
	}
}
