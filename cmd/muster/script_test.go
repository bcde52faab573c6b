package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata/script: the programs as people call them. Besides
// testscript's own commands there are
//
//	exits CODE PROGRAM ARG...   runs a program and wants this exit code
//	json NAME MEMBER...         sets $NAME to a member of the JSON on stdout
//	failure CODE [MEMBER]       wants stdout to be the JSON of a failure
//	mode FILE OCTAL             wants a file's permissions
//	log AUTHORITY               runs a log and a witness, at $LOG and under $POLICY
//	files DIR                   serves files over HTTPS, at $FILES with ca.pem
//	oms NAME BUNDLE DIR PATH... signs a model but for these paths, with the key NAME.pub
//	many-files DIR              makes a model of 513 files
//	uki FILE ROOTHASH WORD...   makes what looks like a unified kernel image
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               scriptSetup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      scriptExits,
			"json":       scriptJSON,
			"failure":    scriptFailure,
			"mode":       scriptMode,
			"log":        scriptLog,
			"files":      scriptFiles,
			"uki":        scriptUKI,
			"oms":        scriptOMS,
			"many-files": scriptManyFiles,
		},
	})
}

// scriptSetup lets a script find the programs and the measurements.
func scriptSetup(env *testscript.Env) error {
	measurements, err := filepath.Abs("testdata/measurement")
	if err != nil {
		return err
	}
	env.Setenv("PATH", programs+string(filepath.ListSeparator)+os.Getenv("PATH"))
	env.Setenv("MEASUREMENTS", measurements)
	return nil
}

// scriptExits runs a program for its exit code.
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
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("got exit code %d, want %s", code, args[0])
	}
}

// member finds a member of the JSON on stdout.
func member(ts *testscript.TestScript, path []string) any {
	var value any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &value); err != nil {
		ts.Fatalf("stdout is not one JSON value: %v\n%s", err, ts.ReadFile("stdout"))
	}
	for _, name := range path {
		switch at := value.(type) {
		case map[string]any:
			found, ok := at[name]
			if !ok {
				ts.Fatalf("the JSON on stdout has no %s", strings.Join(path, "."))
			}
			value = found
		case []any:
			index, err := strconv.Atoi(name)
			if err != nil || index >= len(at) {
				ts.Fatalf("the JSON on stdout has no %s", strings.Join(path, "."))
			}
			value = at[index]
		default:
			ts.Fatalf("the JSON on stdout has no %s", strings.Join(path, "."))
		}
	}
	return value
}

func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: json NAME MEMBER...")
	}
	ts.Setenv(args[0], fmt.Sprint(member(ts, args[1:])))
}

// scriptFailure holds the JSON of a failure to what standard error says.
func scriptFailure(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: failure CODE [MEMBER]")
	}
	if got := member(ts, []string{"error", "code"}); got != args[0] {
		ts.Fatalf("got code %v, want %s", got, args[0])
	}
	if len(args) == 2 {
		if got := member(ts, []string{"error", "member"}); got != args[1] {
			ts.Fatalf("got member %v, want %s", got, args[1])
		}
	}
	message := fmt.Sprint(member(ts, []string{"error", "message"}))
	if said := ts.ReadFile("stderr"); !strings.Contains(said, "muster: "+message+"\n") {
		ts.Fatalf("stderr does not say %q:\n%s", message, said)
	}
}

func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE OCTAL")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}
