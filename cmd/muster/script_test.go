package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-log/muster/internal/command/commandtest"
)

// TestScripts runs testdata/script: the programs as people call them. Besides
// testscript's own commands, and those of commandtest, there are
//
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
		Cmds: commandtest.Commands("muster", map[string]func(*testscript.TestScript, bool, []string){
			"mode":       scriptMode,
			"log":        scriptLog,
			"files":      scriptFiles,
			"uki":        scriptUKI,
			"oms":        scriptOMS,
			"many-files": scriptManyFiles,
		}),
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
