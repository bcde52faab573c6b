package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

func listOf(files ...string) (list []release.Resource) {
	for i := 0; i < len(files); i += 2 {
		list = append(list, release.Resource{Name: files[i], Digest: sha([]byte(files[i+1]))})
	}
	return list
}

func TestCompareWithList(t *testing.T) {
	for name, c := range map[string]struct {
		listed, found []release.Resource
		want          *DifferenceError
	}{
		"the same, in another order": {listOf("a", "1", "b", "2"), listOf("b", "2", "a", "1"), nil},
		"missing":                    {listOf("a.b", "1", "a/b", "2", "c", "3"), listOf("c", "3"), &DifferenceError{Missing: []string{"a/b", "a.b"}}},
		"surplus":                    {listOf("a", "1"), listOf("b", "2", "a", "1"), &DifferenceError{Surplus: []string{"b"}}},
		"changed":                    {listOf("a", "1"), listOf("a", "2"), &DifferenceError{Changed: []string{"a"}}},
		"renamed":                    {listOf("a", "1"), listOf("b", "1"), &DifferenceError{Missing: []string{"a"}, Surplus: []string{"b"}}},
		"names exchanged":            {listOf("a", "1", "b", "2"), listOf("a", "2", "b", "1"), &DifferenceError{Changed: []string{"a", "b"}}},
	} {
		err := CompareModel(c.listed, c.found)
		got, _ := errors.AsType[*DifferenceError](err)
		if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	var many []string
	for i := range 25 {
		many = append(many, fmt.Sprintf("file %02d", i), "x")
	}
	err := CompareModel(listOf(many...), listOf("file 00", "x", "new\nline", "y"))
	if want := `its files are not those of the list: 24 missing (file 01, `; err == nil || !strings.HasPrefix(err.Error(), want) ||
		!strings.HasSuffix(err.Error(), `, file 20 and 4 more); 1 not listed ("new\nline")`) {
		t.Errorf("got %v", err)
	}
}

// TestListedByNames: a directory whose files have the root of the list under
// other names is refused, and no image is made of it.
func TestListedByNames(t *testing.T) {
	signed := listOf("adapter.bin", "1", "model.bin", "2")
	dir := newModel(t, map[string]string{"a.bin": "1", "model.bin": "2"})
	image := filepath.Join(t.TempDir(), "model.erofs")
	_, err := Model(context.Background(), ModelOptions{Dir: dir, Listed: signed, Image: image}, progress.None())
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != CodeModelFiles || !strings.Contains(err.Error(), "1 missing (adapter.bin); 1 not listed (a.bin)") {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(image)); err != nil || len(entries) != 0 {
		t.Errorf("left behind %v, %v", entries, err)
	}
	got, err := Model(context.Background(), ModelOptions{Dir: dir, Listed: listOf("model.bin", "2", "a.bin", "1")}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	if got.OMS.Root != release.OMSRoot(signed) {
		t.Error("the roots differ: this test shows nothing")
	}
}
