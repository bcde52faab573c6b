package release

import "time"

// FormatTime returns t in UTC as RFC 3339 in whole seconds; fractions are cut.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

const timeLayout = "2006-01-02T15:04:05Z"

// ParseTime reads RFC 3339 in whole seconds, UTC, ending in Z, from the year
// 1970 on, in the one form that FormatTime writes.
func ParseTime(text string) (time.Time, error) {
	t, err := time.Parse(timeLayout, text)
	if err != nil || t.Format(timeLayout) != text || t.Unix() < 0 {
		return time.Time{}, Refuse(CodeTime, "", text, "a time such as 2026-11-03T12:00:00Z")
	}
	return t, nil
}
