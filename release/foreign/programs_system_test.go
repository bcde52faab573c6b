//go:build system

package foreign_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
)

// runIn runs a program with a home of its own for gpg.
func runIn(tb testing.TB, dir, program string, args ...string) []byte {
	tb.Helper()
	command := exec.Command(program, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GNUPGHOME="+dir)
	out, err := command.Output()
	if err != nil {
		tb.Fatalf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	return out
}

func readIn(tb testing.TB, dir, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// gnupgHome returns a directory for gpg, whose agent ends with the test. Its path is
// short: the agent's socket lies in it.
func gnupgHome(t *testing.T) string {
	dir, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		runIn(t, dir, "gpgconf", "--kill", "all")
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestGPGSigns(t *testing.T) {
	for _, algorithm := range []string{"ed25519", "rsa2048", "nistp256", "nistp384"} {
		t.Run(algorithm, func(t *testing.T) {
			dir := gnupgHome(t)
			gpg := func(args ...string) []byte {
				return runIn(t, dir, "gpg", append([]string{"--batch", "--quiet"}, args...)...)
			}
			gpg("--passphrase", "", "--quick-generate-key", "Ana <ana@example.com>", algorithm, "sign", "1y")
			gpg("--quick-add-uid", "ana@example.com", "Ana At Home <ana@home.example>")
			binary, text := gpg("--export", "ana@example.com"), gpg("--armor", "--export", "ana@example.com")
			key, err := foreign.ParseOpenPGPKey(binary)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := foreign.ParseOpenPGPKey(text); err != nil || again.ID() != key.ID() {
				t.Errorf("in armour: %s, %v", again.ID(), err)
			}
			if err := os.WriteFile(filepath.Join(dir, "pae"), release.PAE(payload), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, options := range [][]string{{"--output", "pae.sig"}, {"--armor", "--output", "pae.asc"}} {
				gpg(append(options, "--passphrase", "", "--detach-sign", "pae")...)
				sig, err := foreign.ParseOpenPGPSignature(readIn(t, dir, options[len(options)-1]))
				if err != nil {
					t.Fatal(err)
				}
				if err := foreign.Verify(key, payload, sig); err != nil {
					t.Error(err)
				}
			}
			if !strings.HasPrefix(algorithm, "nistp") { // for which gpg knows better
				gpg("--passphrase", "", "--digest-algo", "SHA1", "--output", "sha1.sig", "--detach-sign", "pae")
				_, err = foreign.ParseOpenPGPSignature(readIn(t, dir, "sha1.sig"))
				wantCode(t, err, release.CodeSignatureInvalid)
			}
			gpg("--passphrase", "", "--output", "inline.gpg", "--sign", "pae")
			_, err = foreign.ParseOpenPGPSignature(readIn(t, dir, "inline.gpg"))
			wantCode(t, err, release.CodeSignatureInvalid)
		})
	}
}

func TestOpenSSLSignsWithACertificate(t *testing.T) {
	for name, key := range map[string][]string{
		"RSA": {"RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, "P-256": {"EC", "-pkeyopt", "ec_paramgen_curve:P-256"}, "P-384": {"EC", "-pkeyopt", "ec_paramgen_curve:P-384"}, "Ed25519": {"ED25519"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			runIn(t, dir, "openssl", append([]string{"genpkey", "-out", "ana.key", "-algorithm"}, key...)...)
			runIn(t, dir, "openssl", "req", "-x509", "-new", "-key", "ana.key", "-subj", "/CN=ana", "-days", "1", "-out", "ana.pem")
			public, err := foreign.ParseCertificate(readIn(t, dir, "ana.pem"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "pae"), release.PAE(payload), 0o600); err != nil {
				t.Fatal(err)
			}
			switch name {
			case "Ed25519":
				runIn(t, dir, "openssl", "pkeyutl", "-sign", "-rawin", "-inkey", "ana.key", "-in", "pae", "-out", "pae.sig")
			case "P-384":
				runIn(t, dir, "openssl", "dgst", "-sha384", "-sign", "ana.key", "-out", "pae.sig", "pae")
			default:
				runIn(t, dir, "openssl", "dgst", "-sha256", "-sign", "ana.key", "-out", "pae.sig", "pae")
			}
			if err := foreign.Verify(public, payload, readIn(t, dir, "pae.sig")); err != nil {
				t.Error(err)
			}
		})
	}
}
