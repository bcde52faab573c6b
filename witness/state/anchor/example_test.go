package anchor

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestExampleOfThePage reads the example of docs/formats/witness-anchor.md.
func TestExampleOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/formats/witness-anchor.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile(`(?m)^    `).ReplaceAllString(regexp.MustCompile(`(?m)(^    .*\n)+`).FindString(string(page)), "")
	records, torn, err := read(strings.NewReader(example), identity(keys))
	if err != nil || torn || len(records) != 1 || records["log.example/acme"].Size != 11 {
		links := start(identity(keys))
		for _, one := range strings.Split(strings.TrimSuffix(example, "\n"), "\n")[2:] {
			t.Logf("the check is %s", links.next(one[checkLength+1:]))
		}
		t.Errorf("got %v, torn %v, %v from\n%s", records, torn, err, example)
	}
}
