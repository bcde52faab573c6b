package main

import (
	"crypto/rand"
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

// TestRawSignatures: what openssl writes says nothing of itself, and is told from
// text by that.
func TestRawSignatures(t *testing.T) {
	raw := make([]byte, 64)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	raw[0] = 0x80 // no text
	for _, c := range []struct {
		data    []byte
		program string
	}{
		{raw, "openssl"}, {make([]byte, 513), ""}, {append(make([]byte, 512), 0x80), ""}, {[]byte("hello"), ""}, {nil, ""}, {[]byte("{}"), ""},
	} {
		made, known, err := readProgramSignature(c.data)
		if err != nil || known != (c.program != "") || made.program != c.program {
			t.Errorf("%d bytes: %q, %v, %v", len(c.data), made.program, known, err)
		}
	}
}

// FuzzKeyAndSignatureFiles: no file of a person ends the program.
func FuzzKeyAndSignatureFiles(f *testing.F) {
	for _, data := range []string{"ssh-ed25519 AAAA", "untrusted comment: x\nRWQ\n", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "-----BEGIN CERTIFICATE-----\n", "\x30\x82\x01\x00", "\x99\x01\x0d", "-----BEGIN SSH SIGNATURE-----\n", "\xc2\x01"} {
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
		if made, known, err := readProgramSignature(data); known && err == nil && len(made.sig) == 0 {
			t.Fatalf("no signature in %q", data)
		}
	})
}
