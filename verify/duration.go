package verify

import (
	"fmt"
	"strconv"
	"time"
)

// Duration is a duration of a requirements file: `[1-9][0-9]{0,4}[smhd]`, or
// "none", which is the zero value and waives the check that it stands for.
type Duration struct {
	count int
	unit  byte
}

// none is the text of the Duration that waives.
const none = "none"

var units = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}

// ParseDuration reads a duration or "none".
func ParseDuration(text string) (Duration, error) {
	if text == none {
		return Duration{}, nil
	}
	refuse := func() (Duration, error) {
		return Duration{}, fmt.Errorf("duration: got %s, want 1 to 99999 and one of s, m, h and d, such as 24h, or none", quote(text))
	}
	if len(text) < 2 || len(text) > 6 || text[0] < '1' || text[0] > '9' {
		return refuse()
	}
	digits, unit := text[:len(text)-1], text[len(text)-1]
	if _, ok := units[unit]; !ok {
		return refuse()
	}
	count := 0
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return refuse()
		}
		count = 10*count + int(c-'0')
	}
	return Duration{count: count, unit: unit}, nil
}

// None reports whether the check is waived.
func (d Duration) None() bool { return d.count == 0 }

// Value returns the duration, 0 for none. A day is 24 hours.
func (d Duration) Value() time.Duration { return time.Duration(d.count) * units[d.unit] }

// String returns the text that ParseDuration read.
func (d Duration) String() string {
	if d.None() {
		return none
	}
	return strconv.Itoa(d.count) + string(d.unit)
}
