package foreign_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
)

// TestKeysDocument: the examples of OpenPGP and X.509 in keys.md hold: public bytes,
// key id, and a signature over the payload hello.
func TestKeysDocument(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "formats", "keys.md"))
	if err != nil {
		t.Fatal(err)
	}
	for heading, format := range map[string]release.KeyFormat{"\n### OpenPGP\n": release.FormatOpenPGP, "\n### X.509\n": release.FormatX509} {
		_, section, found := strings.Cut(string(data), heading)
		section, _, _ = strings.Cut(section, "\n#")
		var blocks []string
		for line := range strings.Lines(section) {
			if text, indented := strings.CutPrefix(line, "    "); indented {
				blocks = append(blocks, strings.TrimSpace(text))
			}
		}
		if !found || len(blocks) != 3 {
			t.Fatalf("%s: %d examples, want 3", strings.TrimSpace(heading), len(blocks))
		}
		public, err := base64.StdEncoding.DecodeString(blocks[0])
		if err != nil {
			t.Fatal(err)
		}
		sig, err := base64.StdEncoding.DecodeString(blocks[2])
		if err != nil {
			t.Fatal(err)
		}
		key := release.Key{Format: format, Public: public}
		if err := foreign.Check(key); err != nil {
			t.Error(err)
		}
		if got := key.ID().String(); got != blocks[1] {
			t.Errorf("%s: key id %s, the document says %s", format, got, blocks[1])
		}
		if spki, err := key.SPKI(); format == release.FormatX509 && (err != nil || !strings.Contains(string(data), "\n    "+spki.String()+"\n")) {
			t.Errorf("%s: SPKI %s, %v: not that of the document's key", format, spki, err)
		}
		if err := foreign.Verify(key, []byte("hello"), sig); err != nil {
			t.Error(err)
		}
	}
}
