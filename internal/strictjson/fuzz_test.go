package strictjson

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/gowebpki/jcs"
)

// FuzzParse: what parses is written anew as the same bytes, by us and by an
// independent implementation of RFC 8785; what is refused as not canonical that
// one writes otherwise; what is refused as not JSON nobody reads.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, `{"a":[1,2,{"b":"c"}],"b":true}`, `{"b":1,"a":1}`, `{"a":1,"a":1}`, `["\u001f\n\ud800"]`,
		`{"` + "\ue000" + `":1,"` + "\U0001f600" + `":1}`, `[-0,1e5,9007199254740992]`, `[[[[[[[[]]]]]]]]`, "[\"\xff\"]", `[ 1]`, `["\u00e9"]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		doc, err := Parse(input, Limits{Depth: 8, Values: 1000})
		if err == nil {
			root := doc.Root()
			if got := render(nil, root); string(got) != string(input) {
				t.Fatalf("parsed %q, wrote %q", input, got)
			}
			if root.Kind() == Object || root.Kind() == List {
				if got, err := jcs.Transform(input); err != nil || string(got) != string(input) {
					t.Fatalf("parsed %q, others write %q, %v", input, got, err)
				}
			}
			samePaths(t, root)
			return
		}
		fault, ok := errors.AsType[*Error](err)
		if !ok || fault.Offset > len(input) {
			t.Fatalf("%q: %v", input, err)
		}
		switch fault.Problem {
		case ProblemSyntax:
			if json.Valid(input) {
				t.Fatalf("%q is JSON: %v", input, err)
			}
		case ProblemNotCanonical, ProblemDuplicate, ProblemUTF8:
			if got, err := jcs.Transform(input); err == nil && string(got) == string(input) {
				t.Fatalf("%q is what others write: %v", input, fault)
			}
		}
	})
}

// samePaths: every value's path is its parent's and its own step.
func samePaths(t *testing.T, v Value) {
	t.Helper()
	for i, element := range v.Elements() {
		if got, want := element.Path(), string(appendElement([]byte(v.Path()), i)); got != want {
			t.Fatalf("path %q, want %q", got, want)
		}
		samePaths(t, element)
	}
	for name, member := range v.Members() {
		if got, want := member.Path(), v.MemberPath(name); got != want {
			t.Fatalf("path %q, want %q", got, want)
		}
		samePaths(t, member)
	}
}
