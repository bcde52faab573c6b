package strictjson

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

func (p *parser) scalar(kind Kind, start int) bool {
	p.nodes = append(p.nodes, node{kind: kind, start: int32(start), end: int32(p.at), next: int32(len(p.nodes) + 1)})
	return true
}

func (p *parser) literal(text string, kind Kind) bool {
	start := p.at
	if !strings.HasPrefix(p.text[start:], text) {
		return p.fail(ProblemSyntax, start, "JSON")
	}
	p.at += len(text)
	return p.scalar(kind, start)
}

// number reads an integer without sign, leading zero, fraction and exponent.
func (p *parser) number() bool {
	const want = "an integer from 0 to 2^53-1"
	start := p.at
	negative := p.skip('-')
	digits := p.at
	var n uint64
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		if n <= MaxInteger { // above it, nothing can overflow any more
			n = 10*n + uint64(p.text[p.at]-'0')
		}
		p.at++
	}
	switch {
	case p.at == digits, p.text[digits] == '0' && p.at > digits+1:
		return p.fail(ProblemSyntax, start, "a number without leading zeros")
	case negative, n > MaxInteger:
		return p.fail(ProblemNumber, start, want)
	case p.at < len(p.text) && strings.IndexByte(".eE", p.text[p.at]) >= 0:
		return p.fail(ProblemNumber, start, want)
	}
	return p.scalar(Number, start)
}

// plain tells which bytes of a string stand for themselves: printable ASCII
// and DEL, without quote and backslash.
var plain = func() (table [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

func (p *parser) string() bool {
	start := p.at
	at := start + 1
	for {
		for at < len(p.text) && plain[p.text[at]] {
			at++
		}
		if at == len(p.text) {
			return p.fail(ProblemSyntax, at, "the end of the string")
		}
		switch c := p.text[at]; {
		case c == '"':
			p.at = at + 1
			return p.scalar(String, start)
		case c == '\\':
			size := p.escape(at)
			if size == 0 {
				return false
			}
			at += size
		case c < 0x20:
			return p.fail(ProblemSyntax, at, "no control character in a string")
		default:
			r, size := utf8.DecodeRuneInString(p.text[at:])
			if r == utf8.RuneError && size == 1 {
				return p.fail(ProblemUTF8, at, "UTF-8")
			}
			at += size
		}
	}
}

// escape judges an escape and returns its length, or 0. Canonical are the two
// that must be, the five with a letter, and \u00 with two lower case digits
// for the other control characters.
func (p *parser) escape(at int) int {
	rest := p.text[at+1:]
	if rest == "" {
		p.fail(ProblemSyntax, at, "an escape")
		return 0
	}
	switch rest[0] {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		return 2
	case '/':
		p.fail(ProblemNotCanonical, at, "the character itself")
		return 0
	}
	unit, ok := hexUnit(p.text[at:])
	if !ok {
		p.fail(ProblemSyntax, at, "an escape")
		return 0
	}
	if utf16.IsSurrogate(rune(unit)) {
		low, ok := hexUnit(p.text[at+6:])
		if !ok || utf16.DecodeRune(rune(unit), rune(low)) == utf8.RuneError {
			p.fail(ProblemUTF8, at, "no lone surrogate")
			return 0
		}
	}
	if unit >= 0x20 || p.text[at:at+6] != string(appendControl(nil, byte(unit))) {
		p.fail(ProblemNotCanonical, at, "the character itself, or its shortest escape")
		return 0
	}
	return 6
}

// hexUnit reads \u and four hexadecimal digits at the start of text.
func hexUnit(text string) (uint16, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	var unit uint16
	for _, c := range []byte(text[2:6]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		unit = unit<<4 | uint16(c)
	}
	return unit, true
}

// unescape returns what a canonical string says, quotes and escapes taken off.
// Without escapes it shares the memory of raw.
func unescape(raw string) string {
	raw = raw[1 : len(raw)-1]
	at := strings.IndexByte(raw, '\\')
	if at < 0 {
		return raw
	}
	var text strings.Builder
	text.Grow(len(raw))
	for ; at >= 0; at = strings.IndexByte(raw, '\\') {
		text.WriteString(raw[:at])
		size := 2
		switch c := raw[at+1]; c {
		case 'b':
			text.WriteByte('\b')
		case 'f':
			text.WriteByte('\f')
		case 'n':
			text.WriteByte('\n')
		case 'r':
			text.WriteByte('\r')
		case 't':
			text.WriteByte('\t')
		case 'u':
			unit, _ := hexUnit(raw[at:])
			text.WriteByte(byte(unit))
			size = 6
		default:
			text.WriteByte(c)
		}
		raw = raw[at+size:]
	}
	text.WriteString(raw)
	return text.String()
}

// compareUTF16 orders valid UTF-8 by its UTF-16 code units, as RFC 8785, section
// 3.2.3, orders members. That is the order of the bytes, but for characters
// above U+FFFF (first byte F0 and up), whose surrogates come before U+E000 to
// U+FFFF (first bytes EE and EF).
func compareUTF16(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0) {
			x, y = y, x
		}
		if x < y {
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}
