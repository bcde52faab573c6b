package main

import (
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-log/muster/release/measure/measuretest"
)

// hardened is a command line that passes in mode production, behind roothash=.
const hardened = " systemd.import_credentials=no systemd.gpt_auto=0 rd.systemd.gpt_auto=0 rd.shell=0 rd.emergency=halt noresume lockdown=confidentiality module.sig_enforce=1"

// scriptFiles serves a directory over HTTPS on loopback, sets $FILES to its URL,
// and writes the certificate to ca.pem.
func scriptFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: files DIR")
	}
	server, certificate := fileServer(ts.MkAbs(args[0]))
	ts.Defer(server.Close)
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), certificate, 0o644))
	ts.Setenv("FILES", server.URL)
}

// fileServer serves a directory over HTTPS, and returns its certificate in PEM.
func fileServer(directory string) (*httptest.Server, []byte) {
	server := httptest.NewUnstartedServer(http.FileServer(http.Dir(directory)))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	return server, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// scriptUKI joins a unified kernel image that boots a root hash; nothing boots it.
func scriptUKI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: uki FILE ROOTHASH [WORD...]")
	}
	cmdline := "roothash=" + args[1] + hardened
	for _, word := range args[2:] {
		cmdline += " " + word
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), measuretest.UKI(scriptTB{ts: ts}, cmdline), 0o644))
}
