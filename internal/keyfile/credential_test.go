package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckCredential: the modes and owners that systemd makes, and no others.
func TestCheckCredential(t *testing.T) {
	for mode := fs.FileMode(0); mode <= 0o777; mode++ {
		if err := checkMode(mode); (err == nil) != (mode == 0o400 || mode == 0o440) {
			t.Errorf("mode %04o: got %v", mode, err)
		}
	}
	const user, userGroup, stranger = 900, 901, 1000
	for _, test := range []struct {
		mode         fs.FileMode
		owner, group int
		want         string // of the error
	}{
		{0o400, user, userGroup, ""},
		{0o400, 0, 0, ""},
		{0o440, 0, 0, ""}, // the bit is that of an access list
		{0o440, 0, userGroup, ""},
		{0o400, 0, stranger, ""}, // and may not read it
		{0o440, 0, stranger, "group 1000 may read it"},
		{0o400, stranger, userGroup, "belongs to user 1000"},
		{0o440, stranger, 0, "belongs to user 1000"},
	} {
		err := checkOwner(test.mode, test.owner, test.group, user, userGroup)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v", test, err)
		}
	}
}

func TestReadCredential(t *testing.T) {
	directory := t.TempDir()
	t.Setenv(directoryVariable, directory)
	path, err := CredentialPath("a.key")
	if err != nil || path != filepath.Join(directory, "a.key") {
		t.Fatalf("got %q, %v", path, err)
	}
	refused := func(want string) {
		t.Helper()
		data, err := ReadCredential(path, 6)
		failed, ok := errors.AsType[*CredentialError](err)
		if !ok || failed.Name != "a.key" || failed.Path != path || data != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, %v, want %q", data, err, want)
		}
	}
	refused("LoadCredential=a.key:FILE")
	if err := os.WriteFile(path, []byte("secret"), 0o400); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadCredential(path, 6); err != nil || string(data) != "secret" {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := ReadCredential(path, 5); err == nil || !strings.Contains(err.Error(), "more than 5 bytes") {
		t.Errorf("above the limit: got %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("mode 0600, want 0400 or 0440")
	for _, name := range []string{"", ".", "..", "../a.key", "/a.key", "a\x00", strings.Repeat("a", 256)} {
		if got, err := CredentialPath(name); err == nil {
			t.Errorf("name %q: got %q", name, got)
		}
	}
}
