//go:build system

package guest_test

import (
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/release/build"
)

// ovmf is the firmware: EDK II's build for virtual machines that keeps the variables
// of Secure Boot from whoever runs in the machine.
const ovmf = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"

// observeFirmware boots the machine once with a program that does nothing but hand out
// the firmware's event log, and returns its file. The same firmware on the same machine
// measures the same, so it is done once.
func observeFirmware(t testing.TB, m machine, p parts, program string) string {
	t.Helper()
	emulator := output(t, "", nil, "qemu-system-x86_64", "--version")
	return cached(t, "event.log", []string{"1", fileDigest(t, ovmf), string(emulator), processors, megabytes, fileDigest(t, m.keys.certificate)}, func(path string) {
		files := []build.File{{Name: "dev", Mode: fs.ModeDir | 0o755}, executable(t, "init", program), {Name: "sys", Mode: fs.ModeDir | 0o755}}
		uki := path + ".efi"
		unifiedKernel(t, uki, p, m.keys, "quiet"+console, archive(t, files))
		m.disks = []disk{{"esp", path + ".esp"}}
		bootPartition(t, m.disks[0].file, map[string]string{bootFile: uki})
		m.firmware = []string{"-serial", "file:" + path + ".pem"}
		r := m.start(t)
		r.awaitOff()
		text, err := os.ReadFile(path + ".pem")
		if err != nil {
			t.Fatal(err)
		}
		if block, _ := pem.Decode(text); block != nil {
			write(t, path, block.Bytes)
			return
		}
		t.Fatalf("the machine handed out no event log, but %q; its console:\n%s", text, r.printed())
	})
}

// measureFirmware states what the machine's firmware measures, as an image of kind
// firmware that a release can name.
func (p *publisher) measureFirmware(name, eventLog string) {
	p.t.Helper()
	log := filepath.Join(p.path, name+".event.log")
	data, err := os.ReadFile(eventLog)
	if err != nil {
		p.t.Fatal(err)
	}
	write(p.t, log, data)
	p.muster("measure", "firmware", log, "--image", ovmf, "--out", name+".measurement.json")
	p.logImage(name)
}
