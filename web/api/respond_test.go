package api

import (
	"bytes"
	"strings"
	"testing"
)

// TestETagIsOfTheBytes: a validator that two bodies shared would have caches
// keep a checkpoint, and what is live, for ever.
func TestETagIsOfTheBytes(t *testing.T) {
	large := bytes.Repeat([]byte("entry "), 10000)
	changed := bytes.Clone(large)
	changed[len(changed)-1] ^= 1
	known := make(map[string]int)
	for i, body := range [][]byte{nil, []byte("a"), []byte("b"), []byte("ab"), large, changed} {
		tag := ETag(body)
		if before, taken := known[tag]; taken {
			t.Errorf("bodies %d and %d have one validator %s", before, i, tag)
		}
		known[tag] = i
		if again := ETag(bytes.Clone(body)); again != tag {
			t.Errorf("body %d has the validators %s and %s", i, tag, again)
		}
		if len(tag) < 20 || !strings.HasPrefix(tag, `"`) || !strings.HasSuffix(tag, `"`) {
			t.Errorf("body %d: %s is no strong validator", i, tag)
		}
	}
}
