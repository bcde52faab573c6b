package bench

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/litewitnesstest"
	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/witnesstest"
)

// saysAddress finds where our witness listens in its log.
var saysAddress = regexp.MustCompile(`msg=listening .*\burl="?http://(127\.0\.0\.1:\d+)`)

// ourWitness builds muster-witness, without the race detector, and starts it on
// these logs. It returns its address, its keys and its process id.
func ourWitness(tb testing.TB, logs []tlog.VerifierKey, flags ...string) (address string, keys []tlog.VerifierKey, pid int) {
	tb.Helper()
	dir := tb.TempDir()
	binary, data, keyFile := filepath.Join(dir, "muster-witness"), filepath.Join(dir, "data"), filepath.Join(dir, "key")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "github.com/muster-log/muster/cmd/muster-witness")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build muster-witness: %v\n%s", err, out)
	}
	generated, err := witness.GenerateKeys("witness.example/bench")
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(keyFile, generated.Marshal(), 0o600); err != nil {
		tb.Fatal(err)
	}
	db, err := state.Create(context.Background(), data)
	if err != nil {
		tb.Fatal(err)
	}
	for _, log := range logs {
		if _, err := db.AddLog(context.Background(), log.Name, log); err != nil {
			tb.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	arguments := append([]string{"serve", "--data", data, "--key", keyFile, "--listen", "127.0.0.1:0"}, flags...)
	process, err := witnesstest.Launch(exec.Command(binary, arguments...), saysAddress)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := process.End(syscall.SIGTERM); err != nil {
			tb.Error(err)
		}
	})
	return process.Said, generated.Verifiers(), process.PID()
}

// theirWitness starts litewitness on these logs with its defaults, its key in an
// ssh-agent of its own, and returns its address and key.
func theirWitness(tb testing.TB, logs []tlog.VerifierKey) (address string, key tlog.VerifierKey) {
	tb.Helper()
	// An agent's socket has a short path, and a test's directory may have a long one.
	dir, err := os.MkdirTemp("", "lw")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	w := litewitnesstest.New(tb, dir, "litewitness.example/bench")
	if err := w.AddLog(logs[0].Name, logs[0]); err != nil {
		tb.Fatal(err)
	}
	if err := w.AddLogs(logs[1:]...); err != nil {
		tb.Fatal(err)
	}
	if err := w.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { w.Stop() })
	return strings.TrimPrefix(w.URL(), "http://"), w.Key()
}

// freeAddress is one on loopback that nothing listens on.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
