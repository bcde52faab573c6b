package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

const (
	// maxElement bounds the JSON of one element of a list in bytes.
	maxElement = 64 << 10
	// maxMembers bounds the members of an object.
	maxMembers = 64
)

// getJSON reads a JSON object of at most limit bytes, and calls read at the value of
// each of its members.
func (c *Client) getJSON(ctx context.Context, path string, parameters url.Values, limit int64, read func(d *jsonReader, name string) error) error {
	target := c.resolve(path)
	target.RawQuery = parameters.Encode()
	answer, err := c.do(ctx, http.MethodGet, target, nil, "", limit, []string{typeJSON})
	if err != nil {
		return err
	}
	if answer.status != http.StatusOK {
		return answer.failure()
	}
	d := &jsonReader{json.NewDecoder(bytes.NewReader(answer.body))}
	err = d.object(func(name string) error { return read(d, name) })
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %w", shown(answer.url.String()), ErrAnswer, err)
	}
	return nil
}

// jsonReader reads a document of the log value by value, so that a few bytes of it
// cannot become many in memory: a list is counted as it is read, and what nobody asked
// for is not kept. Members that this program does not know are passed over: the log may
// be newer.
type jsonReader struct{ decoder *json.Decoder }

// object reads an object, and calls read at the value of each of its members, which
// has to read it. No member stands twice.
func (d *jsonReader) object(read func(name string) error) error {
	if err := d.delimiter('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.decoder.More() {
		token, err := d.decoder.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // the decoder takes nothing else for a name
		if seen[name] || len(seen) == maxMembers {
			return fmt.Errorf("member %.40q twice, or more than %d", name, maxMembers)
		}
		seen[name] = true
		if err := read(name); err != nil {
			return err
		}
	}
	return d.delimiter('}')
}

// list reads a list of at most so many elements, and calls read at each.
func (d *jsonReader) list(most int, read func() error) error {
	if err := d.delimiter('['); err != nil {
		return err
	}
	for n := 0; d.decoder.More(); n++ {
		if n == most {
			return fmt.Errorf("a list of more than %d elements", most)
		}
		if err := read(); err != nil {
			return err
		}
	}
	return d.delimiter(']')
}

// value reads a value of at most maxElement bytes into a variable, which holds no list
// of what is larger in memory than in JSON.
func (d *jsonReader) value(into any) error {
	var raw json.RawMessage
	if err := d.decoder.Decode(&raw); err != nil {
		return err
	}
	if len(raw) > maxElement {
		return fmt.Errorf("a value of %d bytes, want at most %d", len(raw), maxElement)
	}
	return json.Unmarshal(raw, into)
}

// skip passes over a value.
func (d *jsonReader) skip() error {
	var raw json.RawMessage
	return d.decoder.Decode(&raw)
}

// end wants the document to be over.
func (d *jsonReader) end() error {
	if _, err := d.decoder.Token(); err != io.EOF {
		return errors.New("there is text after the document")
	}
	return nil
}

func (d *jsonReader) delimiter(want json.Delim) error {
	token, err := d.decoder.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if got, ok := token.(json.Delim); !ok || got != want {
		return fmt.Errorf("want %q at byte %d", want.String(), d.decoder.InputOffset())
	}
	return nil
}
