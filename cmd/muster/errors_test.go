package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// printedCodes finds the codes that a package's source writes down for error.code:
// literals given to fail, assigned to something called Code or code, returned by a
// function whose name ends in Code, and constants that begin with Code.
func printedCodes(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	found := make(map[string]string)
	set := token.NewFileSet()
	add := func(expressions ...ast.Expr) {
		for _, e := range expressions {
			literal, ok := e.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				continue
			}
			code, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			if code != "" && found[code] == "" {
				found[code] = set.Position(literal.Pos()).String()
			}
		}
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if called, ok := n.Fun.(*ast.Ident); ok && called.Name == "fail" {
					add(n.Args[1])
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if len(n.Rhs) == len(n.Lhs) && strings.EqualFold(lastName(left), "code") {
						add(n.Rhs[i])
					}
				}
			case *ast.FuncDecl:
				if strings.HasSuffix(n.Name.Name, "Code") {
					ast.Inspect(n, func(inner ast.Node) bool {
						if result, ok := inner.(*ast.ReturnStmt); ok {
							add(result.Results...)
						}
						return true
					})
				}
			case *ast.ValueSpec:
				if strings.HasPrefix(n.Names[0].Name, "Code") {
					add(n.Values...)
				}
			}
			return true
		})
	}
	return found
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

var documentedCode = regexp.MustCompile(`<a id="([a-z0-9-]+)"></a>`)

func documentedIn(t *testing.T, path string) []string {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, match := range documentedCode.FindAllStringSubmatch(string(page), -1) {
		codes = append(codes, match[1])
	}
	return codes
}

// TestErrorsAreDocumented: docs/errors.md explains every code that --json prints
// and docs/refusals.md does not, each once, and no other.
func TestErrorsAreDocumented(t *testing.T) {
	printed := make(map[string]string)
	for _, pattern := range []string{"*.go", "../../internal/command/*.go", "../../release/download/*.go", "../../monitor/audit/*.go", "../../release/measure/*.go", "../../roll/compute.go"} {
		maps.Copy(printed, printedCodes(t, pattern))
	}
	if len(printed) < 60 {
		t.Fatalf("only %d codes were found", len(printed))
	}
	explained, refusals := documentedIn(t, "../../docs/errors.md"), documentedIn(t, "../../docs/refusals.md")
	for _, code := range slices.Sorted(maps.Keys(printed)) {
		if !slices.Contains(explained, code) && !slices.Contains(refusals, code) {
			t.Errorf("docs/errors.md does not explain %s, of %s", code, printed[code])
		}
	}
	for i, code := range explained {
		if printed[code] == "" {
			t.Errorf("docs/errors.md explains %s, which nothing prints", code)
		}
		if slices.Contains(explained[:i], code) || slices.Contains(refusals, code) {
			t.Errorf("docs/errors.md explains %s, which is explained already", code)
		}
	}
}
