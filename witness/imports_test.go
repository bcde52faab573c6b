package witness_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestKnowsNeitherHTTPNorSQL: the state machine can be judged by itself.
func TestKnowsNeitherHTTPNorSQL(t *testing.T) {
	output, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	dependencies := strings.Fields(string(output))
	if len(dependencies) < 20 {
		t.Fatalf("only %d dependencies listed", len(dependencies))
	}
	for _, dependency := range dependencies {
		switch dependency {
		case "net/http", "database/sql", "net":
			t.Errorf("links %s", dependency)
		}
	}
}
