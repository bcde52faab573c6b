//go:build system

package measure

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/build"
)

// run runs a program of the system and returns what it prints.
func run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	command := exec.Command(name, args...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		tb.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// debianParts is Debian's kernel and systemd-stub, fetched once with a state of
// apt-get's own, so without root.
var debianParts = struct {
	sync.Once
	kernel, stub []byte
}{}

func debian(tb testing.TB) (kernel, stub []byte) {
	tb.Helper()
	debianParts.Do(func() {
		dir := tb.TempDir()
		apt := []string{"-qq"}
		for _, setting := range []string{"Dir::State=state", "Dir::State::status=status", "Dir::Cache=cache", "APT::Sandbox::User=root"} {
			name, value, _ := strings.Cut(setting, "=")
			if strings.HasPrefix(name, "Dir::") {
				value = filepath.Join(dir, value)
			}
			apt = append(apt, "-o", name+"="+value)
		}
		for _, name := range []string{"state/lists/partial", "cache/archives/partial"} {
			if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
				tb.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "status"), nil, 0o644); err != nil {
			tb.Fatal(err)
		}
		run(tb, "apt-get", append(apt, "update")...)
		image := ""
		for _, line := range strings.Split(run(tb, "apt-cache", append(apt[1:], "depends", "linux-image-cloud-amd64")...), "\n") {
			if _, name, ok := strings.Cut(line, "Depends: linux-image-"); ok {
				image = "linux-image-" + name
			}
		}
		download := exec.Command("apt-get", append(apt, "download", "systemd-boot-efi", image)...)
		download.Dir = dir
		if out, err := download.CombinedOutput(); err != nil {
			tb.Fatalf("apt-get download systemd-boot-efi %s: %v\n%s", image, err, out)
		}
		packages, err := filepath.Glob(filepath.Join(dir, "*.deb"))
		if err != nil || len(packages) != 2 {
			tb.Fatalf("packages %q, %v, want two", packages, err)
		}
		for _, name := range packages {
			run(tb, "dpkg-deb", "-x", name, filepath.Join(dir, "tree"))
		}
		one := func(pattern string) []byte {
			found, err := filepath.Glob(filepath.Join(dir, "tree", pattern))
			if err != nil || len(found) != 1 {
				tb.Fatalf("%s: %q, %v, want one file", pattern, found, err)
			}
			data, err := os.ReadFile(found[0])
			if err != nil {
				tb.Fatal(err)
			}
			return data
		}
		debianParts.kernel, debianParts.stub = one("boot/vmlinuz-*"), one("usr/lib/systemd/boot/efi/linuxx64.efi.stub")
	})
	if debianParts.kernel == nil {
		tb.Fatal("Debian's kernel and stub could not be fetched")
	}
	return debianParts.kernel, debianParts.stub
}

// signedDigest finds the digest that an Authenticode signature in a file signs:
// the DigestInfo of SHA-256 in its certificate table.
func signedDigest(tb testing.TB, image []byte) release.Digest {
	tb.Helper()
	parsed, err := parsePE(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		tb.Fatal(err)
	}
	digestInfo := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	_, rest, found := bytes.Cut(image[parsed.size-parsed.certificates:], digestInfo)
	if !found || len(rest) < 32 {
		tb.Fatalf("no SHA-256 digest in a certificate table of %d bytes", parsed.certificates)
	}
	return release.Digest(rest[:32])
}

