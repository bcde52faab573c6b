package register

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/muster-log/muster/release"
)

// TestEveryCodeHasItsClass: a rule of the log that is missing in the table would be
// taken for a question of form.
func TestEveryCodeHasItsClass(t *testing.T) {
	parsed, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(parsed, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		if text == "github.com/muster-log/muster/release" {
			return true
		}
		found++
		if class, ok := classes[release.Code(text)]; !ok || class == ClassForm {
			t.Errorf("code %s has class %d, %v", text, class, ok)
		}
		return true
	})
	if found < 45 {
		t.Errorf("found only %d codes", found)
	}
}

func TestClassOf(t *testing.T) {
	for code, want := range map[release.Code]Class{
		"json-syntax":                ClassForm,
		release.CodePredicateType:    ClassForm,
		release.CodeSignatureInvalid: ClassForbidden,
		CodeThresholdMissed:          ClassForbidden,
		CodeAlreadyLogged:            ClassConflict,
		CodeSuccessorChain:           ClassConflict,
		release.CodeCannotJudge:      ClassUnprocessable,
		CodeTargetNotLogged:          ClassUnprocessable,
		"a code of somebody else":    ClassForm,
	} {
		if got := ClassOf(code); got != want {
			t.Errorf("%s: got class %d, want %d", code, got, want)
		}
	}
}
