package measure

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/build"
)

func sha(data []byte) release.Digest { return sha256.Sum256(data) }

// writeFile writes a file of a test and returns its path.
func writeFile(tb testing.TB, name string, data []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

func measureUKIBytes(tb testing.TB, image []byte) (*OSResult, error) {
	tb.Helper()
	file, err := open(writeFile(tb, "os.efi", image))
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	return measureUKI(context.Background(), file, progress.None())
}

func TestMeasureUKI(t *testing.T) {
	image := newUKI(t, "roothash=00", build.Section{Name: ".splash", Data: []byte("BM")}, build.Section{Name: ".pcrpkey", Data: []byte("key")}, build.Section{Name: ".pcrsig", Data: []byte("{}")}, build.Section{Name: ".dtb", Data: []byte("tree")})
	got, err := measureUKIBytes(t, image)
	if err != nil {
		t.Fatal(err)
	}
	want := release.TPM2UKI{
		Authenticode:       authenticodeOf(t, image),
		KernelAuthenticode: authenticodeOf(t, newKernel()),
		Stub:               "systemd-stub 252.39-1~deb12u2",
		// .uname and .pcrsig are not measured, and the order is the stub's.
		Sections: []release.Section{
			{Name: ".linux", Digest: sha(newKernel())}, {Name: ".osrel", Digest: sha([]byte("ID=debian\n"))},
			{Name: ".cmdline", Digest: sha([]byte("roothash=00"))}, {Name: ".initrd", Digest: sha([]byte("initrd"))},
			{Name: ".splash", Digest: sha([]byte("BM"))}, {Name: ".dtb", Digest: sha([]byte("tree"))}, {Name: ".pcrpkey", Digest: sha([]byte("key"))},
		},
		Cmdline: "roothash=00", CmdlineRules: 1, Initrd: sha([]byte("initrd")),
		PCR9: []string{"cmdline", "initrd"}, KernelMeasured: "without-secure-boot",
	}
	if diff := cmp.Diff(want, got.Measurement); diff != "" {
		t.Error(diff)
	}
	if artifact := (release.Artifact{Name: "os.efi", Digest: sha(image), Size: uint64(len(image)), MediaType: "application/efi"}); !cmp.Equal(got.Artifacts, []release.Artifact{artifact}) {
		t.Error(cmp.Diff(got.Artifacts, []release.Artifact{artifact}))
	}
	if got.Unaligned {
		t.Error("an image of whole blocks is said to be unaligned")
	}
	if got, err := measureUKIBytes(t, append(image, 0)); err != nil || !got.Unaligned {
		t.Errorf("an unsigned image of odd length is not said to be unaligned: %v", err)
	}
}

// TestVirtualSize: a section counts as it stands in memory.
func TestVirtualSize(t *testing.T) {
	image := newUKI(t, "roothash=00")
	entry := peTable + 5*peSectionSize // .text .sdmagic .osrel .cmdline .uname .initrd
	for size, want := range map[uint32][]byte{3: []byte("ini"), 512: append([]byte("initrd"), make([]byte, 506)...), 700: append([]byte("initrd"), make([]byte, 694)...)} {
		// It is moved out of the way of the next one, and the memory image reaches there.
		moved := put32(put32(image, entry+12, 1<<20), peOpt+56, 1<<21)
		got, err := measureUKIBytes(t, put32(moved, entry+8, size))
		if err != nil {
			t.Fatal(err)
		}
		if got.Measurement.Initrd != sha(want) {
			t.Errorf("VirtualSize %d: got %s, want %s", size, got.Measurement.Initrd, sha(want))
		}
	}
}

func TestRefusedUKI(t *testing.T) {
	sections := func(change func([]build.Section) []build.Section) []build.Section {
		return change([]build.Section{{Name: ".cmdline", Data: []byte("a")}, {Name: ".initrd", Data: []byte("i")}, {Name: ".linux", Data: newKernel()}})
	}
	stub := newStub("252.39-1~deb12u2")
	with := func(name string, data []byte) []byte {
		return join(t, stub, sections(func(s []build.Section) []build.Section { return append(s, build.Section{Name: name, Data: data}) }))
	}
	without := func(i int) []byte {
		return join(t, stub, sections(func(s []build.Section) []build.Section { return append(s[:i:i], s[i+1:]...) }))
	}
	kernel := func(data []byte) []byte {
		return join(t, stub, sections(func(s []build.Section) []build.Section { s[2].Data = data; return s }))
	}
	versioned := func(version string) []byte {
		return join(t, newStub(version), sections(func(s []build.Section) []build.Section { return s }))
	}
	whole := with(".osrel", []byte("ID=x"))
	osrel := peTable + 5*peSectionSize
	tests := []struct {
		name  string
		image []byte
		code  Code
		want  string
	}{
		{"no stub", newKernel(), CodeUKI, "no section .sdmagic"},
		{"the stub alone", stub, CodeUKI, "no section .linux"},
		{"no command line", without(0), CodeUKI, "no section .cmdline"},
		{"no initrd", without(1), CodeUKI, "no section .initrd"},
		{"a later stub", versioned("256.1"), CodeStub, "systemd-stub 256.1: the rules"},
		{"a stub that lies about its name", versioned("252\x00 ####"), CodeStub, "want the version"},
		// The stub compares .linux with the first six characters of a name, and the last one wins.
		{"a second kernel under a longer name", with(".linux2", newKernel()), CodeUKI, "takes section .linux2 for .linux"},
		{"a second initrd under a longer name", with(".initrdX", []byte("x")), CodeUKI, "takes section .initrdX for .initrd"},
		{"a device tree under a longer name", with(".dtbauto", []byte("x")), CodeUKI, "takes section .dtbauto for .dtb"},
		{"an empty section", put32(whole, osrel+8, 0), CodeUKI, "section .osrel is empty"},
		{"a section of mostly nothing", put32(put32(whole, osrel+8, 1<<30), peOpt+56, 1<<31), CodeUKI, "is 1073741824 bytes in memory and 512"},
		{"a command line that ends in a line feed", newUKI(t, "roothash=00\n"), CodeUKI, "outside printable ASCII"},
		{"a command line that ends in NUL", newUKI(t, "roothash=00\x00"), CodeUKI, "outside printable ASCII"},
		{"a command line that ends in a space", newUKI(t, "roothash=00 "), CodeUKI, "ends in a space"},
		{"a command line in UTF-8", newUKI(t, "roothash=00 \u00fc"), CodeUKI, "outside printable ASCII"},
		{"a command line of a megabyte", newUKI(t, strings.Repeat("x", 1<<20)), CodeUKI, "want at most 65536"},
		{"a kernel that is none", kernel([]byte("\x7fELF")), CodeUKI, "the kernel in section .linux"},
		{"a kernel before EFI stub 1.0", kernel(put16(newKernel(), peOpt+44, 0)), CodeUKI, "older than version 1.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := measureUKIBytes(t, tt.image)
			refused(t, err, tt.code, tt.want)
		})
	}
}

