package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// TestForeignKeysAreJudgedBeforeARootSigns: the form of an authority bounds the bytes
// of an OpenPGP key or a certificate; who signs one does not sign junk.
func TestForeignKeysAreJudgedBeforeARootSigns(t *testing.T) {
	root := releasetest.KeyFromName("root1")
	junk := release.Key{Format: release.FormatOpenPGP, Public: []byte("any bytes")}
	role := func(name release.RoleName, key release.Key) release.Role {
		return release.Role{Name: name, Keys: []release.KeyID{key.ID()}, Threshold: 1}
	}
	statement, err := release.NewAuthority(&release.Authority{
		Version: 1, Issued: testTime, Origin: "log.example/acme", Expires: testTime.Add(24 * time.Hour),
		Keys:     map[release.KeyID]release.Key{root.Key().ID(): root.Key(), junk.ID(): junk},
		Roles:    []release.Role{role(release.RoleRoot, root.Key()), role(release.RoleWithdraw, junk)},
		Channels: []release.Channel{{Name: "stable", Mode: release.ModeProduction}}, Limits: release.Limits{PublishWithinDays: 1, ReleaseDays: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := newDocument(statement)
	if err != nil {
		t.Fatal(err)
	}
	draft := filepath.Join(t.TempDir(), "authority.json")
	if err := doc.write(draft, false); err != nil {
		t.Fatal(err)
	}
	private, err := root.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "root1.key")
	if err := os.WriteFile(key, private, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"authority", "sign", draft, "--key", key}, {"authority", "pae", draft}} {
		got := muster(t, args...)
		if got.code != exitcode.Refused || !strings.Contains(got.errOut, "(key-form)") || !strings.Contains(got.errOut, junk.ID().String()) {
			t.Errorf("%v: exit code %d, %s", args, got.code, got.errOut)
		}
	}
}

// TestShellQuote: a command line that is printed does in a shell what it says.
func TestShellQuote(t *testing.T) {
	for word, want := range map[string]string{"release.json.pae": "release.json.pae", "a b": "'a b'", "it's": `'it'\''s'`, "$(reboot)": "'$(reboot)'", "-f": "'./-f'", "": "''", "a\nb": "'a\nb'"} {
		if got := shellQuote(word); got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
}

// FuzzKeyFiles: no file of a person ends the program.
func FuzzKeyFiles(f *testing.F) {
	for _, data := range []string{"ssh-ed25519 AAAA", "untrusted comment: x\nRWQ\n", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "-----BEGIN CERTIFICATE-----\n", "\x30\x82\x01\x00", "\x99\x01\x0d"} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		key, _, err := parsePublicKey(data)
		if err == nil {
			if err := key.Check(); err != nil {
				t.Fatal(err)
			}
		}
		isPrivateKey(data)
		sniff(data)
	})
}
