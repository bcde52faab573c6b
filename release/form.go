package release

import (
	"encoding/base64"
	"encoding/hex"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-log/muster/internal/strictjson"
)

// Bounds of what docs/formats/entry.md and its neighbours leave to this
// implementation to fix. They are for ever.
const (
	maxPayloadDepth  = 16   // objects and lists inside each other, unknown types included
	maxEnvelopeDepth = 3    // the envelope, its list, a signature
	maxValues        = 4096 // JSON values in an envelope or a payload
)

// maxInteger is the greatest integer of the format.
const maxInteger = strictjson.MaxInteger

// jsonCodes are the codes of what strictjson refuses.
var jsonCodes = map[strictjson.Problem]Code{
	strictjson.ProblemSyntax:       CodeJSONSyntax,
	strictjson.ProblemUTF8:         CodeJSONUTF8,
	strictjson.ProblemDepth:        CodeJSONDepth,
	strictjson.ProblemSize:         CodeJSONSize,
	strictjson.ProblemNumber:       CodeJSONNumber,
	strictjson.ProblemNull:         CodeJSONNull,
	strictjson.ProblemDuplicate:    CodeJSONDuplicate,
	strictjson.ProblemNotCanonical: CodeJSONNotCanonical,
}

// parseJSON reads canonical JSON.
func parseJSON(data []byte, depth int) (strictjson.Value, *Refusal) {
	return parseJSONOf(data, depth, maxValues)
}

// parseJSONOf is parseJSON of at most so many values.
func parseJSONOf(data []byte, depth, values int) (strictjson.Value, *Refusal) {
	doc, err := strictjson.Parse(data, strictjson.Limits{Depth: depth, Values: values})
	if err == nil {
		return doc.Root(), nil
	}
	fault := err.(*strictjson.Error) // Parse returns no other
	got := "the end"
	if fault.Got != "" {
		got = fault.Got
	}
	want := fault.Want
	switch fault.Problem {
	case strictjson.ProblemDepth:
		want = "at most " + strconv.Itoa(depth) + " objects and lists inside each other"
	case strictjson.ProblemSize:
		want = "at most " + strconv.Itoa(values) + " values"
	case strictjson.ProblemNotCanonical:
		want += " (RFC 8785)"
	}
	return strictjson.Value{}, Refuse(jsonCodes[fault.Problem], fault.Member, got, want+" at byte "+strconv.Itoa(fault.Offset))
}

// reader takes values out of canonical JSON by the format's rules. It keeps the
// first refusal; after it, its methods look at nothing more.
type reader struct {
	refusal     *Refusal
	notAdmitted *Refusal // profile-not-admitted, which counts only where nothing else is wrong
}

// refuse keeps a refusal of a value, unless there is one already.
func (r *reader) refuse(v strictjson.Value, code Code, want string) {
	got := v.Raw()
	switch v.Kind() {
	case strictjson.String:
		got = v.Text()
	case strictjson.Object, strictjson.List:
		got = v.Kind().String()
	}
	r.refuseGot(v, code, got, want)
}

// refuseGot is refuse with other words for what stood there.
func (r *reader) refuseGot(v strictjson.Value, code Code, got, want string) {
	if r.refusal == nil {
		r.refusal = Refuse(code, v.Path(), got, want)
	}
}

// is judges the JSON type of a value.
func (r *reader) is(v strictjson.Value, kind strictjson.Kind) bool {
	if r.refusal == nil && v.Kind() != kind {
		r.refuseGot(v, CodeMemberType, v.Kind().String(), kind.String())
	}
	return r.refusal == nil
}

