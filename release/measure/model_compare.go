package measure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
)

// maxNamed is how many files of each kind an error names.
const maxNamed = 20

// DifferenceError says how the files of a model are not those of a list: by their
// names and digests, each file for itself. Roots are not compared: the root of
// Model Signing does not cover names.
type DifferenceError struct {
	Missing []string // listed, and not in the directory
	Surplus []string // in the directory, and not listed
	Changed []string // with another content than listed
}

// Error counts the files and names the first of each kind.
func (e *DifferenceError) Error() string {
	var parts []string
	for _, kind := range []struct {
		what  string
		names []string
	}{{"missing", e.Missing}, {"not listed", e.Surplus}, {"changed", e.Changed}} {
		if len(kind.names) == 0 {
			continue
		}
		var shown []string
		for _, name := range kind.names[:min(len(kind.names), maxNamed)] {
			shown = append(shown, quotePath(name))
		}
		text := fmt.Sprintf("%d %s (%s", len(kind.names), kind.what, strings.Join(shown, ", "))
		if more := len(kind.names) - len(shown); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		parts = append(parts, text+")")
	}
	return "its files are not those of the list: " + strings.Join(parts, "; ")
}

// CompareModel compares the files that were found in a model with those of a list,
// both in any order and each name once. The error is a *DifferenceError whose
// lists are in the order of Model Signing.
func CompareModel(listed, found []release.Resource) error {
	left := make(map[string]release.Digest, len(listed))
	for _, resource := range listed {
		left[resource.Name] = resource.Digest
	}
	e := &DifferenceError{}
	for _, resource := range found {
		want, ok := left[resource.Name]
		delete(left, resource.Name)
		switch {
		case !ok:
			e.Surplus = append(e.Surplus, resource.Name)
		case want != resource.Digest:
			e.Changed = append(e.Changed, resource.Name)
		}
	}
	for name := range left {
		e.Missing = append(e.Missing, name)
	}
	if len(e.Missing)+len(e.Surplus)+len(e.Changed) == 0 {
		return nil
	}
	for _, names := range [][]string{e.Missing, e.Surplus, e.Changed} {
		slices.SortFunc(names, release.CompareResourceNames)
	}
	return e
}
