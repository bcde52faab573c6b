package release_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

func document(tb testing.TB, name string) string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", "formats", name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// wantBlock asks for a text as an indented block of a document.
func wantBlock(tb testing.TB, document, text string) {
	tb.Helper()
	block := "\n\n    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
	if !strings.Contains(document, block) {
		tb.Errorf("the document lacks this block:%s", block)
	}
}

func TestKeysDocument(t *testing.T) {
	text := document(t, "keys.md")
	private := releasetest.KeyFromName("root1")
	public, err := private.Key().MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	signature, err := private.Sign([]byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	wantBlock(t, text, string(public))
	wantBlock(t, text, private.Key().ID().String())
	wantBlock(t, text, base64.StdEncoding.EncodeToString(signature.Sig))
	if pae := string(release.PAE([]byte("hello"))); !strings.Contains(text, "`"+pae+"`") {
		t.Errorf("the document lacks %q", pae)
	}
}

func TestCmdlineDocument(t *testing.T) {
	text := document(t, "cmdline.md")
	cmdline := exampleImage(t, "01.json").Measurements.TPM2UKI.Cmdline
	if err := release.CheckCmdline(1, cmdline); err != nil {
		t.Error(err)
	}
	wantBlock(t, text, cmdline)
	rules, err := release.CmdlineRules(1)
	if err != nil {
		t.Fatal(err)
	}
	version1, _, _ := strings.Cut(text, "## Why so")
	for _, list := range [][]string{rules.Required, rules.Refused} {
		for _, word := range list {
			if !strings.Contains(version1, "`"+word+"`") {
				t.Errorf("the document lacks `%s`", word)
			}
		}
	}
}
