package main

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestNotify: systemd is told when the witness answers, and when it ends.
func TestNotify(t *testing.T) {
	directory, err := os.MkdirTemp("", "notify-") // short enough for a socket's address
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	for _, name := range []string{filepath.Join(directory, "s"), "@muster-witness-test/" + filepath.Base(directory)} {
		socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		told := func(want string) {
			t.Helper()
			buffer := make([]byte, 100)
			if err := socket.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if n, err := socket.Read(buffer); err != nil || string(buffer[:n]) != want {
				t.Errorf("%s: got %q, %v, want %q", name, buffer[:n], err, want)
			}
		}
		t.Setenv(notifySocket, name)
		p := newSite(t).serve(t)
		told("READY=1")
		get(t, p.url+"/livez")
		if code, logged := p.end(syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d, %s", code, logged)
		}
		told("STOPPING=1")
	}
}
