package verify_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocumentListsEveryCheck: the page has each check of a verdict, in its order.
func TestDocumentListsEveryCheck(t *testing.T) {
	text, err := os.ReadFile("../docs/formats/verdict.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		// A row of the table of checks has a code, what passes, and what it needs.
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		for code := range strings.SplitSeq(cells[1], ",") {
			documented = append(documented, strings.Trim(code, " `"))
		}
	}
	s := newSite(t).standard()
	var made []string
	for _, c := range s.judge(marshal(t, s.bundle())).Checks {
		made = append(made, string(c.Code))
	}
	if diff := cmp.Diff(made, documented); diff != "" {
		t.Errorf("docs/formats/verdict.md lists other checks (-made +documented):\n%s", diff)
	}
	for i, code := range made {
		if slices.Contains(made[:i], code) {
			t.Errorf("%s stands twice", code)
		}
	}
}

// TestReadmeListsEveryVector, and no other.
func TestReadmeListsEveryVector(t *testing.T) {
	text, err := os.ReadFile(vectors + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed, there []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || !strings.HasPrefix(cells[1], " `") || strings.Contains(cells[1], ".") || cells[1] == " `now` " {
			continue
		}
		for name := range strings.SplitSeq(cells[1], ",") {
			listed = append(listed, strings.Trim(name, " `"))
		}
	}
	folders, err := os.ReadDir(vectors)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if folder.IsDir() {
			there = append(there, folder.Name())
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(there, listed); diff != "" {
		t.Errorf("README.md lists other vectors (-there +listed):\n%s", diff)
	}
}
