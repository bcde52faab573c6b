package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
)

// credential puts the key file where systemd would, and returns the directory.
func (s site) credential(t *testing.T, name string, mode fs.FileMode) string {
	t.Helper()
	directory := t.TempDir()
	data, err := os.ReadFile(s.key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return directory
}

// executeWith is execute with variables of the environment.
func executeWith(t *testing.T, variables []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	// What should have been refused would serve for ever.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), variables...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// TestKeyCredential: the key file as systemd gives it to a service.
func TestKeyCredential(t *testing.T) {
	s := newSite(t)
	want := must(t, "key", "show", "--key", s.key)
	for _, mode := range []fs.FileMode{0o400, 0o440} {
		directory := s.credential(t, "witness", mode)
		got, stderr, code := executeWith(t, []string{"CREDENTIALS_DIRECTORY=" + directory}, "key", "show", "--key-credential", "witness")
		if code != 0 || strings.ReplaceAll(got, filepath.Join(directory, "witness"), s.key) != want {
			t.Errorf("mode %04o: exit code %d, got %q, %s", mode, code, got, stderr)
		}
	}
}

// TestKeyCredentialRefused: what systemd would not have made is refused with the
// reason.
func TestKeyCredentialRefused(t *testing.T) {
	s := newSite(t)
	wide := s.credential(t, "witness", 0o444)
	good := s.credential(t, "witness", 0o400)
	big := t.TempDir()
	if err := os.WriteFile(filepath.Join(big, "witness"), make([]byte, maxKeyFile+1), 0o400); err != nil {
		t.Fatal(err)
	}
	show := func(flags ...string) []string { return append([]string{"key", "show"}, flags...) }
	serve := func(flags ...string) []string {
		return append([]string{"serve", "--data", s.data, "--listen", "127.0.0.1:0"}, flags...)
	}
	for name, test := range map[string]struct {
		directory string
		args      []string
		code      int
		want      string
	}{
		"others can read":   {wide, show("--key-credential", "witness"), exitcode.Unknown, "mode 0444, want 0400 or 0440"},
		"no such":           {good, show("--key-credential", "other"), exitcode.Unknown, "LoadCredential=other:FILE"},
		"path":              {good, show("--key-credential", "../"+filepath.Base(good)+"/witness"), exitcode.Unknown, "without a slash"},
		"parent":            {good, show("--key-credential", ".."), exitcode.Unknown, "without a slash"},
		"no directory":      {"", show("--key-credential", "witness"), exitcode.Unknown, "$CREDENTIALS_DIRECTORY is not set"},
		"relative":          {"here", show("--key-credential", "witness"), exitcode.Unknown, "want an absolute path"},
		"above the limit":   {big, show("--key-credential", "witness"), exitcode.Unknown, "more than 16384 bytes"},
		"both":              {good, show("--key", s.key, "--key-credential", "witness"), exitcode.Usage, "give one"},
		"neither":           {good, show(), exitcode.Usage, "missing --key or --key-credential"},
		"serve with both":   {good, serve("--key", s.key, "--key-credential", "witness"), exitcode.Usage, "give one"},
		"serve with none":   {good, serve(), exitcode.Usage, "missing --key or --key-credential"},
		"serve, others can": {wide, serve("--anchor", filepath.Join(t.TempDir(), "anchor"), "--key-credential", "witness"), exitcode.Unknown, "mode 0444"},
		"without anchor":    {good, serve("--key-credential", "witness"), exitcode.Usage, "missing --anchor"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := executeWith(t, []string{"CREDENTIALS_DIRECTORY=" + test.directory}, test.args...)
			if code != test.code || !strings.Contains(stderr, test.want) || stdout != "" {
				t.Errorf("exit code %d, %q, %q; want %d and %q", code, stdout, stderr, test.code, test.want)
			}
		})
	}
}

// TestKeyFileBehindLink: a link does not hide the mode of what it leads to.
func TestKeyFileBehindLink(t *testing.T) {
	s := newSite(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(s.key, link); err != nil {
		t.Fatal(err)
	}
	must(t, "key", "show", "--key", link)
	for _, mode := range []fs.FileMode{0o604, 0o640, 0o620, 0o602} {
		if err := os.Chmod(s.key, mode); err != nil {
			t.Fatal(err)
		}
		_, stderr, code := execute(t, "key", "show", "--key", link)
		if code != exitcode.Unknown || !strings.Contains(stderr, "want 0600") || !strings.Contains(stderr, "chmod 600 "+link) {
			t.Errorf("mode %04o: exit code %d, %q", mode, code, stderr)
		}
	}
}

// TestW14CopyOfTheKey: a copy of the key file, and another file with one of its
// keys, are refused while a witness serves with the keys.
func TestW14CopyOfTheKey(t *testing.T) {
	s, other := newSite(t), newSite(t)
	p := s.serve(t)
	data, err := os.ReadFile(s.key)
	if err != nil {
		t.Fatal(err)
	}
	otherData, err := os.ReadFile(other.key)
	if err != nil {
		t.Fatal(err)
	}
	lines, otherLines := strings.SplitAfter(string(data), "\n"), strings.SplitAfter(string(otherData), "\n")
	for name, content := range map[string]string{
		"copy":             string(data),
		"same Ed25519 key": lines[0] + otherLines[1],
		"same ML-DSA key":  otherLines[0] + lines[1],
	} {
		copied := filepath.Join(t.TempDir(), "copy.key")
		if err := os.WriteFile(copied, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, stderr, code := execute(t, "serve", "--data", filepath.Join(t.TempDir(), "data"), "--key", copied, "--listen", "127.0.0.1:0")
		if code != exitcode.Unknown || !strings.Contains(stderr, "is in use by another witness process on this machine, from another file") {
			t.Errorf("%s: exit code %d, %q", name, code, stderr)
		}
	}
	if code, _ := p.end(syscall.SIGKILL); code != -1 {
		t.Fatalf("exit code %d", code)
	}
	s.serve(t).end(syscall.SIGTERM)
}
