package strictjson

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
)

var limits = Limits{Depth: 4, Values: 100}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		input   string
		problem Problem
		member  string
		offset  int
	}{
		{``, ProblemSyntax, "", 0},
		{`x`, ProblemSyntax, "", 0},
		{`{}}`, ProblemSyntax, "", 2},
		{`{"a":1`, ProblemSyntax, "a", 6},
		{`{"a"`, ProblemSyntax, "a", 4},
		{`{"a":}`, ProblemSyntax, "a", 5},
		{`{"a":1,}`, ProblemSyntax, "a", 7},
		{`{1:1}`, ProblemSyntax, "", 1},
		{`[1,]`, ProblemSyntax, "[1]", 3},
		{`[1 2]`, ProblemNotCanonical, "[0]", 2},
		{`["a]`, ProblemSyntax, "[0]", 4},
		{`["a` + "\n" + `"]`, ProblemSyntax, "[0]", 3},
		{`["\x"]`, ProblemSyntax, "[0]", 2},
		{`["\`, ProblemSyntax, "[0]", 2},
		{`["\u12"]`, ProblemSyntax, "[0]", 2},
		{`["\u12g4"]`, ProblemSyntax, "[0]", 2},
		{`[01]`, ProblemSyntax, "[0]", 1},
		{`[-]`, ProblemSyntax, "[0]", 1},
		{`[tru]`, ProblemSyntax, "[0]", 1},
		{"\ufeff{}", ProblemSyntax, "", 0},

		{"[\"a\xff\"]", ProblemUTF8, "[0]", 3},
		{"[\"\xc0\x80\"]", ProblemUTF8, "[0]", 2},     // overlong
		{"[\"\xed\xa0\x80\"]", ProblemUTF8, "[0]", 2}, // a surrogate
		{`["\ud800"]`, ProblemUTF8, "[0]", 2},
		{`["\udc00\ud800"]`, ProblemUTF8, "[0]", 2},
		{`["\ud800\u0041"]`, ProblemUTF8, "[0]", 2},
		{"{\"\xff\":1}", ProblemUTF8, "", 2},

		{`[[[[[]]]]]`, ProblemDepth, "[0][0][0][0]", 4},
		{`{"a":{"b":{"c":{"d":{}}}}}`, ProblemDepth, "a.b.c.d", 20},
		{strings.Repeat("[", 60000), ProblemDepth, "[0][0][0][0]", 4},
		{strings.Repeat(`{"":`, 16000), ProblemDepth, `[""][""][""][""]`, 16},
		{"[" + strings.Repeat("1,", 99) + "1]", ProblemSize, "[99]", 199},

		{`[-1]`, ProblemNumber, "[0]", 1},
		{`[-0]`, ProblemNumber, "[0]", 1},
		{`[1.0]`, ProblemNumber, "[0]", 1},
		{`[1e3]`, ProblemNumber, "[0]", 1},
		{`[1E3]`, ProblemNumber, "[0]", 1},
		{`[9007199254740992]`, ProblemNumber, "[0]", 1},
		{`[18446744073709551617]`, ProblemNumber, "[0]", 1},
		{`[1` + strings.Repeat("0", 60000) + `]`, ProblemNumber, "[0]", 1},

		{`null`, ProblemNull, "", 0},
		{`{"a":[true,null]}`, ProblemNull, "a[1]", 11},

		{`{"a":1,"a":1}`, ProblemDuplicate, "a", 7},
		{`{"a":1,"b":{"x":[]},"c":{"y":1},"b":1}`, ProblemDuplicate, "b", 32},
		{`{"x":{"a":1,"b":2,"a":3}}`, ProblemDuplicate, "x.a", 18},

		{` {}`, ProblemNotCanonical, "", 0},
		{`{}` + "\n", ProblemNotCanonical, "", 2},
		{`{"a": 1}`, ProblemNotCanonical, "a", 5},
		{`{"a":1, "b":1}`, ProblemNotCanonical, "a", 7},
		{`{ }`, ProblemNotCanonical, "", 1},
		{`[ ]`, ProblemNotCanonical, "[0]", 1},
		{`{"b":1,"a":1}`, ProblemNotCanonical, "a", 7},
		{`{"b":1,"":1}`, ProblemNotCanonical, `[""]`, 7},
		{`["\/"]`, ProblemNotCanonical, "[0]", 2},
		{`["\u0041"]`, ProblemNotCanonical, "[0]", 2},
		{`["\u000A"]`, ProblemNotCanonical, "[0]", 2}, // must be \n
		{`["\u001F"]`, ProblemNotCanonical, "[0]", 2}, // must be lower case
		{`["\u007f"]`, ProblemNotCanonical, "[0]", 2},
		{`["\ud83d\ude00"]`, ProblemNotCanonical, "[0]", 2},
		{`{"\ue000":1}`, ProblemNotCanonical, "", 2},
		// U+E000 is below U+1F600 as code point, above it in UTF-16.
		{`{"` + "\ue000" + `":1,"` + "\U0001f600" + `":1}`, ProblemNotCanonical, `["` + "\U0001f600" + `"]`, 9},
		{`{"\"":1,"!":1}`, ProblemNotCanonical, `["!"]`, 8}, // by the characters, not by their escapes
	} {
		doc, err := Parse([]byte(c.input), limits)
		fault, ok := errors.AsType[*Error](err)
		if !ok || doc != nil {
			t.Errorf("%.60q: got %v, want an *Error", c.input, err)
			continue
		}
		if fault.Problem != c.problem || fault.Member != c.member || fault.Offset != c.offset {
			t.Errorf("%.60q: got problem %d, member %q, byte %d (%v), want %d, %q, %d", c.input, fault.Problem, fault.Member, fault.Offset, err, c.problem, c.member, c.offset)
		}
		if len(fault.Got) > 24 || fault.Want == "" || fault.Error() == "" {
			t.Errorf("%.60q: %+v", c.input, fault)
		}
	}
}

func TestParseReads(t *testing.T) {
	for _, input := range []string{
		`{}`, `[]`, `""`, `0`, `true`, `false`, `9007199254740991`,
		`[[[[1]]]]`,
		"[" + strings.Repeat("1,", 98) + "1]",
		`{"":0,"a":{"b":[1,"c",{"d":true}]},"b":[]}`,
		`["\"\\\b\f\n\r\t\u0000\u000b\u001f/` + "\u007f\u00e9\u2028\ufffd\U0001f600" + `"]`,
		`{"!":1,"\"":1,"#":1}`,
		`{"` + "\U0001f600" + `":1,"` + "\ue000" + `":1,"` + "\uffff" + `":1}`,
	} {
		doc, err := Parse([]byte(input), limits)
		if err != nil {
			t.Errorf("%q: %v", input, err)
			continue
		}
		if got := string(render(nil, doc.Root())); got != input {
			t.Errorf("got %q, want %q", got, input)
		}
		if got, err := jcs.Transform([]byte(input)); err != nil || string(got) != input {
			if input[0] == '{' || input[0] == '[' {
				t.Errorf("%q: RFC 8785 as others read it is %q, %v", input, got, err)
			}
		}
	}
}

// render writes a value anew from what its methods say, not from its bytes.
func render(out []byte, v Value) []byte {
	switch v.Kind() {
	case Object:
		out = append(out, '{')
		first := true
		for name, member := range v.Members() {
			if !first {
				out = append(out, ',')
			}
			first = false
			out = AppendString(out, name)
			out = append(out, ':')
			out = render(out, member)
		}
		return append(out, '}')
	case List:
		out = append(out, '[')
		for i, element := range v.Elements() {
			if i > 0 {
				out = append(out, ',')
			}
			out = render(out, element)
		}
		return append(out, ']')
	case String:
		return AppendString(out, v.Text())
	case Number:
		return strconv.AppendUint(out, v.Uint(), 10)
	case True:
		return append(out, "true"...)
	case False:
		return append(out, "false"...)
	}
	panic("a value of no kind")
}

func TestValues(t *testing.T) {
	doc, err := Parse([]byte(`{"a":[{"b\n":1},"x\ty"],"n":42,"t":true}`), limits)
	if err != nil {
		t.Fatal(err)
	}
	root := doc.Root()
	a := root.Member("a")
	if root.Len() != 3 || a.Len() != 2 || root.Member("n").Uint() != 42 || root.Member("t").Kind() != True {
		t.Error("a value is not what stands there")
	}
	if v := root.Member("b"); v.Exists() || v.Kind() != 0 || v.Raw() != "" || v.Text() != "" || v.Uint() != 0 || v.Len() != 0 || v.Path() != "" || v.Member("x").Exists() {
		t.Error("an absent member is something")
	}
	if root.Text() != "" || a.Uint() != 0 || a.Member("b").Exists() {
		t.Error("a value has another kind's content")
	}
	var paths []string
	for _, element := range a.Elements() {
		paths = append(paths, element.Path(), element.Raw(), element.Text())
		for _, member := range element.Members() {
			paths = append(paths, member.Path())
		}
	}
	const want = `a[0]|{"b\n":1}||a[0]["b\n"]|a[1]|"x\ty"|x` + "\ty"
	if got := strings.Join(paths, "|"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := a.MemberPath("tpm2-uki/v1"); got != "a.tpm2-uki/v1" || root.MemberPath("x") != "x" || root.Path() != "" {
		t.Errorf("path %q", got)
	}
	for range root.Members() {
		break // early stop
	}
	for range a.Elements() {
		break
	}
}

func TestOrderIsThatOfUTF16(t *testing.T) {
	names := []string{"", "\x00", "!", "\"", "A", "a", "aa", "\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\U00010000", "\U0001f600", "\U0010ffff", "\ue000", "\uf000", "\uffff"}
	for i := range names {
		for j := range names {
			input := append(AppendString([]byte("{"), names[i]), ":1,"...)
			input = append(AppendString(input, names[j]), ":1}"...)
			_, err := Parse(input, limits)
			if (err == nil) != (i < j) {
				t.Errorf("%q: %v", input, err)
			}
			if i != j {
				other, otherErr := jcs.Transform(input)
				if otherErr != nil || (string(other) == string(input)) != (err == nil) {
					t.Errorf("%q: got %v, others write %q, %v", input, err, other, otherErr)
				}
			}
		}
	}
}

func TestKindsInWords(t *testing.T) {
	for kind, want := range map[Kind]string{0: "nothing", Object: "an object", List: "a list", String: "a string", Number: "a number", True: "a boolean", False: "a boolean"} {
		if got := kind.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
