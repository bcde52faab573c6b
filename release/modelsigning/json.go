package modelsigning

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

const (
	maxDepth  = 16      // objects and lists inside each other
	maxValues = 1 << 20 // a hundred thousand files need 400,000
)

// parseJSON reads one JSON value, laid out in any way: others write it. Strict is
// what could make two readers see two things: UTF-8 is valid, no member stands
// twice, names are matched exactly, and nothing follows. The values are
// map[string]any, []any, string, json.Number, bool and nil.
func parseJSON(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not valid UTF-8")
	}
	if !json.Valid(data) {
		return nil, errors.New("not one JSON value")
	}
	p := &jsonParser{decoder: json.NewDecoder(bytes.NewReader(data))}
	p.decoder.UseNumber()
	return p.value(0)
}

type jsonParser struct {
	decoder *json.Decoder
	values  int
}

func (p *jsonParser) value(depth int) (any, error) {
	if p.values++; p.values > maxValues {
		return nil, fmt.Errorf("more than %d JSON values", maxValues)
	}
	token, err := p.decoder.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("more than %d objects and lists inside each other", maxDepth)
	}
	if delim == '[' {
		list := []any{}
		for p.decoder.More() {
			element, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, element)
		}
		_, err := p.decoder.Token()
		return list, err
	}
	object := map[string]any{}
	for p.decoder.More() {
		token, err := p.decoder.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, errors.New("a member without a name")
		}
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("member %s stands twice", shown(name))
		}
		if object[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err = p.decoder.Token()
	return object, err
}

// member returns a member of an object and its path. A null is an absent member,
// as in the JSON of protocol buffers.
func member[T any](object map[string]any, path, name string) (value T, at string, err error) {
	at = name
	if path != "" {
		at = path + "." + name
	}
	found, ok := object[name]
	if !ok || found == nil {
		return value, at, refuse(CodeForm, at, "", "missing")
	}
	value, ok = found.(T)
	if !ok {
		return value, at, refuse(CodeForm, at, "", "got %s, want %s", kindOf(found), kindOf(any(value)))
	}
	return value, at, nil
}

// optional is member, but an absent one is the zero value.
func optional[T any](object map[string]any, path, name string) (T, string, error) {
	if object[name] == nil {
		var none T
		return none, path + "." + name, nil
	}
	return member[T](object, path, name)
}

// element returns an element of a list and its path.
func element[T any](list []any, path string, i int) (T, string, error) {
	at := fmt.Sprintf("%s[%d]", path, i)
	value, ok := list[i].(T)
	if !ok {
		return value, at, refuse(CodeForm, at, "", "got %s, want %s", kindOf(list[i]), kindOf(any(value)))
	}
	return value, at, nil
}

func kindOf(value any) string {
	switch value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	}
	return "null"
}
