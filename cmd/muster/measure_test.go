package main

import (
	"encoding/hex"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/internal/command/commandtest"
	"github.com/muster-log/muster/release/measure/measuretest"
)

// TestMeasureScripts runs testdata/measure as TestScripts does testdata/script,
// with four commands more:
//
//	uki FILE CMDLINE      makes a unified kernel image around a command line
//	socket FILE           makes a socket
//	observed BOOT FILE    takes the event log of a real boot out of attest/tpm/testdata
//	answer BOOT LOG FILE  answers as that boot did, with the event log of another one
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
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), readBoot(ts, filepath.Join(boots, args[0]+".json")).EventLog, 0o644))
			},
			"answer": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 3 {
					ts.Fatalf("usage: answer BOOT LOG FILE")
				}
				boot := readBoot(ts, filepath.Join(boots, args[0]+".json"))
				var pcrs []byte
				for pcr := range 16 {
					value, err := hex.DecodeString(boot.PCRs[pcr])
					ts.Check(err)
					pcrs = append(pcrs, value...)
				}
				a := &attest.Answer{Profile: attest.ProfileTPM2UKI, Batch: attest.NoncePlace{Size: 1}, Bundle: []byte("{}"),
					Evidence: map[string][]byte{"attest": boot.Quote, "pcrs": pcrs}, EventLog: readBoot(ts, filepath.Join(boots, args[1]+".json")).EventLog}
				data, err := a.Marshal()
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[2]), data, 0o644))
			},
		}),
	})
}

// recordedBoot is a file of attest/tpm/testdata.
type recordedBoot struct {
	PCRs     map[int]string `json:"pcrs"`
	EventLog []byte         `json:"eventlog"`
	Quote    []byte         `json:"quote"`
}

func readBoot(ts *testscript.TestScript, path string) (boot recordedBoot) {
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(path)), &boot))
	return boot
}
