package pages

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// instantText writes a time for people: UTC, to the minute. The machine's form
// stands beside it in the element time.
func instantText(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// agoText writes how long ago something was, coarsely.
func agoText(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future"
	case d < 2*time.Second:
		return "just now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// bytesText writes a size with its unit, and beside it the number of bytes is
// given whole.
func bytesText(n uint64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit == 0 {
		return strconv.FormatUint(n, 10) + " bytes"
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// searchPath makes the address of a list: pairs of a parameter and its value,
// the empty ones left out.
func searchPath(pairs ...string) (string, error) {
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("a parameter without a value")
	}
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	if len(values) == 0 {
		return "/releases", nil
	}
	return "/releases?" + values.Encode(), nil
}

// plural writes a number and its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
