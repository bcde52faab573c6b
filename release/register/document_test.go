package register

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestDocument: docs/formats/register.md names every reason code of this
// package, and no code and no test that does not exist.
func TestDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats/register.md")
	if err != nil {
		t.Fatal(err)
	}
	own, tests := declared(t, ".")
	codes, _ := declared(t, "..") // signatures and forms are judged there
	for code := range own {
		codes[code] = true
		if !strings.Contains(string(page), "`"+code+"`") {
			t.Errorf("the page has no rule with code %s", code)
		}
	}
	found := regexp.MustCompile("`([a-z0-9]+(?:-[a-z0-9]+)+)`").FindAllStringSubmatch(string(page), -1)
	for _, match := range found {
		if !codes[match[1]] {
			t.Errorf("the page names a code %s, which nothing gives", match[1])
		}
	}
	named := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*`).FindAllString(string(page), -1)
	for _, name := range named {
		if !tests[name] {
			t.Errorf("the page names %s, which is no test of this package", name)
		}
	}
	if len(own) < 45 || len(found) < len(own) || len(named) < 20 {
		t.Errorf("found only %d codes, %d on the page, and %d tests on it", len(own), len(found), len(named))
	}
}

// declared returns the values of the reason codes that the package in a
// directory declares, and the names of its tests.
func declared(t *testing.T, dir string) (codes, tests map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	codes, tests = make(map[string]bool), make(map[string]bool)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		isTest := strings.HasSuffix(file, "_test.go")
		for _, declaration := range parsed.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				if isTest && d.Recv == nil {
					tests[d.Name.Name] = true
				}
			case *ast.GenDecl:
				if d.Tok == token.CONST && !isTest {
					addCodes(t, codes, d)
				}
			}
		}
	}
	return codes, tests
}

// addCodes adds the values of the constants Code... of a declaration.
func addCodes(t *testing.T, codes map[string]bool, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		value := spec.(*ast.ValueSpec)
		for i, name := range value.Names {
			if !strings.HasPrefix(name.Name, "Code") {
				continue
			}
			literal, ok := value.Values[i].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s is no literal", name)
			}
			code, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			codes[code] = true
		}
	}
}
