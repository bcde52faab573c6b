package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/witnesstest"
)

func TestKeyGenerate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "witness.key")
	printed := must(t, "key", "generate", "--name", "witness.example/w1", "--out", path)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if shown := must(t, "key", "show", "--key", path); shown != printed {
		t.Errorf("show prints %q, generate printed %q", shown, printed)
	}
	secret, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(secret)) {
		// PRIVATE+KEY+name+id+secret; the secret may hold plus signs itself.
		private := strings.SplitN(strings.TrimSpace(line), "+", 5)[4]
		if len(private) < 40 || strings.Contains(printed, private) || strings.Contains(printed, "PRIVATE") {
			t.Error("the private key was printed")
		}
	}
	keys := (site{key: path}).keys(t)
	if len(keys) != 2 || keys[0].Type != tlog.TypeCosignatureEd25519 || keys[1].Type != tlog.TypeCosignatureMLDSA44 {
		t.Errorf("got keys %v", keys)
	}
	for _, key := range keys {
		if !strings.Contains(printed, key.String()) {
			t.Errorf("the key %s was not printed", key)
		}
	}

	_, stderr, code := execute(t, "key", "generate", "--name", "witness.example/w2", "--out", path)
	if code != exitcode.Usage || !strings.Contains(stderr, "exists and is not overwritten") {
		t.Errorf("over a key file: exit code %d, %q", code, stderr)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(secret) {
		t.Errorf("the key file was changed, %v", err)
	}
}

func TestKeyNameIsForEver(t *testing.T) {
	for _, name := range []string{"https://witness.example/w1", "witness.example/w1/", "a b"} {
		path := filepath.Join(t.TempDir(), "witness.key")
		if _, stderr, code := execute(t, "key", "generate", "--name", name, "--out", path); code != exitcode.Usage || !strings.Contains(stderr, "--name") {
			t.Errorf("%s: exit code %d, %s", name, code, stderr)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a key was made", name)
		}
	}
}

func TestKeyFileOthersCanRead(t *testing.T) {
	s := newSite(t)
	if err := os.Chmod(s.key, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"key", "show", "--key", s.key}, {"serve", "--data", s.data, "--key", s.key, "--listen", "127.0.0.1:0"}} {
		_, stderr, code := execute(t, args...)
		if code != exitcode.Unknown || !strings.Contains(stderr, "chmod 600") {
			t.Errorf("%v: exit code %d, %q", args, code, stderr)
		}
	}
}

func TestLogAdd(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	log := witnesstest.NewLog(t, "log.example/a", 1)
	vkey := log.Key.Verifier().String()
	for i, step := range []struct{ args, want string }{
		{vkey, `{"origin":"log.example/a","key":"` + vkey + `","added":true}`},
		{vkey, `{"origin":"log.example/a","key":"` + vkey + `","added":false}`},
		{vkey + " --origin другой", `{"origin":"другой","key":"` + vkey + `","added":true}`},
	} {
		args := append([]string{"log", "add", "--json", "--data", data}, strings.Fields(step.args)...)
		if got := strings.TrimSpace(must(t, args...)); got != step.want {
			t.Errorf("step %d: got %s, want %s", i, got, step.want)
		}
	}
	want := "ORIGIN                              KEYS  SIZE  COSIGNED  REMARKS\n" +
		"log.example/a                       1     -     never\n" +
		`"\u0434\u0440\u0443\u0433\u043e\u0439"  1     -     never` + "\n"
	if got := must(t, "log", "list", "--data", data); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	var listed struct {
		Logs []map[string]any
	}
	if err := json.Unmarshal([]byte(must(t, "log", "list", "--json", "--data", data)), &listed); err != nil || len(listed.Logs) != 2 {
		t.Errorf("got %v, %v", listed, err)
	}
	if _, present := listed.Logs[0]["latest"]; present || listed.Logs[1]["origin"] != "другой" {
		t.Errorf("got %v", listed)
	}
}

// TestErrors: each failure has its exit code, one line on standard error, mostly
// with a hint what to do, and under --json the same on standard output.
func TestErrors(t *testing.T) {
	s := newSite(t)
	empty := t.TempDir()
	notAKey := filepath.Join(empty, "file")
	if err := os.WriteFile(notAKey, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cosigner := s.keys(t)[0].String()
	logKey := witnesstest.NewKey(t, "log.example/a", tlog.TypeEd25519).Verifier().String()
	name, rest, _ := strings.Cut(logKey, "+")
	wrongID := name + "+00000000" + rest[strings.Index(rest, "+"):]
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"unknown command":     {[]string{"frob"}, exitcode.Usage, "--help"},
		"unknown subcommand":  {[]string{"log", "frob"}, exitcode.Usage, "--help"},
		"unknown flag":        {[]string{"serve", "--frob"}, exitcode.Usage, "--help"},
		"missing flag":        {[]string{"serve", "--data", s.data, "--key", s.key}, exitcode.Usage, "missing --listen"},
		"missing name":        {[]string{"key", "generate", "--out", notAKey}, exitcode.Usage, "missing --name"},
		"bad name":            {[]string{"key", "generate", "--name", "a b", "--out", filepath.Join(empty, "k")}, exitcode.Usage, "holds a space"},
		"no key file":         {[]string{"key", "show", "--key", filepath.Join(empty, "none")}, exitcode.Unknown, "key generate"},
		"not a key file":      {[]string{"key", "show", "--key", notAKey}, exitcode.Unknown, "want two lines"},
		"a directory as key":  {[]string{"key", "show", "--key", empty}, exitcode.Unknown, "not a regular file"},
		"no verifier key":     {[]string{"log", "add", "--data", s.data}, exitcode.Usage, "--help"},
		"bad verifier key":    {[]string{"log", "add", "--data", s.data, "log.example/a+00+x"}, exitcode.Usage, "verifier key"},
		"wrong key id":        {[]string{"log", "add", "--data", s.data, wrongID}, exitcode.Usage, "key id"},
		"a witness's key":     {[]string{"log", "add", "--data", s.data, cosigner}, exitcode.Usage, "not of a witness"},
		"origin with newline": {[]string{"log", "add", "--data", s.data, "--origin", "a\nb", logKey}, exitcode.Usage, "control character"},
		"no data":             {[]string{"log", "list", "--data", empty}, exitcode.Unknown, "log add"},
		"bad address":         {[]string{"serve", "--data", s.data, "--key", s.key, "--listen", "nowhere"}, exitcode.Unknown, "--listen"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := execute(t, append(test.args, "--json")...)
			if code != test.code || !strings.Contains(stderr, test.want) {
				t.Errorf("exit code %d, %q; want %d and %q", code, stderr, test.code, test.want)
			}
			sameInJSON(t, "muster-witness", stdout, stderr, test.code)
		})
	}
}

// sameInJSON holds the JSON of a failure to what standard error says.
func sameInJSON(t *testing.T, program, stdout, stderr string, code int) {
	t.Helper()
	var failure command.Explained
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&failure); err != nil || failure.Exit != code || failure.Error.Code == "" {
		t.Errorf("standard output %q, %v", stdout, err)
	}
	want := program + ": " + failure.Error.Message + "\n"
	if failure.Error.Hint != "" {
		want += "hint: " + failure.Error.Hint + "\n"
	}
	if stderr != want {
		t.Errorf("standard error says %q, standard output %q", stderr, stdout)
	}
}
