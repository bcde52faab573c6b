package main

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

// TestErrorsAreDocumented: docs/witness-errors.md explains every code that --json
// prints, each once, and no other.
func TestErrorsAreDocumented(t *testing.T) {
	// Those that package command knows, for every program; log-misbehaved is not of a
	// witness, whose command line asks no log.
	printed := map[string]bool{"usage": true, "refused": true, "failed": true, "file-exists": true, "key-file-mode": true}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if called, ok := call.Fun.(*ast.SelectorExpr); !ok || called.Sel.Name != "Fail" {
				return true
			}
			literal, ok := call.Args[1].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s: a code that is not written where it is given", name)
			}
			code, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			printed[code] = true
			return true
		})
	}
	if len(printed) < 15 {
		t.Fatalf("only %d codes were found", len(printed))
	}
	page, err := os.ReadFile("../../docs/witness-errors.md")
	if err != nil {
		t.Fatal(err)
	}
	var explained []string
	for _, match := range regexp.MustCompile("<a id=\"([a-z0-9-]+)\"></a>`([a-z0-9-]+)`").FindAllStringSubmatch(string(page), -1) {
		if match[1] != match[2] || slices.Contains(explained, match[1]) {
			t.Errorf("%s is explained twice, or as %s", match[1], match[2])
		}
		explained = append(explained, match[1])
		if !printed[match[1]] {
			t.Errorf("%s is explained, and nothing prints it", match[1])
		}
	}
	for code := range printed {
		if !slices.Contains(explained, code) {
			t.Errorf("%s is not explained", code)
		}
	}
}
