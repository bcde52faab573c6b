//go:build system

package tpm_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/attest/tpm/credential"
	"github.com/muster-log/muster/attest/tpm/swtpm"
	nodetpm "github.com/muster-log/muster/node/tpm"
)

func digest(text string) attest.Digest { return sha256.Sum256([]byte(text)) }

// image is an os image of which every value is stated.
var image = attest.TPM2UKI{
	Authenticode: digest("image"), KernelAuthenticode: digest("kernel"), KernelMeasured: attest.KernelMeasuredWithoutSecureBoot,
	Sections: []attest.Section{{Name: ".linux", Digest: digest("linux")}, {Name: ".cmdline", Digest: digest("quiet")}},
	Phases:   []string{"enter-initrd", "leave-initrd"}, Cmdline: "quiet", Initrd: digest("initrd"), PCR9: []string{attest.PCR9Cmdline, attest.PCR9Initrd},
}

func start(t testing.TB, directory string) *swtpm.Server {
	t.Helper()
	server, err := swtpm.Start(t.Context(), directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

func open(t testing.TB, server *swtpm.Server) *nodetpm.TPM {
	t.Helper()
	opened, err := nodetpm.Open(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return opened
}

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// TestEvidence has a software TPM go the whole way: a boot, the ledger, a key, a
// credential, a quote; and what judges evidence accept it.
func TestEvidence(t *testing.T) {
	server := start(t, t.TempDir())
	authority := must[*swtpm.Authority](t)(swtpm.NewAuthority())
	leaf := must[[]byte](t)(authority.Certify(server))
	eventLog := must[[]byte](t)(server.Play(swtpm.Boot{Image: image}))
	node := open(t, server)

	release, model := digest("release"), digest("model")
	ledger := must[attest.Ledger](t)(attest.NewLedger(release, []attest.Digest{model}))
	for _, event := range ledger.Events() {
		if err := node.ExtendLedger(event); err != nil {
			t.Fatal(err)
		}
	}
	pcrs := must[[16]attest.Digest](t)(node.PCRs())
	if pcrs[15] != ledger.SHA256() {
		t.Errorf("PCR 15 is %s, want %s", pcrs[15], ledger.SHA256())
	}

	chain := must[[][]byte](t)(node.EKCertificates(authority.Root()))
	if len(chain) != 2 || !bytes.Equal(chain[0], leaf) || !bytes.Equal(chain[1], authority.Root()) {
		t.Fatalf("got a chain of %d certificates, want the leaf and the root", len(chain))
	}
	key := must[*nodetpm.AK](t)(node.NewAK())
	name := must[[]byte](t)(tpm.AKName(key.Public()))
	secret := make([]byte, 32)
	rand.Read(secret)
	made := must[*attest.Credential](t)(credential.Make(leaf, name, secret, rand.Reader))
	if got := must[[]byte](t)(key.Activate(made)); !bytes.Equal(got, secret) {
		t.Errorf("got secret %x, want %x", got, secret)
	}
	// A credential for another key's name is not given back.
	other := slices.Clone(name)
	other[5] ^= 1
	if _, err := key.Activate(must[*attest.Credential](t)(credential.Make(leaf, other, secret, rand.Reader))); err == nil {
		t.Error("the TPM gave back the secret of a credential for another key")
	}

	nonce, spki := digest("nonce"), digest("key")
	tree := must[*attest.NonceTree](t)(attest.NewNonceTree([]attest.Digest{nonce}))
	final := ledger.SHA256()
	extraData := must[attest.Digest](t)(attest.Binding{Profile: tpm.Profile, Nonce: tree.Root(), SPKI: spki, Ledger: final[:]}.SHA256())
	parts, _, err := key.Quote(extraData)
	if err != nil {
		t.Fatal(err)
	}
	evidence := must[attest.Evidence](t)(tpm.Read(&attest.Answer{Profile: tpm.Profile, Evidence: parts, Batch: tree.Place(0), Certificates: chain, EventLog: eventLog, Bundle: []byte("bundle")}))
	root := attest.DigestOf(authority.Root())
	judgement := evidence.Judge(attest.Reference{
		Release: release, Images: []attest.Image{{Digest: digest("os"), Kind: attest.KindOS, TPM2UKI: &image}, {Digest: model, Kind: attest.KindModel}},
		Nonce: nonce, SPKI: spki, Now: time.Now(), Policy: attest.Policy{FirmwareNotChecked: true, TestRoots: []attest.Digest{root}},
		Activated: []attest.Activation{{AKName: name, EKCertificate: attest.DigestOf(leaf)}},
	})
	for _, check := range judgement.Checks {
		if check.Decisive() {
			t.Errorf("%s: expected %s, found %s", check.Code, check.Expected, check.Found)
		}
	}
	if judgement.Assurance != attest.AssuranceTest || judgement.Deadline.IsZero() {
		t.Errorf("got assurance %q, deadline %s", judgement.Assurance, judgement.Deadline)
	}
}

// TestManyQuotes: keys and sessions do not pile up in a TPM that has room for three.
func TestManyQuotes(t *testing.T) {
	server := start(t, t.TempDir())
	authority := must[*swtpm.Authority](t)(swtpm.NewAuthority())
	leaf := must[[]byte](t)(authority.Certify(server))
	for range 5 {
		node := must[*nodetpm.TPM](t)(nodetpm.Open(server.Address()))
		key := must[*nodetpm.AK](t)(node.NewAK())
		name := must[[]byte](t)(tpm.AKName(key.Public()))
		for i := range 20 {
			if _, _, err := key.Quote(digest("x")); err != nil {
				t.Fatal(i, err)
			}
			secret := make([]byte, 32)
			if _, err := key.Activate(must[*attest.Credential](t)(credential.Make(leaf, name, secret, rand.Reader))); err != nil {
				t.Fatal(i, err)
			}
		}
		if err := node.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReboot: a TPM that starts again has its PCRs reset, and makes the same key.
func TestReboot(t *testing.T) {
	directory := t.TempDir()
	server := start(t, directory)
	node := open(t, server)
	first := must[*nodetpm.AK](t)(node.NewAK()).Public()
	if err := node.ExtendLedger(attest.Refused); err != nil {
		t.Fatal(err)
	}
	server.Close()
	again := open(t, start(t, directory))
	if pcrs := must[[16]attest.Digest](t)(again.PCRs()); pcrs[15] != (attest.Digest{}) {
		t.Errorf("PCR 15 is %s after a reboot", pcrs[15])
	}
	if second := must[*nodetpm.AK](t)(again.NewAK()).Public(); !bytes.Equal(first, second) {
		t.Error("another attestation key after a reboot")
	}
}