// TestGuests predicts the registers of three machines that were booted.
func TestGuests(t *testing.T) {
	data, err := os.ReadFile("testdata/guest.json")
	if err != nil {
		t.Fatal(err)
	}
	var guests map[string]struct {
		Cmdline  string
		Sections []struct {
			Name   string
			SHA256 release.Digest
		}
		Phases      []string
		PCR9, PCR11 release.Digest
	}
	if err := json.Unmarshal(data, &guests); err != nil || len(guests) != 3 {
		t.Fatalf("%d guests, %v", len(guests), err)
	}
	for name, guest := range guests {
		var sections []release.Section
		var initrd release.Digest
		for _, s := range guest.Sections {
			sections = append(sections, release.Section{Name: s.Name, Digest: s.SHA256})
			if s.Name == release.SectionInitrd {
				initrd = s.SHA256
			}
		}
		if got := PCR11(sections, guest.Phases); got != guest.PCR11 {
			t.Errorf("%s: PCR 11 is %s, want %s", name, got, guest.PCR11)
		}
		if got := PCR11(sections, append(guest.Phases, "shutdown")); got == guest.PCR11 {
			t.Errorf("%s: another phase does not change PCR 11", name)
		}
		// The events of PCR 9 as measurements have them: the command line as UTF-16LE
		// with its NUL, and the initrd.
		var cmdline []byte
		for _, unit := range utf16.Encode([]rune(guest.Cmdline + "\x00")) {
			cmdline = binary.LittleEndian.AppendUint16(cmdline, unit)
		}
		if got := release.Digest(attest.Extend(attest.Extend(attest.Digest{}, sha256.Sum256(cmdline)), attest.Digest(initrd))); got != guest.PCR9 {
			t.Errorf("%s: PCR 9 is %s, want %s", name, got, guest.PCR9)
		}
	}
}

func FuzzUKI(f *testing.F) {
	f.Add(newUKI(f, "roothash=00"))
	f.Add(newKernel())
	f.Add(newStub("252"))
	f.Fuzz(func(t *testing.T, image []byte) {
		u, err := parseUKI(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			return
		}
		// What parses can be hashed, and its text is what is in the section.
		if _, err := u.authenticode(context.Background(), progress.None()); err != nil {
			t.Errorf("parsed, and its Authenticode digest failed: %v", err)
		}
		for _, section := range u.sections {
			if section.virtualSize > 1<<24 {
				continue
			}
			content := make([]byte, section.virtualSize)
			if err := readFull(u.content(&section), content, 0); err != nil {
				t.Errorf("parsed, and section %s cannot be read: %v", section.name, err)
			}
			if section.name == release.SectionCmdline && string(content) != u.cmdline {
				t.Errorf("command line %q, want %q", u.cmdline, content)
			}
		}
	})
}
