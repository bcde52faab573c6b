package verify

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
)

// requirementsJSON is the JSON of requirements, members in the order of RFC
// 8785. A nil pointer is a member that does not stand.
type requirementsJSON struct {
	Assurance              *[]Assurance       `json:"assurance,omitempty"`
	Authority              *digestJSON        `json:"authority"`
	Channels               *[]string          `json:"channels"`
	CheckpointMaxAge       *string            `json:"checkpointMaxAge"`
	CmdlineRules           *uint64            `json:"cmdlineRules,omitempty"`
	Consistency            *Consistency       `json:"consistency,omitempty"`
	Epoch                  *bool              `json:"epoch,omitempty"`
	Firmware               *Firmware          `json:"firmware,omitempty"`
	LogOperator            *string            `json:"logOperator"`
	MinimumAge             *string            `json:"minimumAge"`
	MinimumSecurityVersion *map[string]uint64 `json:"minimumSecurityVersion,omitempty"`
	Modes                  *[]release.Mode    `json:"modes,omitempty"`
	Nonce                  *bool              `json:"nonce,omitempty"`
	Operators              *map[string]string `json:"operators"`
	Products               *[]string          `json:"products"`
	RollMaxAge             *string            `json:"rollMaxAge"`
	SecureBoot             *SecureBoot        `json:"secureBoot,omitempty"`
	TestRoots              *[]digestJSON      `json:"testRoots,omitempty"`
}

type digestJSON struct {
	SHA256 release.Digest `json:"sha256"`
}

// ParseRequirements reads a requirements file: at most MaxRequirements bytes of
// canonical JSON, which one line feed may follow.
func ParseRequirements(data []byte) (*Requirements, error) {
	if len(data) > MaxRequirements {
		return nil, fmt.Errorf("requirements: got %d bytes, want at most %d", len(data), MaxRequirements)
	}
	data = bytes.TrimSuffix(data, []byte("\n"))
	var o requirementsJSON
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&o); err != nil {
		return nil, fmt.Errorf("requirements: want canonical JSON of the documented members: %w", err)
	}
	r, err := o.requirements()
	if err != nil {
		return nil, fmt.Errorf("requirements: %w", err)
	}
	canonical, err := r.Marshal()
	if err != nil {
		return nil, err
	}
	// One encoding: whatever the decoder was lenient about shows here.
	if !bytes.Equal(canonical, data) {
		at := 0
		for at < min(len(canonical), len(data)) && canonical[at] == data[at] {
			at++
		}
		return nil, fmt.Errorf("requirements: not canonical (RFC 8785): at byte %d got %s, want %s; write members and lists in order, nothing twice, without white space",
			at, quote(string(data[at:min(at+20, len(data))])), quote(string(canonical[at:min(at+20, len(canonical))])))
	}
	return r, nil
}

// Marshal returns the canonical bytes, with every set in order. It refuses what
// ParseRequirements would not read back.
func (r *Requirements) Marshal() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("requirements: %w", err)
	}
	o := requirementsJSON{
		Assurance:        sorted(r.Assurance),
		Authority:        &digestJSON{r.Authority},
		Channels:         sorted(append([]string{}, r.Channels...)),
		CheckpointMaxAge: new(r.CheckpointMaxAge.String()),
		Consistency:      unlessZero(r.Consistency),
		CmdlineRules:     unlessZero(r.CmdlineRules),
		Epoch:            unlessZero(r.Epoch),
		Firmware:         unlessZero(r.Firmware),
		LogOperator:      &r.LogOperator,
		MinimumAge:       new(r.MinimumAge.String()),
		Modes:            sorted(r.Modes),
		Nonce:            unlessZero(r.Nonce),
		Operators:        new(r.Operators),
		Products:         sorted(append([]string{}, r.Products...)),
		RollMaxAge:       new(r.RollMaxAge.String()),
		SecureBoot:       unlessZero(r.SecureBoot),
	}
	if r.MinimumSecurityVersion != nil {
		o.MinimumSecurityVersion = &r.MinimumSecurityVersion
	}
	if r.Operators == nil {
		o.Operators = &map[string]string{}
	}
	if r.TestRoots != nil {
		roots := []digestJSON{}
		for _, root := range slices.SortedFunc(slices.Values(r.TestRoots), release.Digest.Compare) {
			roots = append(roots, digestJSON{root})
		}
		o.TestRoots = &roots
	}
	data, err := canonicalJSON(o)
	if err == nil && len(data) > MaxRequirements {
		err = fmt.Errorf("got %d bytes, want at most %d", len(data), MaxRequirements)
	}
	if err != nil {
		return nil, fmt.Errorf("requirements: %w", err)
	}
	return data, nil
}

