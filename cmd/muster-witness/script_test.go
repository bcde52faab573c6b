package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-log/muster/tlog"
)

// TestScripts runs testdata/script: the program as its operator calls it. Besides
// testscript's own commands there are
//
//	exits CODE PROGRAM ARG...   runs a program and wants this exit code
//	json NAME MEMBER...         sets $NAME to a member of the JSON on stdout
//	failure CODE                wants stdout to be the JSON of a failure
//	vkey NAME KEYNAME           sets $NAME to the verifier key of a new log
//	expand FILE...              puts the values of variables in their places, in files
//	lists DIR                   serves files over HTTP on loopback, at $LISTS
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(binary)+string(filepath.ListSeparator)+os.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   scriptExits,
			"json":    scriptJSON,
			"failure": scriptFailure,
			"vkey":    scriptVKey,
			"expand":  scriptExpand,
			"lists":   scriptLists,
		},
	})
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
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

func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: json NAME MEMBER...")
	}
	ts.Setenv(args[0], fmt.Sprint(member(ts, args[1:]...)))
}

// scriptFailure holds the JSON of a failure to what standard error says.
func scriptFailure(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: failure CODE")
	}
	if got := member(ts, "error", "code"); got != args[0] {
		ts.Fatalf("got code %v, want %s", got, args[0])
	}
	message := fmt.Sprint(member(ts, "error", "message"))
	if said := ts.ReadFile("stderr"); !strings.Contains(said, "muster-witness: "+message+"\n") {
		ts.Fatalf("stderr does not say %q:\n%s", message, said)
	}
}

func scriptVKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: vkey NAME KEYNAME")
	}
	key, err := tlog.GenerateSigningKey(args[1], tlog.TypeEd25519)
	ts.Check(err)
	ts.Setenv(args[0], key.Verifier().String())
}

func scriptExpand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
}

func scriptLists(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lists DIR")
	}
	server := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(server.Close)
	ts.Setenv("LISTS", server.URL)
}
