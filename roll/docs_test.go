package roll_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// codesOf returns the values of the string constants of a Go file whose names begin
// with a prefix.
func codesOf(t *testing.T, path, prefix string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) || len(spec.Values) == 0 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
			code, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, code)
		}
		return true
	})
	if len(codes) == 0 {
		t.Fatalf("%s has no constants %s", path, prefix)
	}
	return codes
}

// TestDocumented: docs/roll.md explains every alarm, and every code of the door under
// the name that its problem documents link to.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/roll.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range append(codesOf(t, "alarm.go", "Alarm"), codesOf(t, "../monitor/audit/errors.go", "Code")...) {
		if strings.HasPrefix(code, "fork-") {
			continue
		}
		if !strings.Contains(string(page), "`"+code+"`") {
			t.Errorf("docs/roll.md does not explain the alarm %s", code)
		}
	}
	for _, code := range codesOf(t, "server/problem.go", "code") {
		if !strings.Contains(string(page), `<a id="`+code+`"></a>`) {
			t.Errorf("docs/roll.md has no anchor %s", code)
		}
	}
	for _, reason := range codesOf(t, "products.go", "Reason") {
		if !strings.Contains(string(page), "`"+reason+"`") {
			t.Errorf("docs/roll.md does not explain the reason %s", reason)
		}
	}
}