// canonicalJSON writes what holds printable ASCII only and has its members in
// order: then the standard encoder's bytes are those of RFC 8785.
func canonicalJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// sorted returns a member that is absent if the list is nil. Strings of
// printable ASCII are ordered as their JSON is: by the byte, a quote and a
// backslash by the backslash that escapes them.
func sorted[T ~string](list []T) *[]T {
	if list == nil {
		return nil
	}
	escaped := strings.NewReplacer(`"`, `\"`, `\`, `\\`)
	ordered := slices.SortedFunc(slices.Values(list), func(a, b T) int {
		return cmp.Compare(escaped.Replace(string(a))+`"`, escaped.Replace(string(b))+`"`)
	})
	if ordered == nil {
		ordered = []T{}
	}
	return &ordered
}

func unlessZero[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

// requirements returns what the members say; check judges them.
func (o *requirementsJSON) requirements() (*Requirements, error) {
	for _, must := range []struct {
		member string
		absent bool
	}{
		{"authority", o.Authority == nil},
		{"channels", o.Channels == nil},
		{"checkpointMaxAge", o.CheckpointMaxAge == nil},
		{"logOperator", o.LogOperator == nil},
		{"minimumAge", o.MinimumAge == nil},
		{"operators", o.Operators == nil},
		{"products", o.Products == nil},
		{"rollMaxAge", o.RollMaxAge == nil},
	} {
		if must.absent {
			return nil, fmt.Errorf("%s: must stand", must.member)
		}
	}
	r := &Requirements{
		Authority:   o.Authority.SHA256,
		Products:    *o.Products,
		Channels:    *o.Channels,
		Operators:   *o.Operators,
		LogOperator: *o.LogOperator,
	}
	for _, age := range []struct {
		member string
		text   string
		into   *Duration
	}{
		{"checkpointMaxAge", *o.CheckpointMaxAge, &r.CheckpointMaxAge},
		{"minimumAge", *o.MinimumAge, &r.MinimumAge},
		{"rollMaxAge", *o.RollMaxAge, &r.RollMaxAge},
	} {
		var err error
		if *age.into, err = ParseDuration(age.text); err != nil {
			return nil, fmt.Errorf("%s: %w", age.member, err)
		}
	}
	take(&r.Assurance, o.Assurance)
	take(&r.CmdlineRules, o.CmdlineRules)
	take(&r.Consistency, o.Consistency)
	take(&r.Epoch, o.Epoch)
	take(&r.Firmware, o.Firmware)
	take(&r.MinimumSecurityVersion, o.MinimumSecurityVersion)
	take(&r.Modes, o.Modes)
	take(&r.Nonce, o.Nonce)
	take(&r.SecureBoot, o.SecureBoot)
	if o.TestRoots != nil {
		r.TestRoots = []release.Digest{}
		for _, root := range *o.TestRoots {
			r.TestRoots = append(r.TestRoots, root.SHA256)
		}
	}
	return r, nil
}

func take[T any](into *T, member *T) {
	if member != nil {
		*into = *member
	}
}
