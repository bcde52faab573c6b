package roll

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// ledgerRoll is a roll that a ledger of these tests holds.
func ledgerRoll() *release.Roll {
	return &release.Roll{Issued: stateTime, Authority: release.Digest{1}, Product: "acme/ai", Origin: "log.example/acme", Size: 10,
		Root: release.Digest{2}, Rules: release.RollRules, Live: []release.Digest{{3}, {4}}}
}

// ledgerRows says what may be signed after ledgerRoll: one change each.
var ledgerRows = map[string]struct {
	change func(*release.Roll)
	want   error
}{
	"the same":        {func(*release.Roll) {}, nil},
	"the same, later": {func(r *release.Roll) { r.Issued = r.Issued.Add(time.Hour) }, nil},
	"a larger size":   {func(r *release.Roll) { r.Size++ }, nil},
	"a larger size of other content": {func(r *release.Roll) {
		r.Size, r.Root, r.Authority, r.Live = 11, release.Digest{9}, release.Digest{9}, nil
	}, nil},
	"another product":                 {func(r *release.Roll) { r.Product, r.Size, r.Live = "acme/other", 1, nil }, nil},
	"another origin":                  {func(r *release.Roll) { r.Origin = "log.example/other" }, errOther},
	"another root":                    {func(r *release.Roll) { r.Root = release.Digest{9} }, errOther},
	"another authority":               {func(r *release.Roll) { r.Authority = release.Digest{9} }, errOther},
	"another release":                 {func(r *release.Roll) { r.Live = []release.Digest{{3}, {9}} }, errOther},
	"a release less":                  {func(r *release.Roll) { r.Live = r.Live[:1] }, errOther},
	"a release more":                  {func(r *release.Roll) { r.Live = append(r.Live, release.Digest{5}) }, errOther},
	"nothing":                         {func(r *release.Roll) { r.Live = nil }, errOther},
	"a smaller size":                  {func(r *release.Roll) { r.Size-- }, errOlder},
	"a smaller size of other content": {func(r *release.Roll) { r.Size, r.Root, r.Live = 1, release.Digest{9}, nil }, errOlder},
}

func sealRoll(tb testing.TB, stated *release.Roll) []byte {
	tb.Helper()
	statement, err := release.NewRoll(stated)
	if err != nil {
		tb.Fatal(err)
	}
	entry, _ := releasetest.SignStatement(tb, statement, "roll")
	return entry
}

// newLedger opens a ledger that holds ledgerRoll on its disk.
func newLedger(tb testing.TB) (*ledger, string) {
	tb.Helper()
	directory := tb.TempDir()
	l, err := openLedger(directory)
	if err != nil {
		tb.Fatal(err)
	}
	if err := l.check(ledgerRoll()); err != nil {
		tb.Fatalf("an empty ledger refuses: %v", err)
	}
	if _, err := l.put(sealRoll(tb, ledgerRoll()), stateTime); err != nil {
		tb.Fatal(err)
	}
	return l, directory
}

// TestLedger: two lists of one product and size are never signed, nor a smaller size,
// whichever member differs; also after a restart. What is refused changes nothing.
func TestLedger(t *testing.T) {
	for name, row := range ledgerRows {
		t.Run(name, func(t *testing.T) {
			l, directory := newLedger(t)
			next := ledgerRoll()
			row.change(next)
			if err := l.check(next); !errors.Is(err, row.want) {
				t.Errorf("got %v, want %v", err, row.want)
			}
			again, err := openLedger(directory)
			if err != nil {
				t.Fatal(err)
			}
			if err := again.check(next); !errors.Is(err, row.want) {
				t.Errorf("after a restart: got %v, want %v", err, row.want)
			}
			before, err := os.ReadFile(l.path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = l.put(sealRoll(t, next), stateTime.Add(time.Hour))
			if !errors.Is(err, row.want) {
				t.Fatalf("put: got %v, want %v", err, row.want)
			}
			after, err := os.ReadFile(l.path)
			if err != nil {
				t.Fatal(err)
			}
			if changed := !slices.Equal(before, after); changed != (row.want == nil) {
				t.Errorf("the file changed: %v, of what is %v", changed, row.want)
			}
			if kept := l.signed["acme/ai"].roll; row.want != nil && !slices.Equal(kept.Live, ledgerRoll().Live) {
				t.Errorf("the ledger holds %+v", kept)
			}
		})
	}
}
