package release

import "strings"

// The greatest lengths of the strings of statements, in bytes.
const (
	maxNote      = 2048
	maxName      = 128
	maxPath      = 512
	maxURL       = 2048
	maxVersion   = 64
	maxWord      = 64
	maxOrigin    = 255
	maxMediaType = 127 // of the type and of the subtype, as RFC 6838 has it
)

// grammar is a form of a string of printable ASCII: the code and the words of
// its refusal, and what judges it. Grammars are written out here and not left
// to a library: they are for ever.
type grammar struct {
	code  Code
	want  string
	match func(text string) bool
}

var (
	nameGrammar = grammar{CodeName, "segments of [a-z0-9._-]+ joined by /, none . or .., at most 128 characters", func(text string) bool {
		return isPath(text, maxName, func(c byte) bool { return isLower(c) || isDigit(c) || strings.IndexByte("._-", c) >= 0 })
	}}
	fileNameGrammar = grammar{CodeName, "segments of [A-Za-z0-9._+~-]+ joined by /, none . or .., at most 128 characters", func(text string) bool {
		return isPath(text, maxName, isVersionByte)
	}}
	resourceGrammar = grammar{CodeName, "segments of printable ASCII joined by /, none empty, . or .., at most 512 characters", func(text string) bool {
		return isPath(text, maxPath, func(c byte) bool { return true })
	}}
	sectionGrammar = grammar{CodeName, `a section's name [.][a-z0-9_]{1,7}`, func(text string) bool {
		return len(text) >= 2 && len(text) <= 8 && text[0] == '.' &&
			all(text[1:], func(c byte) bool { return isLower(c) || isDigit(c) || c == '_' })
	}}
	versionGrammar = grammar{CodeVersion, "[A-Za-z0-9._+~-]{1,64}", func(text string) bool {
		return text != "" && len(text) <= maxVersion && all(text, isVersionByte)
	}}
	channelGrammar = grammar{CodeChannel, "[a-z0-9._-]{1,64}, not . or ..", func(text string) bool {
		return len(text) <= maxWord && !strings.Contains(text, "/") && nameGrammar.match(text)
	}}
	originGrammar = grammar{CodeOrigin, "1 to 255 printable ASCII characters without space and plus", func(text string) bool {
		return text != "" && len(text) <= maxOrigin && isPrintable(text) && !strings.ContainsAny(text, " +")
	}}
	wordGrammar = grammar{CodeWord, "[a-z][a-z0-9-]{0,63}", func(text string) bool {
		return text != "" && len(text) <= maxWord && isLower(text[0]) &&
			all(text, func(c byte) bool { return isLower(c) || isDigit(c) || c == '-' })
	}}
	mediaTypeGrammar = grammar{CodeMediaType, "type/subtype in lower case, without parameters (RFC 6838)", isMediaType}
	urlGrammar       = grammar{CodeURL, "an absolute https URL with a host, without user, password and fragment, at most 2048 characters", isURL}
)

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlphanumeric(c byte) bool {
	return isLower(c) || isDigit(c) || c >= 'A' && c <= 'Z'
}
func isVersionByte(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("._+~-", c) >= 0 }

func all(text string, is func(byte) bool) bool {
	for i := range len(text) {
		if !is(text[i]) {
			return false
		}
	}
	return true
}

// isPrintable tells whether every byte is printable ASCII.
func isPrintable(text string) bool {
	for i := range len(text) {
		if text[i] < 0x20 || text[i] > 0x7e {
			return false
		}
	}
	return true
}

// isForbiddenInNote reports control characters and bidirectional marks, with
// which text can be made to look like other text.
func isForbiddenInNote(r rune) bool {
	return r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// isPath judges segments of a set of characters, joined by slashes, none of them
// empty, . or .., which a file system or a URL would read as something else.
func isPath(text string, most int, is func(byte) bool) bool {
	if len(text) > most {
		return false
	}
	for segment := range strings.SplitSeq(text, "/") {
		if segment == "" || segment == "." || segment == ".." || !all(segment, is) {
			return false
		}
	}
	return true
}

func isMediaType(text string) bool {
	kind, subtype, ok := strings.Cut(text, "/")
	restricted := func(name string) bool { // RFC 6838, section 4.2, lower case
		return name != "" && len(name) <= maxMediaType && (isLower(name[0]) || isDigit(name[0])) &&
			all(name, func(c byte) bool { return isLower(c) || isDigit(c) || strings.IndexByte("!#$&-^_.+", c) >= 0 })
	}
	return ok && restricted(kind) && restricted(subtype)
}

// isURL judges RFC 3986's absolute form with the scheme https: a host, perhaps a
// port, perhaps a path and a query.
func isURL(text string) bool {
	rest, ok := strings.CutPrefix(text, "https://")
	if !ok || len(text) > maxURL {
		return false
	}
	authority, path := rest, ""
	if at := strings.IndexAny(rest, "/?"); at >= 0 {
		authority, path = rest[:at], rest[at:]
	}
	return isHostPort(authority) && isPathQuery(path)
}

// isHostPort judges a DNS name, an IPv4 address or an IPv6 address in brackets,
// and a port from 1 to 65535 if there is a colon.
func isHostPort(text string) bool {
	host, port, hasPort := text, "", false
	if strings.HasPrefix(text, "[") {
		var ok bool
		if host, port, ok = strings.Cut(text[1:], "]"); !ok {
			return false
		}
		if port, hasPort = strings.CutPrefix(port, ":"); !hasPort && port != "" {
			return false
		}
		if !strings.Contains(host, ":") || !all(host, func(c byte) bool {
			return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == ':' || c == '.'
		}) {
			return false
		}
	} else {
		host, port, hasPort = strings.Cut(text, ":")
		if host == "" || len(host) > 253 || !isAlphanumeric(host[0]) ||
			!all(host, func(c byte) bool { return isAlphanumeric(c) || c == '.' || c == '-' }) {
			return false
		}
	}
	if !hasPort {
		return true
	}
	number := 0
	for i := range len(port) {
		if !isDigit(port[i]) || number > 65535 {
			return false
		}
		number = 10*number + int(port[i]-'0')
	}
	return port != "" && port[0] != '0' && number <= 65535
}

// isPathQuery judges the characters of a path and a query, RFC 3986, sections
// 3.3 and 3.4. A number sign, which would begin a fragment, is none of them.
func isPathQuery(text string) bool {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if i+2 >= len(text) || !isHexDigit(text[i+1]) || !isHexDigit(text[i+2]) {
				return false
			}
			i += 2
		} else if !isAlphanumeric(c) && strings.IndexByte("-._~!$&'()*+,;=:@/?", c) < 0 {
			return false
		}
	}
	return true
}

func isHexDigit(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
