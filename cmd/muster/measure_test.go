package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-log/muster/internal/command/commandtest"
	"github.com/muster-log/muster/release/measure/measuretest"
)

// TestMeasureScripts runs testdata/measure as TestScripts does testdata/script,
// with three commands more:
//
//	uki FILE CMDLINE      makes a unified kernel image around a command line
//	socket FILE           makes a socket
//	observed BOOT FILE    takes the event log of a real boot out of attest/tpm/testdata
func TestMeasureScripts(t *testing.T) {
	boots, err := filepath.Abs("../../attest/tpm/testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/measure",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
			return nil
		},
		Cmds: commandtest.Commands("muster", map[string]func(*testscript.TestScript, bool, []string){
			"uki": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: uki FILE CMDLINE")
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), measuretest.UKI(t, args[1]), 0o644))
			},
			"socket": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: socket FILE")
				}
				socket, err := net.Listen("unix", ts.MkAbs(args[0]))
				ts.Check(err)
				ts.Defer(func() { socket.Close() })
			},
			"observed": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: observed BOOT FILE")
				}
				var boot struct {
					EventLog []byte `json:"eventlog"`
				}
				ts.Check(json.Unmarshal([]byte(ts.ReadFile(filepath.Join(boots, args[0]+".json"))), &boot))
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), boot.EventLog, 0o644))
			},
		}),
	})
}
