//go:build system

package web_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
	"github.com/muster-log/muster/web/webtest"
)

// gpg runs GnuPG with a home of its own.
func gpg(t *testing.T, home string, args ...string) []byte {
	t.Helper()
	command := exec.Command("gpg", append([]string{"--batch", "--quiet", "--no-tty", "--homedir", home}, args...)...)
	var errors strings.Builder
	command.Stderr = &errors
	out, err := command.Output()
	if err != nil {
		t.Fatalf("gpg %v: %v\n%s", args, err, errors.String())
	}
	return out
}

// TestWithdrawalSignedByGPG: a withdrawal that GnuPG has signed is admitted, takes
// effect, and its signer is shown.
func TestWithdrawalSignedByGPG(t *testing.T) {
	home, err := os.MkdirTemp("", "gpg") // a short path: the agent's socket lies in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		os.RemoveAll(home)
	})
	gpg(t, home, "--passphrase", "", "--quick-generate-key", "Withdrawer <wd@acme.example>", "ed25519", "sign", "2y")
	key, err := foreign.ParseOpenPGPKey(gpg(t, home, "--armor", "--export", "wd@acme.example"))
	if err != nil {
		t.Fatal(err)
	}

	s := webtest.New(t, webtest.Options{})
	s.Recipe()
	s.Rotate(func(a *release.Authority) { // 4
		a.Keys[key.ID()] = key
		for i := range a.Roles {
			if a.Roles[i].Name == release.RoleWithdraw {
				a.Roles[i].Keys = append(a.Roles[i].Keys, key.ID())
				slices.SortFunc(a.Roles[i].Keys, release.KeyID.Compare)
			}
		}
	})
	getPage(t, s, "/entries/4").contains(t, "What it changes", "Key added "+key.ID().String()+" to role withdraw, openpgp")
	live := s.Roll().Live
	entry, _ := s.Sign(s.Withdrawal(live[0]))
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		t.Fatal(err)
	}
	message, detached := filepath.Join(home, "pae"), filepath.Join(home, "pae.sig")
	if err := os.WriteFile(message, release.PAE(envelope.Payload), 0o600); err != nil {
		t.Fatal(err)
	}
	gpg(t, home, "--detach-sign", "--output", detached, message)
	data, err := os.ReadFile(detached)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := foreign.ParseOpenPGPSignature(data)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(sig []byte) []byte {
		envelope.Signatures = []release.Signature{{KeyID: key.ID(), Sig: sig}}
		made, err := envelope.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	forged := slices.Clone(sig)
	forged[len(forged)-1] ^= 1
	if status, _, body := post(t, s, signed(forged)); status != http.StatusForbidden || !strings.Contains(string(body), `"code":"signature-invalid"`) {
		t.Errorf("a false signature: %d %s", status, body)
	}
	if status, _, body := post(t, s, signed(sig)); status != http.StatusCreated {
		t.Fatalf("got %d %s", status, body)
	}
	s.WaitPublished(6)
	getPage(t, s, "/entries/5").contains(t, "Withdrawal in acme/ai in force", key.ID().String()+" withdraw openpgp", "2026.11 release, entry 3 withdrawn")
	getPage(t, s, "/entries/3").contains(t, "Withdrawn by: entry 5")
	if _, _, body := sendRaw(t, s.URL, http.MethodGet, "/api/v1/entries?type=withdrawal", nil, nil); !strings.Contains(body, `"signers":["`+key.ID().String()+`"],"status":"admitted"`) {
		t.Errorf("in the list: %s", body)
	}
}
