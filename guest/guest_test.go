//go:build system

package guest_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/guest/devicemapper"
	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release/measure"
)

// recordInto makes recordings again: go test -tags system ./guest -run TestGuest -record DIR.
var recordInto = flag.String("record", "", "write the evidence of the boots into this directory")

// unit runs the node once the system is up.
const unit = `[Unit]
Description=node
[Service]
ExecStart=/usr/bin/ungated
StandardOutput=journal+console
StandardError=journal+console
`

// built is a release that was logged, and the files of a machine that runs it.
type built struct {
	*publisher
	machine
	programs string
	keys     secureBoot
	bundle   []byte
	cmdline  string
	parts    parts
	root     string // the image of the root file system
}

// build makes and logs everything, with the real programs.
func buildAll(t testing.TB) *built {
	t.Helper()
	began := time.Now()
	step := func(what string) {
		t.Logf("%-28s %5.1f s", what, time.Since(began).Seconds())
		began = time.Now()
	}
	b := &built{programs: binaries(t.Context(), t)}
	step("programs")
	p := fetchParts(t)
	b.parts = p
	step("Debian's packages")
	b.keys = newSecureBoot(t)
	module := newTrustedModule(t)
	step("keys and TPM")
	b.publisher = newPublisher(t, b.programs)
	b.requirements(module.root)
	step("log and witnesses")
	root := rootImage(t, p, filepath.Join(b.programs, "ungated"), unit)
	b.root = root
	step("root image")
	verity, err := measure.Verity(t.Context(), measure.VerityOptions{Image: root, Offset: measure.FindOffset}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	v := verity.Measurement
	start := initrd(t, p, filepath.Join(b.programs, "init"), devicemapper.Verity{Salt: v.Salt, BlockSize: v.DataBlockSize, DataBlocks: v.DataBlocks, HashOffset: v.HashOffset},
		map[string][]byte{"log.policy": b.file("log/log.policy"), "requirements.json": b.file("requirements.json")})
	b.cmdline = "roothash=" + v.RootHash + " " + production + console
	uki := filepath.Join(b.path, "node.efi")
	unifiedKernel(t, uki, p, b.keys, b.cmdline, start)
	bootPartition(t, filepath.Join(b.path, "esp.img"), map[string]string{"EFI/BOOT/BOOTX64.EFI": uki})
	step("initrd, kernel, ESP")

	model := filepath.Join(b.path, "model")
	if err := os.Mkdir(model, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(model, "weights.bin"), bytes.Repeat([]byte("weights "), 1<<17))
	b.muster("measure", "os", "--uki", "node.efi", "--root", root, "--out", "node-os.measurement.json")
	b.muster("measure", "model", "model", "--image", "model.img", "--out", "model.measurement.json")
	b.logImage("node-os")
	b.logImage("model")
	b.measureFirmware("firmware", observeFirmware(t, machine{keys: b.keys, module: module}, p, filepath.Join(b.programs, "observe")))
	b.bundle = b.release("firmware", "node-os", "model")
	step("measured, logged, released")

	bundleDisk := filepath.Join(b.path, "bundle.img")
	fileDisk(t, bundleDisk, map[string][]byte{"release.muster": b.bundle, "issuers.pem": module.issuers})
	b.machine = machine{keys: b.keys, module: module, disks: []disk{{"esp", filepath.Join(b.path, "esp.img")}, {"root", root},
		{"model", filepath.Join(b.path, "model.img")}, {"bundle", bundleDisk}}}
	return b
}

// ask asks a node for evidence with a credential, trusting nothing.
func (r *running) ask() evidence {
	r.t.Helper()
	e := evidence{at: time.Now().UTC().Truncate(time.Second)}
	offered, _ := r.post(attest.ActivatePath, []byte("{}"))
	activate, err := attest.ParseActivate(offered)
	if err != nil {
		r.t.Fatal(err)
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	rand.Read(e.nonce[:])
	request, err := (&attest.Request{Nonce: e.nonce, Profile: attest.ProfileTPM2UKI, Credential: credential(r.t, activate, secret)}).Marshal()
	if err != nil {
		r.t.Fatal(err)
	}
	e.raw, e.spki = r.post(attest.EvidencePath, request)
	if e.answer, err = attest.ParseAnswer(e.raw); err != nil {
		r.t.Fatal(err)
	}
	e.activated = bytes.Equal(e.answer.Secret, secret) && bytes.Equal(e.answer.Evidence["akPublic"], activate.AKPublic) && bytes.Equal(e.answer.Certificates[0], activate.EKCertificate)
	return e
}

// credential makes a credential with go-tpm for an RSA endorsement key.
func credential(t testing.TB, activate *attest.Activate, secret []byte) *attest.Credential {
	t.Helper()
	certificate, err := x509.ParseCertificate(activate.EKCertificate)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		t.Fatalf("the endorsement key is %T, want RSA", certificate.PublicKey)
	}
	public := tpm2.RSAEKTemplate
	public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: key.N.Bytes()})
	to, err := tpm2.ImportEncapsulationKey(&public)
	if err != nil {
		t.Fatal(err)
	}
	name := sha256.Sum256(activate.AKPublic)
	blob, seed, err := tpm2.CreateCredential(rand.Reader, to, append([]byte{0, 0x0b}, name[:]...), secret)
	if err != nil {
		t.Fatal(err)
	}
	return &attest.Credential{IDObject: tpm2.Marshal(tpm2.TPM2BIDObject{Buffer: blob}), EncSecret: tpm2.Marshal(tpm2.TPM2BEncryptedSecret{Buffer: seed})}
}

