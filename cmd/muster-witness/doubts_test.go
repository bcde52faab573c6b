package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestShellWord: a shell reads the word that was meant.
func TestShellWord(t *testing.T) {
	for _, word := range []string{"witness-data", "", "a b", "it's", `a"b\c`, "$HOME", "*", "~", "#x", "a\nb", "ü", "-x"} {
		output, err := exec.Command("sh", "-c", "printf %s "+"x"+shellWord(word)).Output()
		if got := strings.TrimPrefix(string(output), "x"); err != nil || got != word {
			t.Errorf("%q: a shell reads %q, %v", word, got, err)
		}
	}
	if got := shellWord("/var/lib/muster-witness"); got != "/var/lib/muster-witness" {
		t.Errorf("got %s", got)
	}
	s := serving{data: "my data", anchor: "/mnt/anchor", source: keySource{file: "w.key"}}
	if got, want := s.recovery(), "muster-witness recover --data 'my data' --key w.key --anchor /mnt/anchor"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.source = keySource{credential: "witness.key"}
	if got, want := s.recovery(), "muster-witness recover --data 'my data' --key-credential witness.key --anchor /mnt/anchor"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