// object judges that a value is an object of exactly these members. They are
// listed in the order of their names; one that ends in ? may be absent.
func (r *reader) object(v strictjson.Value, members []string) bool {
	if !r.is(v, strictjson.Object) {
		return false
	}
	next := 0
	for name, member := range v.Members() {
		for next < len(members) && strings.TrimSuffix(members[next], "?") < name {
			if !strings.HasSuffix(members[next], "?") {
				return r.missing(v, members[next])
			}
			next++
		}
		if next == len(members) || strings.TrimSuffix(members[next], "?") != name {
			r.refuseGot(member, CodeMemberUnknown, name, "one of "+strings.Join(members, ", "))
			return false
		}
		next++
	}
	for ; next < len(members); next++ {
		if !strings.HasSuffix(members[next], "?") {
			return r.missing(v, members[next])
		}
	}
	return true
}

func (r *reader) missing(v strictjson.Value, name string) bool {
	if r.refusal == nil {
		r.refusal = Refuse(CodeMemberMissing, v.MemberPath(name), "nothing", "this member")
	}
	return false
}

// list returns the elements of a list in their own order. It stops at the first
// refusal. None stands twice.
func (r *reader) list(v strictjson.Value, least, most int) iter.Seq2[int, strictjson.Value] {
	return func(yield func(int, strictjson.Value) bool) {
		if !r.length(v, least, most) {
			return
		}
		seen := make([]string, 0, v.Len())
		for i, element := range v.Elements() {
			if slices.Contains(seen, element.Raw()) {
				r.refuseGot(element, CodeListRepeated, element.Raw(), "each element once")
			}
			seen = append(seen, element.Raw())
			if r.refusal != nil || !yield(i, element) {
				return
			}
		}
	}
}

// set returns the elements of a list that is a set: ordered by their canonical
// bytes, none twice. It stops at the first refusal.
func (r *reader) set(v strictjson.Value, least, most int) iter.Seq2[int, strictjson.Value] {
	return func(yield func(int, strictjson.Value) bool) {
		if !r.length(v, least, most) {
			return
		}
		previous := ""
		for i, element := range v.Elements() {
			raw := element.Raw()
			if raw < previous {
				r.refuseGot(element, CodeListOrder, raw, "a list ordered by its elements' canonical bytes")
			} else if raw == previous {
				r.refuseGot(element, CodeListRepeated, raw, "each element once")
			}
			previous = raw
			if r.refusal != nil || !yield(i, element) {
				return
			}
		}
	}
}

func (r *reader) length(v strictjson.Value, least, most int) bool {
	if !r.is(v, strictjson.List) {
		return false
	}
	if n := v.Len(); n < least || n > most {
		want := strconv.Itoa(least) + " to " + strconv.Itoa(most) + " elements"
		if least == most {
			want = strconv.Itoa(least) + " elements"
		}
		r.refuseGot(v, CodeListSize, strconv.Itoa(n), want)
	}
	return r.refusal == nil
}

// integer returns an integer in its range.
func (r *reader) integer(v strictjson.Value, least, most uint64) uint64 {
	if !r.is(v, strictjson.Number) {
		return 0
	}
	n := v.Uint()
	if n < least || n > most {
		r.refuse(v, CodeRange, strconv.FormatUint(least, 10)+" to "+strconv.FormatUint(most, 10))
		return 0
	}
	return n
}

// text returns a string of printable ASCII of least to most characters.
func (r *reader) text(v strictjson.Value, least, most int) string {
	text := r.ascii(v)
	if r.refusal == nil && (len(text) < least || len(text) > most) {
		r.refuseGot(v, CodeStringLength, strconv.Itoa(len(text)), strconv.Itoa(least)+" to "+strconv.Itoa(most)+" characters")
	}
	return text
}

// ascii returns a string of printable ASCII.
func (r *reader) ascii(v strictjson.Value) string {
	if !r.is(v, strictjson.String) {
		return ""
	}
	text := v.Text()
	if !isPrintable(text) {
		r.refuse(v, CodeStringASCII, "printable ASCII, 0x20 to 0x7E")
	}
	return text
}

// matches returns a string of a grammar.
func (r *reader) matches(v strictjson.Value, g *grammar) string {
	text := r.ascii(v)
	if r.refusal == nil && !g.match(text) {
		r.refuse(v, g.code, g.want)
	}
	return text
}

