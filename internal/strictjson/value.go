package strictjson

import (
	"iter"
	"strconv"
	"strings"
)

// Kind is the JSON type of a value.
type Kind uint8

// The kinds. There is no null.
const (
	Object Kind = iota + 1
	List
	String
	Number
	True
	False
)

// String returns the kind in words, with its article.
func (k Kind) String() string {
	switch k {
	case Object:
		return "an object"
	case List:
		return "a list"
	case String:
		return "a string"
	case Number:
		return "a number"
	case True, False:
		return "a boolean"
	}
	return "nothing"
}

// Document is a parsed input.
type Document struct {
	text  string
	nodes []node
}

// node is a value or a member's name: its bytes, text[start:end], and the node
// after the last that it holds. The nodes of an object are name, value, name,
// value ...; those of a list are its elements.
type node struct {
	start, end, next, count int32
	kind                    Kind
}

// Root returns the whole.
func (d *Document) Root() Value { return Value{d, 0} }

// Value is a value in a document. The zero Value is no value.
type Value struct {
	doc *Document
	at  int32
}

func (v Value) node() *node { return &v.doc.nodes[v.at] }

// Exists tells whether there is a value.
func (v Value) Exists() bool { return v.doc != nil }

// Kind returns the value's JSON type, 0 if there is none.
func (v Value) Kind() Kind {
	if v.doc == nil {
		return 0
	}
	return v.node().kind
}

// Raw returns the value's canonical bytes. They share the document's memory.
func (v Value) Raw() string {
	if v.doc == nil {
		return ""
	}
	n := v.node()
	return v.doc.text[n.start:n.end]
}

// Len returns how many members or elements the value has.
func (v Value) Len() int {
	if v.doc == nil {
		return 0
	}
	return int(v.node().count)
}

// Text returns what a string says; empty for any other kind. Where the string
// has no escapes the text shares the document's memory.
func (v Value) Text() string {
	if v.Kind() != String {
		return ""
	}
	return unescape(v.Raw())
}

// Uint returns the value of a number; 0 for any other kind.
func (v Value) Uint() uint64 {
	if v.Kind() != Number {
		return 0
	}
	n, _ := strconv.ParseUint(v.Raw(), 10, 64) // cannot fail: at most MaxInteger
	return n
}

// Member returns the member of that name; the zero Value if there is none.
func (v Value) Member(name string) Value {
	for member, value := range v.Members() {
		if member == name {
			return value
		}
	}
	return Value{}
}

// Members lists the members of an object, in their order; of any other kind none.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.Kind() != Object {
			return
		}
		end := v.node().next
		for at := v.at + 1; at < end; at = v.doc.nodes[at+1].next {
			name := unescape(Value{v.doc, at}.Raw())
			if !yield(name, Value{v.doc, at + 1}) {
				return
			}
		}
	}
}

// Elements lists the elements of a list with their numbers, in their order; of
// any other kind none.
func (v Value) Elements() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if v.Kind() != List {
			return
		}
		end := v.node().next
		for i, at := 0, v.at+1; at < end; i, at = i+1, v.doc.nodes[at].next {
			if !yield(i, Value{v.doc, at}) {
				return
			}
		}
	}
}

// Path returns where the value stands in its document: names joined by dots,
// the numbers of elements in brackets, as in predicate.artifacts[2].urls[0]. A
// name with other characters than letters, digits, -, _ and / stands quoted in
// brackets. It is empty for the whole. Path searches from the root: it is for
// errors.
func (v Value) Path() string {
	if v.doc == nil {
		return ""
	}
	var path []byte
	for at := v.doc.Root(); at.at != v.at; {
		inner := at
		for i, element := range at.Elements() {
			if element.at <= v.at && v.at < element.node().next {
				path, inner = appendElement(path, i), element
			}
		}
		for name, member := range at.Members() {
			if member.at <= v.at && v.at < member.node().next {
				path, inner = appendMember(path, name), member
			}
		}
		at = inner
	}
	return string(path)
}

// MemberPath returns the path that a member of this object has, or would have.
func (v Value) MemberPath(name string) string {
	return string(appendMember([]byte(v.Path()), name))
}

func appendElement(path []byte, i int) []byte {
	path = append(path, '[')
	path = strconv.AppendInt(path, int64(i), 10)
	return append(path, ']')
}

func appendMember(path []byte, name string) []byte {
	bare := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '/'
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !bare(r) }) {
		path = append(path, '[')
		path = AppendString(path, name)
		return append(path, ']')
	}
	if len(path) > 0 {
		path = append(path, '.')
	}
	return append(path, name...)
}
