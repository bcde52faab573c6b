package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-log/muster/internal/command/commandtest"
	"github.com/muster-log/muster/tlog"
)

// TestScripts runs testdata/script: the program as its operator calls it. Besides
// testscript's own commands, and those of commandtest, there are
//
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
		Cmds: commandtest.Commands("muster-witness", map[string]func(*testscript.TestScript, bool, []string){
			"vkey":   scriptVKey,
			"expand": scriptExpand,
			"lists":  scriptLists,
		}),
	})
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
