// Package commandtest holds what the scripts that test programs made with package
// command have in common.
package commandtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// Commands are the commands of one program's scripts: its own, and
//
//	exits CODE PROGRAM ARG...   runs a program and wants this exit code
//	json NAME MEMBER...         sets $NAME to a member of the JSON on stdout
//	failure CODE [MEMBER]       wants stdout to be the JSON of a failure
func Commands(program string, own map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	all := maps.Clone(own)
	all["exits"], all["json"] = exits, setJSON
	all["failure"] = func(ts *testscript.TestScript, neg bool, args []string) { failure(ts, program, neg, args) }
	return all
}

// exits runs a program for its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("got exit code %d, want %s", code, args[0])
	}
}

// member finds a member of the JSON on stdout; a number is an index.
func member(ts *testscript.TestScript, path ...string) any {
	var value any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &value); err != nil {
		ts.Fatalf("stdout is not one JSON value: %v\n%s", err, ts.ReadFile("stdout"))
	}
	for _, name := range path {
		found := false
		switch at := value.(type) {
		case map[string]any:
			value, found = at[name]
		case []any:
			if index, err := strconv.Atoi(name); err == nil && index < len(at) {
				value, found = at[index], true
			}
		}
		if !found {
			ts.Fatalf("the JSON on stdout has no %s", strings.Join(path, "."))
		}
	}
	return value
}

func setJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: json NAME MEMBER...")
	}
	ts.Setenv(args[0], fmt.Sprint(member(ts, args[1:]...)))
}

// failure holds the JSON of a failure to what standard error says.
func failure(ts *testscript.TestScript, program string, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: failure CODE [MEMBER]")
	}
	if got := member(ts, "error", "code"); got != args[0] {
		ts.Fatalf("got code %v, want %s", got, args[0])
	}
	if len(args) == 2 {
		if got := member(ts, "error", "member"); got != args[1] {
			ts.Fatalf("got member %v, want %s", got, args[1])
		}
	}
	message := fmt.Sprint(member(ts, "error", "message"))
	if said := ts.ReadFile("stderr"); !strings.Contains(said, program+": "+message+"\n") {
		ts.Fatalf("stderr does not say %q:\n%s", message, said)
	}
}
