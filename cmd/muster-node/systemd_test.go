//go:build system && linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnitsVerify: systemd reads every line of the units, and the program the flags of
// their commands.
func TestUnitsVerify(t *testing.T) {
	units, err := filepath.Glob("systemd/*.service")
	if err != nil || len(units) != 3 {
		t.Fatalf("got %q, %v", units, err)
	}
	directory := t.TempDir()
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(directory, filepath.Base(unit))
		here := strings.ReplaceAll(string(text), "/usr/bin/muster-node", binary)
		if here == string(text) {
			t.Errorf("%s does not start the program", unit)
		}
		if err := os.WriteFile(path, []byte(here), 0o644); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(here) {
			arguments, ok := strings.CutPrefix(line, "ExecStart="+binary+" ")
			if !ok {
				continue
			}
			// --help after flags that do not exist is an error.
			if output, err := exec.Command(binary, append(strings.Fields(arguments), "--help")...).CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v\n%s", unit, line, err, output)
			}
		}
	}
	for _, unit := range units {
		path := filepath.Join(directory, filepath.Base(unit))
		if output, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput(); err != nil || strings.Contains(string(output), directory) {
			t.Errorf("%s: %v\n%s", unit, err, output)
		}
	}
}
