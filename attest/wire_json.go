package attest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"

	"github.com/muster-log/muster/internal/strictjson"
)

// wireLimits bound the JSON of a message while it is read.
var wireLimits = strictjson.Limits{Depth: 3, Values: 64}

// readObject parses a message of at most limit bytes: an object.
func readObject(what string, data []byte, limit int) (strictjson.Value, error) {
	if len(data) > limit {
		return strictjson.Value{}, fmt.Errorf("%s: got %d bytes, want at most %d", what, len(data), limit)
	}
	doc, err := strictjson.Parse(data, wireLimits)
	if err != nil {
		return strictjson.Value{}, fmt.Errorf("%s: want canonical JSON (RFC 8785): %w", what, err)
	}
	return doc.Root(), nil
}

// members checks that an object has all required members and no unknown ones.
func members(v strictjson.Value, required, optional []string) error {
	if v.Kind() != strictjson.Object {
		return fmt.Errorf("got %s, want an object", v.Kind())
	}
	for name := range v.Members() {
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			return fmt.Errorf("got member %q, want none of that name", name)
		}
	}
	for _, name := range required {
		if !v.Member(name).Exists() {
			return fmt.Errorf("got no member %q, want it", name)
		}
	}
	return nil
}

// readBytes decodes canonical base64 of low to high bytes.
func readBytes(v strictjson.Value, low, high int) ([]byte, error) {
	if v.Kind() != strictjson.String {
		return nil, fmt.Errorf("%s: got %s, want base64", v.Path(), v.Kind())
	}
	text := v.Text()
	if base64.StdEncoding.DecodedLen(len(text)) > high+2 {
		return nil, fmt.Errorf("%s: got %d characters, want base64 of at most %d bytes", v.Path(), len(text), high)
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	// The decoder skips line breaks; one encoding only.
	if err != nil || base64.StdEncoding.EncodedLen(len(data)) != len(text) {
		return nil, fmt.Errorf("%s: got text that is not canonical base64, want that", v.Path())
	}
	if len(data) < low || len(data) > high {
		return nil, fmt.Errorf("%s: got %d bytes, want %d to %d", v.Path(), len(data), low, high)
	}
	return data, nil
}

// readDigest decodes base64 of 32 bytes.
func readDigest(v strictjson.Value) (Digest, error) {
	data, err := readBytes(v, len(Digest{}), len(Digest{}))
	if err != nil {
		return Digest{}, err
	}
	return Digest(data), nil
}

// readCount reads an integer from low to high.
func readCount(v strictjson.Value, low, high int) (int, error) {
	if v.Kind() != strictjson.Number || v.Uint() < uint64(low) || v.Uint() > uint64(high) {
		return 0, fmt.Errorf("%s: got %q, want an integer from %d to %d", v.Path(), v.Raw()[:min(len(v.Raw()), 24)], low, high)
	}
	return int(v.Uint()), nil
}

// isName reports a name of 1 to high bytes, printable ASCII without quotes and
// backslashes.
func isName(text string, high int) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return len(text) > 0 && len(text) <= high
}

// readName reads a profile's or a part's name.
func readName(v strictjson.Value, high int) (string, error) {
	if v.Kind() != strictjson.String || !isName(v.Text(), high) {
		return "", fmt.Errorf("%s: want a name of 1 to %d characters", v.Path(), high)
	}
	return v.Text(), nil
}

// appendBytes appends a member: its name and base64. What comes before it decides
// whether a comma does.
func appendBytes(out []byte, name string, data []byte) []byte {
	out = appendName(out, name)
	return appendBase64(out, data)
}

func appendName(out []byte, name string) []byte {
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	return append(strictjson.AppendString(out, name), ':')
}

func appendBase64(out, data []byte) []byte {
	out = append(out, '"')
	out = base64.StdEncoding.AppendEncode(out, data)
	return append(out, '"')
}

func appendCount(out []byte, name string, n int) []byte {
	return strconv.AppendInt(appendName(out, name), int64(n), 10)
}
