package release

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documented returns a page of docs/formats.
func documented(tb testing.TB, page string) string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", "formats", page))
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// jsonIn returns the indented lines of a page that are JSON objects.
func jsonIn(page string) []string {
	var blocks []string
	for line := range strings.Lines(page) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "{"); ok && strings.HasPrefix(line, "    ") {
			blocks = append(blocks, "{"+text)
		}
	}
	return blocks
}

// exampleFinding is the example of docs/formats/finding.md.
func exampleFinding(tb testing.TB) *Finding {
	f := fullFinding()
	f.Authority, f.Entry = mustDigest(tb, exampleDigests[0]), mustDigest(tb, exampleDigests[1])
	f.Auditor = "auditor.example"
	return f
}

func TestDocumentedExamples(t *testing.T) {
	identity := `{"channel":"stable","images":[{"sha256":"` + exampleDigests[2] + `"},{"sha256":"` + exampleDigests[1] + `"}],"product":"acme/ai"}`
	for page, want := range map[string][]string{
		"entry.md":      {string(readExample(t, "03.envelope.json"))},
		"authority.md":  {string(examplePayload(t, 8))},
		"image.md":      {string(examplePayload(t, 1))},
		"release.md":    {identity, string(examplePayload(t, 6))},
		"withdrawal.md": {string(examplePayload(t, 5))},
		"roll.md":       {string(examplePayload(t, 7))},
		"finding.md":    {string(mustMarshal(t, mustNew(t, exampleFinding(t))))},
	} {
		got := jsonIn(documented(t, page))
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", page, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if text := documented(t, "release.md"); !strings.Contains(text, fmt.Sprintf("hashes to `%x`", sha256.Sum256([]byte(identity)))) {
		t.Error("release.md: the identity is another")
	}
}

// TestDocumentedMembers: every member has a row in its type's page, marked as
// it is, and every bound stands as it is.
func TestDocumentedMembers(t *testing.T) {
	row := func(members []string) (rows []string) {
		for _, member := range members {
			name, optional := strings.CutSuffix(member, "?")
			mark := ""
			if optional {
				mark = "?"
			}
			rows = append(rows, "\n| `"+name+"`"+mark+" | ")
		}
		return rows
	}
	inline := func(members []string) []string { return []string{"{`" + strings.Join(members, "`, `") + "`}"} }
	between := func(what string, least, most int) string {
		return fmt.Sprintf("\n| %s | %d to %d |\n", what, least, most)
	}
	for page, want := range map[string][][]string{
		"entry.md": {row(statementMembers), row(envelopeMembers), inline(signatureMembers), {
			"1 to 65,535 bytes", "1 to 64 objects {`keyid`", "1 to 8,192 bytes", "at most 3 deep in an envelope, 16 deep in a payload", "at most 4,096 values", "at most 2,048 bytes of UTF-8",
			"an authority's at most 16,384", "1 to 256 characters",
			between("an authority's `keys`", 1, maxKeys), between("`roles`", 1, maxRoles), between("`roles[].keys`", 1, maxKeys),
			between("`roles[].products`", 0, maxRoleProducts), between("`roles[].kinds`", 0, len(kinds)), between("`roles[].channels`", 0, maxChannels),
			between("an authority's `channels`", 0, maxChannels), between("`compromised`", 0, maxCompromised), between("`artifacts`", 1, maxArtifacts),
			between("`urls`", 0, maxURLs), between("`provenance`", 0, maxProvenance), between("`sections`", 1, maxSections), between("`phases`", 0, maxPhases),
			between("`resources`", 1, maxResources), between("values of a PCR", 1, maxPCRValues), between("a release's `subject`", 1, maxImages),
			between("`reinstates`", 0, maxReinstates), between("`live`", 0, MaxLive),
		}},
		"authority.md":  {row(authorityMembers), inline(keyMembers), inline(roleMembers), inline(channelMembers), inline(limitsMembers), inline(compromisedMembers)},
		"image.md":      {row(imageMembers), inline(artifactMembers), row(tpm2UKIMembers), row(verityMembers), row(omsMembers), row(firmwarePCRsMembers), inline(sectionMembers)},
		"release.md":    {row(releaseMembers)},
		"withdrawal.md": {row(withdrawalMembers)},
		"roll.md":       {row(rollMembers)},
		"finding.md":    {row(findingMembers)},
	} {
		text := documented(t, page)
		for _, rows := range want {
			for _, row := range rows {
				if !strings.Contains(text, row) {
					t.Errorf("%s: lacks %q", page, row)
				}
			}
		}
	}
	bounds := []int{MaxEntry, maxSignatures, maxSignatureSize, maxEnvelopeDepth, maxPayloadDepth, maxValues, maxNote, maxAuthorityPayload, maxPredicateType}
	if got := fmt.Sprint(bounds); got != "[65535 64 8192 3 16 4096 2048 16384 256]" {
		t.Errorf("bounds %s: entry.md says otherwise", got)
	}
	if got := len(base64.StdEncoding.EncodeToString(make([]byte, maxSignatureSize))); got > MaxEntry {
		t.Errorf("a signature of the greatest size takes %d bytes", got)
	}
}

// TestDocumentedCodes: every code that a page names exists.
func TestDocumentedCodes(t *testing.T) {
	codes := allCodes(t)
	maps.Copy(codes, codesIn(t, filepath.Join("register", "codes.go")))
	maps.Copy(codes, codesIn(t, filepath.Join("..", "log", "roll.go"))) // those that a log alone has
	form := regexp.MustCompile("`[a-z0-9]+(-[a-z0-9]+)+`")
	for _, page := range []string{"entry.md", "authority.md", "image.md", "release.md", "withdrawal.md", "roll.md", "finding.md"} {
		found := form.FindAllString(documented(t, page), -1)
		if len(found) == 0 {
			t.Errorf("%s names no code", page)
		}
		for _, word := range found {
			if !codes[Code(strings.Trim(word, "`"))] {
				t.Errorf("%s: %s is no code", page, word)
			}
		}
	}
}

// TestDocumentedManifest: the example of model-signing.md is what OMSManifest
// writes, and its digest that of the page.
func TestDocumentedManifest(t *testing.T) {
	var files []Resource
	for _, name := range []string{"config.json", "weights/0", "weights.json"} {
		files = append(files, Resource{Name: name, Digest: sha256.Sum256([]byte(name))})
	}
	want, err := OMSManifest(OMSRoot(files), files)
	if err != nil {
		t.Fatal(err)
	}
	text := documented(t, "model-signing.md")
	if got := jsonIn(text); len(got) != 1 || got[0] != string(want) {
		t.Errorf("model-signing.md: got %s, want %s", got, want)
	}
	if digest := fmt.Sprintf("`%x`", sha256.Sum256(want)); !strings.Contains(text, digest) {
		t.Errorf("model-signing.md: the digest is %s", digest)
	}
}
