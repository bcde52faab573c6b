package strictjson

// AppendString appends a string in the form of RFC 8785, section 3.2.2.2. Bytes
// that are not UTF-8 are written as they are; Parse refuses them.
func AppendString(out []byte, text string) []byte {
	out = append(out, '"')
	from := 0
	for i := range len(text) {
		c := text[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		out = append(out, text[from:i]...)
		out = appendControl(out, c)
		from = i + 1
	}
	out = append(out, text[from:]...)
	return append(out, '"')
}

// appendControl appends the escape of a quote, a backslash or a control character.
func appendControl(out []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(out, '\\', c)
	case '\b':
		return append(out, '\\', 'b')
	case '\f':
		return append(out, '\\', 'f')
	case '\n':
		return append(out, '\\', 'n')
	case '\r':
		return append(out, '\\', 'r')
	case '\t':
		return append(out, '\\', 't')
	}
	const digits = "0123456789abcdef"
	return append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
}