// oneOf returns a string that is one of those listed.
func oneOf[T ~string](r *reader, v strictjson.Value, values ...T) T {
	text := r.ascii(v)
	if r.refusal == nil && !slices.Contains(values, T(text)) {
		words := make([]string, len(values))
		for i := range values {
			words[i] = string(values[i])
		}
		r.refuse(v, CodeValue, strings.Join(words, ", "))
	}
	return T(text)
}

// note returns free text: the one member that may hold other text than ASCII.
func (r *reader) note(v strictjson.Value) string {
	if !r.is(v, strictjson.String) {
		return ""
	}
	text := v.Text()
	if len(text) > maxNote {
		r.refuseGot(v, CodeStringLength, strconv.Itoa(len(text)), "at most "+strconv.Itoa(maxNote)+" bytes")
	} else if strings.ContainsFunc(text, isForbiddenInNote) {
		r.refuse(v, CodeNote, "text without control characters and bidirectional marks")
	}
	return text
}

// time returns a time.
func (r *reader) time(v strictjson.Value) time.Time {
	text := r.ascii(v)
	if r.refusal != nil {
		return time.Time{}
	}
	t, err := ParseTime(text)
	if err != nil {
		r.refuse(v, CodeTime, "a time such as 2026-11-03T12:00:00Z")
	}
	return t
}

var digestMembers = []string{"sha256"}

// digest returns the digest that an object {"sha256":...} holds.
func (r *reader) digest(v strictjson.Value) Digest {
	if !r.object(v, digestMembers) {
		return Digest{}
	}
	return r.bareDigest(v.Member("sha256"))
}

// bareDigest returns a digest of hexadecimal digits alone.
func (r *reader) bareDigest(v strictjson.Value) Digest {
	text := r.ascii(v)
	if r.refusal != nil {
		return Digest{}
	}
	d, ok := digestOf(text)
	if !ok {
		r.refuse(v, CodeDigest, "64 lowercase hexadecimal digits")
	}
	return d
}

// digests returns a set of digest objects.
func (r *reader) digests(v strictjson.Value, least, most int) []Digest {
	var list []Digest
	for _, element := range r.set(v, least, most) {
		if list == nil {
			list = make([]Digest, 0, v.Len())
		}
		list = append(list, r.digest(element))
	}
	return list
}

// hex returns bytes in lowercase hexadecimal digits, as text.
func (r *reader) hex(v strictjson.Value, least, most int) string {
	text := r.ascii(v)
	if r.refusal == nil && (!isLowerHex(text) || len(text)%2 != 0 || len(text) < 2*least || len(text) > 2*most) {
		r.refuse(v, CodeHex, strconv.Itoa(least)+" to "+strconv.Itoa(most)+" bytes in lowercase hexadecimal digits")
	}
	return text
}

// base64 returns the bytes of standard, padded base64 in its one encoding.
func (r *reader) base64(v strictjson.Value, most int) []byte {
	text := r.ascii(v) // so no line breaks, which the decoder would skip
	if r.refusal != nil {
		return nil
	}
	if len(text) > base64.StdEncoding.EncodedLen(most) {
		r.refuseGot(v, CodeStringLength, strconv.Itoa(len(text)), "base64 of at most "+strconv.Itoa(most)+" bytes")
		return nil
	}
	data, err := strictBase64.DecodeString(text)
	if err != nil || len(data) == 0 {
		r.refuse(v, CodeBase64, "standard base64 with padding, canonical, not empty")
		return nil
	}
	return data
}

var strictBase64 = base64.StdEncoding.Strict()

// digestOf is ParseDigest without a refusal.
func digestOf(text string) (d Digest, ok bool) {
	if len(text) != 2*len(d) || !isLowerHex(text) {
		return Digest{}, false
	}
	hex.Decode(d[:], []byte(text)) // cannot fail: checked above
	return d, true
}
