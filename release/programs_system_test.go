//go:build system

package release_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
)

// runIn runs a program in a directory, with input if there is any.
func runIn(tb testing.TB, dir string, input []byte, program string, args ...string) {
	tb.Helper()
	command := exec.Command(program, args...)
	command.Dir, command.Stdin = dir, bytes.NewReader(input)
	if out, err := command.CombinedOutput(); err != nil {
		tb.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

func readIn(tb testing.TB, dir, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func writeIn(tb testing.TB, dir, name string, data []byte) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// TestSSHKeygenSigns: what ssh-keygen makes holds here, by keys of every type that
// needs no hardware.
func TestSSHKeygenSigns(t *testing.T) {
	for _, options := range [][]string{{"-t", "ed25519"}, {"-t", "ecdsa", "-b", "256"}, {"-t", "ecdsa", "-b", "384"}, {"-t", "rsa", "-b", "2048"}, {"-t", "rsa", "-b", "4096"}} {
		t.Run(strings.Join(options[1:], ""), func(t *testing.T) {
			dir := t.TempDir()
			runIn(t, dir, nil, "ssh-keygen", append([]string{"-q", "-N", "", "-C", "ana", "-f", "key"}, options...)...)
			key, err := release.ParsePublicKeySSH(readIn(t, dir, "key.pub"))
			if err != nil {
				t.Fatal(err)
			}
			writeIn(t, dir, "pae", release.PAE([]byte("payload")))
			sign := func(options ...string) []byte {
				runIn(t, dir, nil, "ssh-keygen", append(append([]string{"-Y", "sign", "-f", "key"}, options...), "pae")...)
				blob, err := release.ParseSignatureSSH(readIn(t, dir, "pae.sig"))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(filepath.Join(dir, "pae.sig")); err != nil {
					t.Fatal(err)
				}
				return blob
			}
			if err := key.Verify([]byte("payload"), sign("-n", "file")); err != nil {
				t.Error(err)
			}
			wantCode(t, key.Verify([]byte("payload"), sign("-n", "git")), release.CodeSignatureInvalid)
			wantCode(t, key.Verify([]byte("payload"), sign("-n", "file", "-O", "hashalg=sha256")), release.CodeSignatureInvalid)
		})
	}
}

// TestSSHKeygenVerifiesSecurityKeys: the signatures that stand here for those of
// security keys are what ssh-keygen takes for such.
func TestSSHKeygenVerifiesSecurityKeys(t *testing.T) {
	for _, keyType := range []string{"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"} {
		t.Run(keyType, func(t *testing.T) {
			dir := t.TempDir()
			signer := newSignerSSH(t, keyType)
			signer.flags = 5
			writeIn(t, dir, "allowed", []byte("ana "+keyType+" "+base64.StdEncoding.EncodeToString(signer.public)+"\n"))
			message := release.PAE([]byte("payload"))
			blob := signer.sign(t, message)
			writeIn(t, dir, "pae.sig", []byte(armourSSH(blob)))
			runIn(t, dir, message, "ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "ana", "-n", "file", "-s", "pae.sig")
			if err := signer.key(t).Verify([]byte("payload"), blob); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMinisignSigns(t *testing.T) {
	dir := t.TempDir()
	runIn(t, dir, nil, "minisign", "-G", "-W", "-p", "ana.pub", "-s", "ana.key")
	key, err := release.ParsePublicKeyMinisign(readIn(t, dir, "ana.pub"))
	if err != nil {
		t.Fatal(err)
	}
	writeIn(t, dir, "pae", release.PAE([]byte("payload")))
	for _, options := range [][]string{nil, {"-l"}} {
		runIn(t, dir, nil, "minisign", append([]string{"-S", "-s", "ana.key", "-m", "pae"}, options...)...)
		sig, err := release.ParseSignatureMinisign(readIn(t, dir, "pae.minisig"))
		if err != nil {
			t.Fatal(err)
		}
		if err := key.Verify([]byte("payload"), sig); err != nil {
			t.Errorf("minisign %v: %v", options, err)
		}
	}
}
