package embedded

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// A crash before Tessera's tree state is written leaves bundles and tiles of
// entries that were never acknowledged, partial and full ones. Others take their
// indices; whatever width is read, it is theirs.
func TestLeftOversOfACrashAreNeverRead(t *testing.T) {
	for _, c := range []struct{ before, lost, after int }{
		{0, 3, 5},       // narrower than what follows
		{0, 5, 3},       // wider
		{200, 10, 10},   // as wide
		{200, 56, 10},   // a full bundle is left over
		{200, 100, 20},  // and a partial one beyond it
		{256, 256, 10},  // a full bundle at an index of its own
		{250, 256, 256}, // two bundles at once
	} {
		t.Run(fmt.Sprintf("%d, then %d lost, then %d", c.before, c.lost, c.after), func(t *testing.T) {
			ctx, dir, key := t.Context(), t.TempDir(), newKey(t)
			want := tlogtest.NewLog(t, "log.example/test")
			s := open(t, dir, key)
			add := func(name string, count int) [][]byte {
				t.Helper()
				var batch [][]byte
				for i := range count {
					batch = append(batch, fmt.Appendf(nil, "%s %d", name, i))
				}
				if _, err := s.Appender.Append(ctx, func(uint64) ([][]byte, error) { return batch, nil }); err != nil {
					t.Fatal(err)
				}
				return batch
			}
			if c.before > 0 {
				want.Add(add("before", c.before)...)
			}
			state := filepath.Join(dir, "log", ".state", "treeState")
			saved, err := os.ReadFile(state)
			if err != nil {
				t.Fatal(err)
			}
			add("lost", c.lost)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(state, saved, 0o644); err != nil { // as if it had not been reached
				t.Fatal(err)
			}
			s = open(t, dir, key)
			defer s.Close()
			for part := range 2 { // in two batches: partial files of both widths
				want.Add(add(fmt.Sprint("after ", part), c.after)...)
			}

			size := want.Size()
			for bundle := range (size + 255) / 256 {
				for width := 1; width <= tlog.PartialWidth(0, bundle, size); width++ {
					data, err := s.Appender.ReadEntries(ctx, bundle, width)
					if err != nil {
						t.Fatal(err)
					}
					entries, err := tlog.ParseBundle(data, width)
					if err != nil {
						t.Fatal(err)
					}
					tile, err := s.Appender.ReadTile(ctx, 0, bundle, width)
					if err != nil {
						t.Fatal(err)
					}
					hashes, err := tlog.ParseTile(tile, width)
					if err != nil {
						t.Fatal(err)
					}
					for i, entry := range entries {
						if got := tlog.LeafHash(entry); got != hashes[i] {
							t.Fatalf("width %d of bundle %d: entry %d hashes to %s, the tile has %s", width, bundle, i, got, hashes[i])
						}
					}
					if last := bundle*256 + uint64(width) - 1; !bytes.Equal(entries[width-1], want.Entry(last)) {
						t.Fatalf("width %d: entry %d is %q, want %q", width, last, entries[width-1], want.Entry(last))
					}
				}
			}
			for at := uint64(1); at <= size; at++ {
				root, err := tlog.NewProver(at, s.Appender).Root(ctx)
				if err != nil || root != want.Root(at) {
					t.Fatalf("root at %d: got %s, %v", at, root, err)
				}
			}
		})
	}
}
