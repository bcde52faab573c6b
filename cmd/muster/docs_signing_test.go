package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSigningPage: every command line of docs/signing.md is one that testdata/system
// runs, and every message of its last table is one that the program has.
func TestSigningPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/signing.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/system/signing.txtar")
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]bool{}
	for line := range strings.Lines(string(script)) {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "exec "); ok {
			ran[command] = true
		}
	}
	var commands []string
	for line := range strings.Lines(string(page)) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	for _, cell := range regexp.MustCompile("(?m)^\\| [^|]+ \\| `(openssl [^`]+)` \\|$").FindAllStringSubmatch(string(page), -1) {
		commands = append(commands, cell[1])
	}
	if len(commands) < 15 {
		t.Errorf("found %d command lines in the page", len(commands))
	}
	for _, command := range commands {
		if !ran[command] {
			t.Errorf("the page says, and no test runs: %s", command)
		}
	}
	// What pae prints is what the page says, for the names that people have.
	for _, program := range signingPrograms("r.pae") {
		general := strings.NewReplacer("KEY", "[a-z@./]+", "r.pae.sig", "[a-z.]+", "r.pae", "[a-z.]+").Replace(program.Command)
		if !regexp.MustCompile(general).Match(page) {
			t.Errorf("the page lacks %s", program.Command)
		}
	}
}
