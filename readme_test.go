package muster_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block returns the lines of the fenced block that follows a mark.
func block(t *testing.T, text, mark string) []string {
	t.Helper()
	_, rest, found := strings.Cut(text, mark)
	_, rest, opened := strings.Cut(rest, "```text\n")
	inside, _, closed := strings.Cut(rest, "\n```\n")
	if !found || !opened || !closed {
		t.Fatalf("README has no block after %q", mark)
	}
	return strings.Split(inside, "\n")
}

// TestReadmeRooms: README lists the rooms that hold packages, all of them and no
// others.
func TestReadmeRooms(t *testing.T) {
	built := map[string]bool{}
	for _, p := range list(t, nil, "./...") {
		if p.path() != "" && !p.tests() {
			built[room(p.path())] = true
		}
	}
	listed := map[string]bool{}
	for _, line := range block(t, readText(t, "README.md"), "\n## The rooms\n") {
		name, what, _ := strings.Cut(line, " ")
		if strings.TrimSpace(what) == "" || listed[name] {
			t.Errorf("room %q: want it once, with what it is", name)
		}
		listed[name] = true
	}
	if diff := cmp.Diff(built, listed); diff != "" {
		t.Errorf("-there +in README\n%s", diff)
	}
}

// TestReadmeMakeTest: README shows the commands that make test runs, and go test's
// lines of packages that have tests. That make demo prints what README shows, the
// demo checks itself: make demo ONCE=1.
func TestReadmeMakeTest(t *testing.T) {
	lines := block(t, readText(t, "README.md"), "<!-- the output of make test -->")
	_, recipe, _ := strings.Cut(readText(t, "Makefile"), "\ntest:\n")
	recipe, _, _ = strings.Cut(recipe, "\n\n")
	commands := []string{"$ make test"}
	for line := range strings.Lines(recipe) {
		commands = append(commands, strings.ReplaceAll(strings.TrimSpace(line), "$(GO)", "go"))
	}
	if len(lines) < len(commands)+2 {
		t.Fatalf("got %d lines, want the commands and packages", len(lines))
	}
	if diff := cmp.Diff(commands, lines[:len(commands)]); diff != "" {
		t.Errorf("-Makefile +README\n%s", diff)
	}
	tested := map[string]bool{}
	for _, p := range list(t, nil, "./...") {
		tested[p.ImportPath] = len(p.TestImports)+len(p.XTestImports) > 0
	}
	passed := regexp.MustCompile(`^ok  \t(\S+)\t\d+\.\d+s$`)
	for _, line := range lines[len(commands):] {
		match := passed.FindStringSubmatch(line)
		if line != "..." && (match == nil || !tested[match[1]]) {
			t.Errorf("line %q: want ... or a package that has tests, as go test prints it", line)
		}
	}
}

// TestReadmeLinks: the files that README names are there.
func TestReadmeLinks(t *testing.T) {
	links := regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(readText(t, "README.md"), -1)
	if len(links) == 0 {
		t.Error("README has no links")
	}
	for _, link := range links {
		if _, err := os.Stat(link[1]); err != nil {
			t.Error(err)
		}
	}
}

// TestDependenciesHaveReasons: docs/dependencies.md says of every module that a
// package here imports why it is there, and of no other.
func TestDependenciesHaveReasons(t *testing.T) {
	var modules []string
	for line := range strings.Lines(readText(t, "go.mod")) {
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(words) >= 2 && strings.HasPrefix(words[1], "v") {
			modules = append(modules, words[0])
		}
	}
	imported := map[string]bool{}
	for _, p := range list(t, nil, "-tags=system", "./...") {
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			for _, name := range modules {
				if path == name || strings.HasPrefix(path, name+"/") {
					imported[name] = true
				}
			}
		}
	}
	explained := map[string]bool{}
	row := regexp.MustCompile(`(?m)^\| (\S+\.\S+/\S+) \| \S.* \|$`)
	for _, match := range row.FindAllStringSubmatch(readText(t, "docs/dependencies.md"), -1) {
		explained[match[1]] = true
	}
	if diff := cmp.Diff(imported, explained); diff != "" {
		t.Errorf("-imported +docs/dependencies.md\n%s", diff)
	}
}
