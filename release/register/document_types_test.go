package register

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// ofEveryEntry are the codes that refuse an entry of any type but authority.
var ofEveryEntry = []string{
	"already-logged", "authority-not-in-force", "authority-expired", "issued-behind-log-time", "issued-ahead-of-log-time", "issued-behind-clock", "issued-ahead-of-clock",
	"role-does-not-cover", "signer-unknown", "signer-outside-role", "threshold-missed", "log-retired", "successor-chain-incomplete",
}

// TestTypeDocuments: the page of each statement type names every code of this
// package that refuses one, and no code is left without a page.
func TestTypeDocuments(t *testing.T) {
	left, _ := declared(t, ".")
	for page, codes := range map[string][]string{
		"authority": {"first-entry-not-authority", "no-authority", "version-not-next", "previous-not-in-force", "previous-root-missed", "own-root-missed"},
		"image":     {"image-taken", "security-version-falls", "security-version-leaps", "publish-by-passed", "publish-by-too-far"},
		"release": {"channel-not-listed", "image-not-logged", "image-of-other-product", "no-os-image", "image-not-production", "image-struck", "image-withdrawn", "reinstates-no-withdrawal",
			"reinstates-other", "release-taken", "identity-version", "not-after-not-later", "not-after-passed", "not-after-too-far", "too-many-live"},
		"withdrawal": {"target-not-logged", "target-of-other-product"},
		"roll":       {"roll-origin", "roll-rules", "roll-size-ahead", "roll-size-back", "roll-authority", "roll-live"},
		"finding":    {"type-not-admitted"},
	} {
		text, err := os.ReadFile("../../docs/formats/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		switch page {
		case "authority", "finding":
		default:
			codes = slices.Concat(codes, ofEveryEntry)
		}
		for _, code := range codes {
			if !strings.Contains(string(text), "`"+code+"`") {
				t.Errorf("%s.md has no rule with code %s", page, code)
			}
			delete(left, code)
		}
	}
	for code := range left {
		t.Errorf("no page of a type has the code %s", code)
	}
}
