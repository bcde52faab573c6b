package main

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// verifierKey finds the note verifier key that key generate and init print.
var verifierKey = regexp.MustCompile(`(?m)[a-z0-9./]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+`)

// scriptLog begins a log with the signed authority in a file, starts it with one
// witness, and sets $LOG to its URL and $POLICY to its policy.
func scriptLog(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: log AUTHORITY")
	}
	directory := ts.MkAbs(".")
	program := func(words ...string) string {
		command := exec.Command(filepath.Join(programs, words[0]), words[1:]...)
		command.Dir = directory
		output, err := command.CombinedOutput()
		if err != nil {
			ts.Fatalf("%v: %v\n%s", words, err, output)
		}
		return verifierKey.FindString(string(output))
	}
	var servers servers
	tb := scriptTB{ts: ts}
	ts.Defer(func() { servers.stop(tb) })
	witness := program("muster-witness", "key", "generate", "--name", "w1.example", "--out", "w1.key")
	url := servers.start(tb, directory, "muster-witness", "serve", "--data", "w1", "--key", "w1.key", "--listen", "127.0.0.1:0")
	key := program("muster-log", "init", "--data", "log", "--origin", "log.example/acme", "--authority", args[0], "--log-operator", "Acme",
		"--quorum", "1", "--witness", "w1="+witness+"="+url+"=Ost")
	program("muster-witness", "log", "add", "--data", "w1", key)
	log := servers.start(tb, directory, "muster-log", "serve", "--data", "log", "--listen", "127.0.0.1:0")
	waitPublished(ts, log)
	ts.Setenv("LOG", log)
	ts.Setenv("POLICY", filepath.Join(directory, "log", "log.policy"))
}

// waitPublished waits until a new log has published its first entry.
func waitPublished(ts *testscript.TestScript, log string) {
	for range 200 {
		response, err := http.Get(log + "/checkpoint")
		ts.Check(err)
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the log at %s publishes nothing", log)
}

// scriptTB is the testing.TB of a script, as far as servers ask for it.
type scriptTB struct {
	testing.TB
	ts *testscript.TestScript
}

func (tb scriptTB) Helper()                           {}
func (tb scriptTB) Fatal(args ...any)                 { tb.ts.Fatalf("%s", fmt.Sprint(args...)) }
func (tb scriptTB) Fatalf(format string, args ...any) { tb.ts.Fatalf(format, args...) }
func (tb scriptTB) Errorf(format string, args ...any) { tb.ts.Fatalf(format, args...) }
