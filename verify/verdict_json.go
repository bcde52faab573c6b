package verify

import "github.com/muster-log/muster/release"

// verdictJSON is the JSON of a verdict, members in the order of RFC 8785.
type verdictJSON struct {
	About     About       `json:"about"`
	Assurance string      `json:"assurance"`
	Checks    []checkJSON `json:"checks"`
	Deadline  string      `json:"deadline,omitempty"`
	Result    Result      `json:"result"`
}

type checkJSON struct {
	Code     Code   `json:"code"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
	Status   Status `json:"status"`
}

// MarshalJSON lets a verdict stand inside other JSON. Package encoding/json
// escapes what it is given for HTML: for the verdict's own bytes call Marshal.
func (v *Verdict) MarshalJSON() ([]byte, error) { return v.Marshal() }

// Marshal returns the verdict's canonical bytes (docs/formats/verdict.md).
func (v *Verdict) Marshal() ([]byte, error) {
	o := verdictJSON{About: v.About, Assurance: v.Assurance, Checks: []checkJSON{}, Result: v.Result}
	if !v.Deadline.IsZero() {
		o.Deadline = release.FormatTime(v.Deadline)
	}
	for _, c := range v.Checks {
		o.Checks = append(o.Checks, checkJSON{Code: c.Code, Expected: plain(c.Expected), Found: plain(c.Found), Status: c.Status})
	}
	return canonicalJSON(o)
}