func TestDebianUKI(t *testing.T) {
	kernel, stub := debian(t)
	cmdline, osrel := "roothash=00 systemd.import_credentials=no", "ID=debian\nVERSION_ID=12\n"
	initrd, err := build.CPIO([]build.File{{Name: "init", Mode: 0o755, Data: []byte("#!/bin/sh\n")}})
	if err != nil {
		t.Fatal(err)
	}
	image := join(t, stub, []build.Section{
		{Name: ".osrel", Data: []byte(osrel)}, {Name: ".cmdline", Data: []byte(cmdline)}, {Name: ".uname", Data: []byte("6.1")},
		{Name: ".initrd", Data: initrd}, {Name: ".linux", Data: kernel}})
	got, err := measureUKIBytes(t, image)
	if err != nil {
		t.Fatal(err)
	}
	m := got.Measurement
	if !strings.HasPrefix(m.Stub, "systemd-stub 252.") {
		t.Errorf("stub %q, want one of systemd 252", m.Stub)
	}
	// Debian's own signature says what its kernel's digest is.
	if want := signedDigest(t, kernel); m.KernelAuthenticode != want {
		t.Errorf("kernel: %s, Debian signed %s", m.KernelAuthenticode, want)
	}

	for _, phases := range [][]string{nil, {"sysinit", "ready"}, phases} {
		args := []string{"calculate", "--bank=sha256", "--phase=" + strings.Join(phases, ":"),
			"--linux=" + writeFile(t, "linux", kernel), "--osrel=" + writeFile(t, "osrel", []byte(osrel)),
			"--cmdline=" + writeFile(t, "cmdline", []byte(cmdline)), "--initrd=" + writeFile(t, "initrd", initrd)}
		if want, got := run(t, "/lib/systemd/systemd-measure", args...), "11:sha256="+PCR11(m.Sections, phases).String(); !strings.Contains(want, got) {
			t.Errorf("phases %v: got %s, systemd-measure has %s", phases, got, want)
		}
	}

	// Signing changes neither digest nor registers.
	signed := sign(t, image)
	if want := signedDigest(t, signed); m.Authenticode != want {
		t.Errorf("image: %s, sbsign signed %s", m.Authenticode, want)
	}
	after, err := measureUKIBytes(t, signed)
	if err != nil {
		t.Fatal(err)
	}
	if after.Measurement.Authenticode != m.Authenticode || PCR11(after.Measurement.Sections, nil) != PCR11(m.Sections, nil) {
		t.Errorf("signing changed %+v to %+v", m, after.Measurement)
	}
	if after.Artifacts[0].Digest == got.Artifacts[0].Digest {
		t.Error("the signed file has the digest of the unsigned one")
	}
}

// sign signs an image for Secure Boot with a key of this moment, and has the
// signature checked.
func sign(tb testing.TB, image []byte) []byte {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	keyFile := writeFile(tb, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	certificate := writeFile(tb, "certificate.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	out := filepath.Join(tb.TempDir(), "signed.efi")
	run(tb, "sbsign", "--key", keyFile, "--cert", certificate, "--output", out, writeFile(tb, "image.efi", image))
	run(tb, "sbverify", "--cert", certificate, out)
	signed, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	return signed
}

// TestVeritysetup: the same bytes as veritysetup's, and each accepts the other's.
func TestVeritysetup(t *testing.T) {
	for _, n := range []int{1, 4096*127 - 20000, 4096 * 300, 4096*128*128 + 1} {
		data := newErofs(t, n)
		for _, salt := range []string{"-", "00ff", strings.Repeat("ab", 32), strings.Repeat("17", 256)} {
			theirs := writeFile(t, "image", data)
			const uuid = "00112233-4455-6677-8899-aabbccddeeff"
			out := run(t, "veritysetup", "format", "--salt="+salt, "--uuid="+uuid, "--data-blocks="+itoa(len(data)/4096), "--hash-offset="+itoa(len(data)), theirs, theirs)
			ours := writeFile(t, "image", data)
			root, err := FormatVerity(context.Background(), FormatOptions{Image: ours, Salt: unhex(t, salt), UUID: (*[16]byte)(unhex(t, strings.ReplaceAll(uuid, "-", "")))}, progress.None())
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out, root.String()) {
				t.Errorf("%d bytes, salt %.10s: root hash %s, veritysetup has %s", n, salt, root, out)
			}
			a, errA := os.ReadFile(ours)
			b, errB := os.ReadFile(theirs)
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("%d bytes, salt %.10s: %d bytes, veritysetup has %d others: %v %v", n, salt, len(a), len(b), errA, errB)
			}
			run(t, "veritysetup", "verify", "--hash-offset="+itoa(len(data)), ours, ours, root.String())
			measured, err := Verity(context.Background(), VerityOptions{Image: theirs, Offset: FindOffset}, progress.None())
			if err != nil || measured.Measurement.RootHash != root.String() || measured.UUID != uuid {
				t.Errorf("measured %+v, %v", measured, err)
			}
		}
	}
}

// TestVeritysetupBlocks: images that veritysetup makes with other block sizes, in
// a file of their own.
func TestVeritysetupBlocks(t *testing.T) {
	data := newErofs(t, 1<<20+1)
	for _, sizes := range [][2]string{{"512", "512"}, {"1024", "4096"}, {"4096", "1024"}} {
		image, hash := writeFile(t, "image", data), filepath.Join(t.TempDir(), "hash")
		out := run(t, "veritysetup", "format", "--data-block-size="+sizes[0], "--hash-block-size="+sizes[1], image, hash)
		got, err := Verity(context.Background(), VerityOptions{Image: image, Hash: hash, Offset: FindOffset}, progress.None())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, got.Measurement.RootHash) {
			t.Errorf("blocks of %v: root hash %s, veritysetup has %s", sizes, got.Measurement.RootHash, out)
		}
	}
}
