//go:build system

package guest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/node/images/devicemapper"
	"github.com/muster-log/muster/release/measure"
)

// builder makes releases, and the files of machines that run them.
type builder struct {
	*publisher
	programs string // the directory of all programs
	keys     secureBoot
	parts    parts
	module   trustedModule
	step     func(what string) // logs how long a step took
}

// system is an operating system that was built, measured and logged.
type system struct {
	root    string // the image of the root file system
	uki     string // the unified kernel image, signed for Secure Boot
	cmdline string
}

// newBuilder starts the publisher's log. Its directory holds the files of everything.
func newBuilder(t testing.TB) *builder {
	t.Helper()
	began := time.Now()
	b := &builder{step: func(what string) {
		t.Logf("%-32s %5.1f s", what, time.Since(began).Seconds())
		began = time.Now()
	}}
	b.programs = binaries(t.Context(), t)
	b.step("programs")
	b.parts = fetchParts(t)
	b.step("Debian's packages")
	b.keys = newSecureBoot(t)
	b.module = newTrustedModule(t)
	b.step("keys and TPM")
	b.publisher = newPublisher(t, b.programs)
	b.requirements(b.module.root)
	b.step("log and witnesses")
	b.measureFirmware("firmware", observeFirmware(t, machine{keys: b.keys, module: b.module}, b.parts, filepath.Join(b.programs, "observe")))
	b.step("firmware")
	return b
}

// system builds, measures and logs an operating system.
func (b *builder) system(name string, c content) system {
	b.t.Helper()
	for i, program := range c.programs {
		c.programs[i] = filepath.Join(b.programs, program)
	}
	s := system{root: rootImage(b.t, b.parts, c), uki: filepath.Join(b.path, name+".efi")}
	verity, err := measure.Verity(b.t.Context(), measure.VerityOptions{Image: s.root, Offset: measure.FindOffset}, progress.None())
	if err != nil {
		b.t.Fatal(err)
	}
	v := verity.Measurement
	checker := ""
	if c.checked {
		checker = filepath.Join(b.programs, "muster-node")
	}
	start := initrd(b.t, b.parts, filepath.Join(b.programs, "init"), checker,
		devicemapper.Verity{Salt: v.Salt, DataBlockSize: v.DataBlockSize, HashBlockSize: v.HashBlockSize, DataBlocks: v.DataBlocks, HashOffset: v.HashOffset},
		map[string][]byte{"log.policy": b.file("log/log.policy"), "requirements.json": b.file("requirements.json")})
	s.cmdline = "roothash=" + v.RootHash + " " + production + console
	unifiedKernel(b.t, s.uki, b.parts, b.keys, s.cmdline, start)
	b.muster("measure", "os", "--uki", s.uki, "--root", s.root, "--out", name+".measurement.json")
	b.logImage(name)
	b.step(name)
	return s
}

// image makes, measures and logs an image of a kind that nodes load, of files by
// their names, and returns its path.
func (b *builder) image(kind, name string, files map[string][]byte) string {
	b.t.Helper()
	if err := os.Mkdir(filepath.Join(b.path, name), 0o755); err != nil {
		b.t.Fatal(err)
	}
	for file, data := range files {
		write(b.t, filepath.Join(b.path, name, file), data)
	}
	b.muster("measure", "model", name, "--kind", kind, "--image", name+".img", "--out", name+".measurement.json")
	b.logImage(name)
	return filepath.Join(b.path, name+".img")
}

// The work of the release, how it is started, and what it works with.
var (
	weights = []byte(strings.Repeat("weights ", 1<<17))
	command = []byte(`{"arguments":["-listen","127.0.0.1:8080","-model","/run/muster/images/model/model"],"command":"/usr/bin/answer","environment":{},"gid":65534,"uid":65534}`)
)

// machine is a computer with the disks of a release. What lies on those of bundle and
// issuers, nothing vouches for.
func (b *builder) machine(s system, bundle []byte, images map[string]string) machine {
	b.t.Helper()
	directory := b.t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(directory, name)
		write(b.t, path, append(bytes.Clone(data), make([]byte, 512-len(data)%512)...))
		return path
	}
	esp := filepath.Join(directory, "esp.img")
	bootPartition(b.t, esp, map[string]string{bootFile: s.uki})
	m := machine{keys: b.keys, module: b.module, disks: []disk{{"esp", esp}, {"root", s.root}, {"bundle", file("bundle", bundle)}, {"issuers", file("issuers", b.module.issuers)}}}
	for serial, image := range images {
		m.disks = append(m.disks, disk{serial, image})
	}
	return m
}

// bootFile is what firmware starts from a boot partition.
const bootFile = "EFI/BOOT/BOOTX64.EFI"
