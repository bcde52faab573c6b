package release_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
)

// exampleImage returns an image of the example log: 1 is its os image, 2 its model.
func exampleImage(tb testing.TB, name string) *release.Image {
	tb.Helper()
	payload, err := os.ReadFile(filepath.Join("register", "testdata", "example", name))
	if err != nil {
		tb.Fatal(err)
	}
	statement, err := release.ParseStatement(payload)
	if err != nil {
		tb.Fatal(err)
	}
	return statement.Predicate.(*release.Image)
}

// setCmdline states another command line, with the digest of its section put right.
func setCmdline(image *release.Image, cmdline string) {
	uki := image.Measurements.TPM2UKI
	uki.Cmdline = cmdline
	setSection(uki, release.SectionCmdline, sha256.Sum256([]byte(cmdline)))
}

func setSection(uki *release.TPM2UKI, name string, digest release.Digest) {
	for i := range uki.Sections {
		if uki.Sections[i].Name == name {
			uki.Sections[i].Digest = digest
		}
	}
}

func TestCheckImageAccepts(t *testing.T) {
	for _, c := range []struct {
		name, file string
		change     func(*release.Image)
	}{
		{"os", "01.json", nil},
		{"model", "02.json", nil},
		{"adapter", "02.json", func(i *release.Image) { i.Kind = release.KindAdapter }},
		{"config", "02.json", func(i *release.Image) { i.Kind = release.KindConfig }},
		{"squashfs", "02.json", func(i *release.Image) { i.Measurements.Verity.FileSystem = "squashfs" }},
		{"model with oms", "02.json", func(i *release.Image) { i.Measurements.OMS = &release.OMS{} }},
		{"firmware", "02.json", func(i *release.Image) {
			i.Kind, i.Measurements = release.KindFirmware, release.Measurements{FirmwarePCRs: &release.FirmwarePCRs{}}
		}},
		{"ext4 as the root of an os", "01.json", func(i *release.Image) { i.Measurements.TPM2UKI.Root.FileSystem = "ext4" }},
		{"usrhash", "01.json", func(i *release.Image) {
			setCmdline(i, strings.Replace(i.Measurements.TPM2UKI.Cmdline, "roothash", "usrhash", 1))
		}},
		{"research os without measurements", "01.json", func(i *release.Image) {
			i.Mode, i.Measurements = release.ModeResearch, release.Measurements{}
		}},
		{"research os with a free command line", "01.json", func(i *release.Image) {
			i.Mode = release.ModeResearch
			setCmdline(i, "roothash="+i.Measurements.TPM2UKI.Root.RootHash+` init=/bin/sh x="a b" `+strings.Repeat("y", 3000))
		}},
		{"debug model of a plain directory", "02.json", func(i *release.Image) {
			i.Mode, i.Measurements = release.ModeDebug, release.Measurements{OMS: &release.OMS{}}
		}},
		{"debug model on ext4", "02.json", func(i *release.Image) {
			i.Mode, i.Measurements.Verity.FileSystem = release.ModeDebug, "ext4"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			image := exampleImage(t, c.file)
			if c.change != nil {
				c.change(image)
			}
			if err := release.CheckImage(image); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCheckImageRefuses(t *testing.T) {
	const tpm = "predicate.measurements.tpm2-uki/v1"
	cmdlineWith := func(word string) func(*release.Image) {
		return func(i *release.Image) { setCmdline(i, i.Measurements.TPM2UKI.Cmdline+" "+word) }
	}
	without := func(section string) func(*release.Image) {
		return func(i *release.Image) {
			uki := i.Measurements.TPM2UKI
			uki.Sections = slices.DeleteFunc(uki.Sections, func(s release.Section) bool { return s.Name == section })
		}
	}
	research := func(change func(*release.Image)) func(*release.Image) {
		return func(i *release.Image) { i.Mode = release.ModeResearch; change(i) }
	}
	for _, c := range []struct {
		name, file string
		change     func(*release.Image)
		code       release.Code
		member     string
	}{
		{"a kind that does not exist", "01.json", func(i *release.Image) { i.Kind = "kernel" }, release.CodeValue, "predicate.kind"},
		{"os as model", "01.json", func(i *release.Image) { i.Kind = release.KindModel }, release.CodeProfileKind, tpm},
		{"model as os", "02.json", func(i *release.Image) { i.Kind = release.KindOS }, release.CodeProfileKind, "predicate.measurements.verity/v1"},
		{"model as firmware", "02.json", func(i *release.Image) { i.Kind = release.KindFirmware }, release.CodeProfileKind, "predicate.measurements.verity/v1"},
		{"os with oms", "01.json", func(i *release.Image) { i.Measurements.OMS = &release.OMS{} }, release.CodeProfileKind, "predicate.measurements.oms/v1"},
		{"model with firmware", "02.json", func(i *release.Image) { i.Measurements.FirmwarePCRs = &release.FirmwarePCRs{} }, release.CodeProfileKind, "predicate.measurements.firmware-pcrs/v1"},
		{"research os as model", "01.json", research(func(i *release.Image) { i.Kind = release.KindModel }), release.CodeProfileKind, tpm},
		{"os without measurements", "01.json", func(i *release.Image) { i.Measurements.TPM2UKI = nil }, release.CodeProfileMissing, "predicate.measurements"},
		{"model without measurements", "02.json", func(i *release.Image) { i.Measurements.Verity = nil }, release.CodeProfileMissing, "predicate.measurements"},
		{"model with oms alone", "02.json", func(i *release.Image) { i.Measurements = release.Measurements{OMS: &release.OMS{}} }, release.CodeProfileMissing, "predicate.measurements"},
		{"config without measurements", "02.json", func(i *release.Image) { i.Kind = release.KindConfig; i.Measurements.Verity = nil }, release.CodeProfileMissing, "predicate.measurements"},
		{"firmware without measurements", "02.json", func(i *release.Image) { i.Kind = release.KindFirmware; i.Measurements.Verity = nil }, release.CodeProfileMissing, "predicate.measurements"},
		{"ext4", "02.json", func(i *release.Image) { i.Measurements.Verity.FileSystem = "ext4" }, release.CodeFileSystem, "predicate.measurements.verity/v1.fileSystem"},
		{"no .linux", "01.json", without(release.SectionLinux), release.CodeSectionMissing, tpm + ".sections"},
		{"no .cmdline", "01.json", without(release.SectionCmdline), release.CodeSectionMissing, tpm + ".sections"},
		{"no .initrd", "01.json", research(without(release.SectionInitrd)), release.CodeSectionMissing, tpm + ".sections"},
		{"another command line", "01.json", func(i *release.Image) { i.Measurements.TPM2UKI.Cmdline += " quiet" }, release.CodeCmdlineDigest, tpm + ".cmdline"},
		{"a section with a final NUL", "01.json", func(i *release.Image) {
			uki := i.Measurements.TPM2UKI
			setSection(uki, release.SectionCmdline, sha256.Sum256([]byte(uki.Cmdline+"\x00")))
		}, release.CodeCmdlineDigest, tpm + ".cmdline"},
		{"another command line in research", "01.json", research(func(i *release.Image) { i.Measurements.TPM2UKI.Cmdline += " quiet" }), release.CodeCmdlineDigest, tpm + ".cmdline"},
		{"another initrd", "01.json", func(i *release.Image) { i.Measurements.TPM2UKI.Initrd[0] ^= 1 }, release.CodeInitrdDigest, tpm + ".initrd"},
		{"another section .initrd", "01.json", research(func(i *release.Image) { setSection(i.Measurements.TPM2UKI, release.SectionInitrd, release.Digest{}) }), release.CodeInitrdDigest, tpm + ".initrd"},
		{"rules of no version", "01.json", func(i *release.Image) { i.Measurements.TPM2UKI.CmdlineRules = 2 }, release.CodeCmdlineRules, tpm + ".cmdlineRules"},
		{"rules of no version in research", "01.json", research(func(i *release.Image) { i.Measurements.TPM2UKI.CmdlineRules = 2 }), release.CodeCmdlineRules, tpm + ".cmdlineRules"},
		{"too long", "01.json", cmdlineWith(strings.Repeat("x", 2000)), release.CodeCmdlineLength, tpm + ".cmdline"},
		{"a quote", "01.json", cmdlineWith(`x="y"`), release.CodeCmdlineQuote, tpm + ".cmdline"},
		{"a forbidden key", "01.json", cmdlineWith("init=/bin/sh"), release.CodeCmdlineForbidden, tpm + ".cmdline"},
		{"a required word missing", "01.json", func(i *release.Image) {
			setCmdline(i, strings.Replace(i.Measurements.TPM2UKI.Cmdline, "noresume ", "", 1))
		}, release.CodeCmdlineRequired, tpm + ".cmdline"},
		{"two root hashes", "01.json", cmdlineWith("usrhash=" + testRootHash), release.CodeCmdlineRoot, tpm + ".cmdline"},
		{"no root hash in research", "01.json", research(func(i *release.Image) { setCmdline(i, "quiet") }), release.CodeCmdlineRoot, tpm + ".cmdline"},
		{"another root", "01.json", func(i *release.Image) { i.Measurements.TPM2UKI.Root.RootHash = strings.Repeat("0", 64) }, release.CodeRootHash, tpm + ".cmdline"},
		{"another root in research", "01.json", research(func(i *release.Image) { i.Measurements.TPM2UKI.Root.RootHash = strings.Repeat("0", 64) }), release.CodeRootHash, tpm + ".cmdline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			image := exampleImage(t, c.file)
			c.change(image)
			err := release.CheckImage(image)
			wantCode(t, err, c.code)
			if refusal, ok := err.(*release.Refusal); !ok || refusal.Member != c.member {
				t.Errorf("got %v, want member %s", err, c.member)
			}
		})
	}
}
