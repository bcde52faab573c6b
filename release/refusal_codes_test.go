package release_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// codesIn returns the values of the constants Code... in the Go files that match.
func codesIn(tb testing.TB, pattern string) []string {
	tb.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		tb.Fatal(err)
	}
	var codes []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			tb.Fatal(err)
		}
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				constant := spec.(*ast.ValueSpec)
				if !strings.HasPrefix(constant.Names[0].Name, "Code") {
					continue
				}
				if len(constant.Names) != 1 || len(constant.Values) != 1 {
					tb.Fatalf("%s: %s: want one code a line, with its value", name, constant.Names[0].Name)
				}
				literal, ok := constant.Values[0].(*ast.BasicLit)
				if !ok {
					tb.Fatalf("%s: %s: want a string", name, constant.Names[0].Name)
				}
				code, err := strconv.Unquote(literal.Value)
				if err != nil {
					tb.Fatal(err)
				}
				codes = append(codes, code)
			}
		}
	}
	return codes
}

var (
	codeLine = regexp.MustCompile("^\\| <a id=\"([^\"]*)\"></a>`([^`]*)` \\| (.*) \\|$")
	codeForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

// docs/refusals.md lists every code once, and no other, each with a sentence.
func TestRefusalsAreDocumented(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "docs", "refusals.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string][]string{}
	section := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\n")
		if title, found := strings.CutPrefix(line, "## "); found {
			section = title
		}
		match := codeLine.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		if match[2] != match[1] {
			t.Errorf("%s: its anchor is %s, which problem documents do not link to", match[2], match[1])
		}
		if !codeForm.MatchString(match[1]) {
			t.Errorf("%s: a code is lower case words joined by hyphens", match[1])
		}
		if sentence := match[3]; len(sentence) < 10 || !strings.HasSuffix(sentence, ".") {
			t.Errorf("%s: want one sentence, got %q", match[1], sentence)
		}
		sections[section] = append(sections[section], match[1])
	}
	seen := map[string]bool{}
	for section, in := range map[string]struct {
		pattern string
		least   int
	}{
		"By itself (package release)":           {"*.go", 40},
		"In its log (package release/register)": {filepath.Join("register", "*.go"), 40},
		"By the log alone (package log)":        {filepath.Join("..", "log", "*.go"), 2},
	} {
		pattern := in.pattern
		want, got := codesIn(t, pattern), sections[section]
		if len(want) < in.least {
			t.Errorf("found only %d codes in %s", len(want), pattern)
		}
		for _, code := range got {
			if seen[code] {
				t.Errorf("docs/refusals.md: %s stands twice", code)
			}
			seen[code] = true
			if !slices.Contains(want, code) {
				t.Errorf("docs/refusals.md, %s: %s is no code of %s", section, code, pattern)
			}
		}
		for _, code := range want {
			if !slices.Contains(got, code) {
				t.Errorf("docs/refusals.md, %s: %s is missing", section, code)
			}
		}
		delete(sections, section)
	}
	for section := range sections {
		t.Errorf("docs/refusals.md: codes stand under %q, which no package belongs to", section)
	}
}
