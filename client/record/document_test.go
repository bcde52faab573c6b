package record_test

import (
	"os"
	"strings"
	"testing"

	"github.com/muster-log/muster/client/record"
)

// TestExampleOfTheDocument: the page has a record as it is read and written.
func TestExampleOfTheDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats/record.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "\n    {")
	example = "{" + strings.TrimSuffix(example, "\n")
	r, err := record.Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if data, err := r.Marshal(); err != nil || string(data) != example {
		t.Errorf("it is written as\n%s (%v)", data, err)
	}
	if record.MaxSize > 16<<20 {
		t.Errorf("the page says at most 16 MiB, and it is %d bytes", record.MaxSize)
	}
}
