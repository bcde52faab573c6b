package embedded

import (
	"errors"
	"strings"
	"testing"

	"github.com/transparency-dev/tessera"
)

// TestAwaitChecksEveryIndex: an entry that Tessera gives another index than the
// one it was judged for is an error, and so is one that it does not store.
func TestAwaitChecksEveryIndex(t *testing.T) {
	errDisk := errors.New("disk full")
	at := func(index uint64) tessera.IndexFuture {
		return func() (tessera.Index, error) { return tessera.Index{Index: index}, nil }
	}
	fails := func() (tessera.Index, error) { return tessera.Index{}, errDisk }
	for name, c := range map[string]struct {
		futures []tessera.IndexFuture
		want    string
	}{
		"none":                   {nil, ""},
		"as judged":              {[]tessera.IndexFuture{at(7), at(8), at(9)}, ""},
		"all later":              {[]tessera.IndexFuture{at(8), at(9)}, "entry 7 was given index 8: somebody else writes to this directory"},
		"the last later":         {[]tessera.IndexFuture{at(7), at(8), at(10)}, "entry 9 was given index 10: somebody else writes to this directory"},
		"two in another order":   {[]tessera.IndexFuture{at(7), at(9), at(8)}, "entry 8 was given index 9: somebody else"},
		"the first is not there": {[]tessera.IndexFuture{fails, at(8)}, "entries from 7: disk full"},
		"the last is not there":  {[]tessera.IndexFuture{at(7), fails}, "entries from 7: disk full"},
	} {
		err := await(c.futures, 7)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		case strings.Contains(c.want, "disk full") && !errors.Is(err, errDisk):
			t.Errorf("%s: %v does not wrap its cause", name, err)
		}
	}
}