// post sends a request to whoever answers.
func (r *running) post(path string, body []byte) (answered []byte, spki attest.Digest) {
	r.t.Helper()
	client := &http.Client{Timeout: bootTimeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	response, err := client.Post("https://"+r.address+path, "application/json", bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	answered, err = io.ReadAll(io.LimitReader(response.Body, attest.MaxAnswer))
	if err != nil || response.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %s %v\n%s", path, response.Status, err, answered)
	}
	return answered, sha256.Sum256(response.TLS.PeerCertificates[0].RawSubjectPublicKeyInfo)
}

// TestGuest boots the machine that was released, and what attackers make of it.
func TestGuest(t *testing.T) {
	b := buildAll(t)

	// The host offers a credential besides, which no register shows: the image does not
	// take it. An image that would is refused below.
	t.Run("released", func(t *testing.T) {
		t.Parallel()
		m := b.machine
		m.firmware = []string{"-smbios", "type=11,value=io.systemd.credential:tmpfiles.extra=f /run/evil 0644 root root - evil"}
		r := m.start(t)
		e := r.evidence()
		e.checkHonestTPM(t)
		b.record(t, "released", e)
		if found := e.differing(t); found != nil {
			t.Errorf("registers %v do not hold what the release says", found)
		}
		r.awaitConsole("credentials that systemd imported: []")
		r.awaitConsole("model model is opened")
		if answered, spki := r.post("/answer", []byte("question")); spki != e.spki || !bytes.Contains(answered, []byte(b.answer(t, "question"))) {
			t.Errorf("answered %s by key %s", answered, spki)
		}
	})

	t.Run("credentials are imported", func(t *testing.T) {
		t.Parallel()
		cmdline := strings.Replace(b.cmdline, "systemd.import_credentials=no ", "", 1)
		unifiedKernel(t, filepath.Join(b.path, "importing.efi"), b.parts, b.keys, cmdline, []byte("an initrd"))
		printed, err := b.execute("muster", "measure", "os", "--uki", "importing.efi", "--root", b.root, "--out", "importing.json")
		if err == nil || !strings.Contains(printed, "systemd.import_credentials=no") {
			t.Errorf("muster measure os: %v\n%s", err, printed)
		}
		if _, err := os.Stat(filepath.Join(b.path, "importing.json")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the image is measured all the same: %v", err)
		}
	})

	// A boot loader in front of the image, signed with the owner's own key, adds words
	// to the kernel's command line.
	t.Run("loader in front", func(t *testing.T) {
		t.Parallel()
		loader := filepath.Join(t.TempDir(), "loader.efi")
		sign(t, b.keys, "/usr/lib/systemd/boot/efi/systemd-bootx64.efi", loader)
		entry := filepath.Join(t.TempDir(), "entry.conf")
		write(t, entry, []byte("title evil\nefi /EFI/node.efi\noptions "+b.cmdline+" systemd.debug_shell\n"))
		e := b.withBootPartition(t, map[string]string{"EFI/BOOT/BOOTX64.EFI": loader, "EFI/node.efi": filepath.Join(b.path, "node.efi"), "loader/entries/evil.conf": entry}).start(t).evidence()
		e.checkHonestTPM(t)
		b.record(t, "loader-in-front", e)
		if found := e.differing(t); !slices.Equal(found, []int{4, 12}) {
			t.Errorf("registers %v show the loader", found)
		}
	})

	// A credential beside the image is handed to systemd with the initrd.
	t.Run("credential on the boot partition", func(t *testing.T) {
		t.Parallel()
		credential := filepath.Join(t.TempDir(), "tmpfiles.extra.cred")
		write(t, credential, []byte("f /run/evil 0644 root root - evil\n"))
		e := b.withBootPartition(t, map[string]string{"EFI/BOOT/BOOTX64.EFI": filepath.Join(b.path, "node.efi"), "EFI/BOOT/BOOTX64.EFI.extra.d/tmpfiles.extra.cred": credential}).start(t).evidence()
		e.checkHonestTPM(t)
		b.record(t, "credential-on-boot-partition", e)
		if found := e.differing(t); !slices.Equal(found, []int{9, 12}) {
			t.Errorf("registers %v show the credential", found)
		}
	})

	// Whoever changes a byte of a disk stops the machine, and changes nothing that runs.
	for _, serial := range []string{"root", "model"} {
		t.Run("altered "+serial, func(t *testing.T) {
			t.Parallel()
			r := b.withAltered(t, serial).start(t)
			r.awaitOff()
			for _, want := range []string{"is corrupted", "Kernel panic - not syncing: dm-verity device corrupted"} {
				if !strings.Contains(r.printed(), want) {
					t.Errorf("the console does not say %q", want)
				}
			}
			if strings.Contains(r.printed(), "ungated: listens") {
				t.Error("the node answers")
			}
		})
	}
}

// withAltered is the machine with one bit changed in every 16 KiB of a disk's data.
func (b *built) withAltered(t testing.TB, serial string) machine {
	t.Helper()
	m := b.machine
	m.disks = slices.Clone(m.disks)
	at := slices.IndexFunc(m.disks, func(d disk) bool { return d.serial == serial })
	data, err := os.ReadFile(m.disks[at].file)
	if err != nil {
		t.Fatal(err)
	}
	// The hash tree, 1/128 of the data, stays as it is.
	for n := 0; n < len(data)*126/128; n += 16 << 10 {
		data[n] ^= 1
	}
	m.disks[at].file = filepath.Join(t.TempDir(), serial+".img")
	write(t, m.disks[at].file, data)
	return m
}

// withBootPartition is the machine with another boot partition.
func (b *built) withBootPartition(t testing.TB, files map[string]string) machine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "esp.img")
	bootPartition(t, path, files)
	m := b.machine
	m.disks = slices.Clone(m.disks)
	m.disks[0].file = path
	return m
}

// evidence waits until the machine answers, and asks it.
func (r *running) evidence() evidence {
	r.t.Helper()
	began := time.Now()
	r.awaitPort()
	e := r.ask()
	r.t.Logf("evidence after %.1f s", time.Since(began).Seconds())
	return e
}

// answer is what the machine must answer to a question.
func (b *built) answer(t testing.TB, question string) string {
	t.Helper()
	weights, err := os.ReadFile(filepath.Join(b.path, "model/weights.bin"))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(append(weights, question...))
	return hex.EncodeToString(digest[:])
}

// record keeps evidence, where a directory is given.
func (b *built) record(t testing.TB, name string, e evidence) {
	t.Helper()
	if *recordInto == "" {
		return
	}
	data, err := json.MarshalIndent(recorded{Time: e.at, Nonce: e.nonce[:], SPKI: e.spki[:], Activated: e.activated, AKName: e.akName(), Policy: string(b.file("log/log.policy")),
		Requirements: string(b.file("requirements.json")), Answer: string(e.raw), Differing: e.differing(t)}, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(*recordInto, name+".json"), append(data, '\n'))
}
