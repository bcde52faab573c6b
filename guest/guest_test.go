//go:build system

package guest_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ungatedUnit runs the attacker's node once the system is up.
const ungatedUnit = `[Unit]
Description=node of an attacker
[Service]
ExecStart=/usr/bin/ungated
StandardOutput=journal+console
StandardError=journal+console
`

// TestGuest boots the machine that was released, and what attackers make of it.
func TestGuest(t *testing.T) {
	b := newBuilder(t)
	evil := b.system("ungated-os", content{programs: []string{"ungated"}, units: map[string]string{"node.service": ungatedUnit}})
	disks := map[string]string{
		"config": b.image("config", "config", map[string][]byte{"muster-command.json": command}),
		"model":  b.image("model", "model", map[string][]byte{"weights.bin": weights}),
	}
	b.step("model and config")
	release := b.release("ungated", "config", "firmware", "model", "ungated-os")
	b.startRoll()
	bundle := b.bundle(release)
	b.step("released")
	ungated := b.machine(evil, bundle, disks)

	// The host offers a credential besides, which no register shows: the image does not
	// take it. An image that would is refused below.
	t.Run("released", func(t *testing.T) {
		t.Parallel()
		m := ungated
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
		r.awaitConsole("config config is opened")
	})

	t.Run("credentials are imported", func(t *testing.T) {
		t.Parallel()
		cmdline := strings.Replace(evil.cmdline, "systemd.import_credentials=no ", "", 1)
		unifiedKernel(t, filepath.Join(b.path, "importing.efi"), b.parts, b.keys, cmdline, []byte("an initrd"))
		printed, err := b.execute("muster", "measure", "os", "--uki", "importing.efi", "--root", evil.root, "--out", "importing.json")
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
		e := ungated.withBootPartition(t, b.loaderInFront(t, evil)).start(t).evidence()
		e.checkHonestTPM(t)
		b.record(t, "loader-in-front", e)
		if found := e.differing(t); !slices.Equal(found, []int{4, 12}) {
			t.Errorf("registers %v show the loader", found)
		}
	})

	// With Secure Boot off, the stub passes the loader's words on to the kernel.
	t.Run("loader in front without Secure Boot", func(t *testing.T) {
		t.Parallel()
		m := ungated.withBootPartition(t, b.loaderInFront(t, evil))
		m.keys.variables = noVariables
		r := m.start(t)
		e := r.evidence()
		e.checkHonestTPM(t)
		b.record(t, "loader-in-front-without-secure-boot", e)
		if found := e.differing(t); !slices.Equal(found, []int{4, 9, 12}) {
			t.Errorf("registers %v show the loader", found)
		}
		r.awaitConsole("Started debug-shell.service")
	})

	// With it on, nothing starts that the owner of the machine did not sign.
	t.Run("not signed", func(t *testing.T) {
		t.Parallel()
		r := ungated.withBootPartition(t, map[string]string{bootFile: evil.uki + ".unsigned"}).start(t)
		r.awaitConsole("Access Denied")
		if strings.Contains(r.printed(), "init:") {
			t.Error("the image is started")
		}
	})

	// A credential beside the image is handed to systemd with the initrd.
	t.Run("credential on the boot partition", func(t *testing.T) {
		t.Parallel()
		credential := filepath.Join(t.TempDir(), "tmpfiles.extra.cred")
		write(t, credential, []byte("f /run/evil 0644 root root - evil\n"))
		e := ungated.withBootPartition(t, map[string]string{bootFile: evil.uki, bootFile + ".extra.d/tmpfiles.extra.cred": credential}).start(t).evidence()
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
			r := ungated.withAltered(t, serial).start(t)
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

// loaderInFront are the files of a boot partition whose firmware starts systemd-boot.
func (b *builder) loaderInFront(t testing.TB, s system) map[string]string {
	t.Helper()
	loader := filepath.Join(t.TempDir(), "loader.efi")
	sign(t, b.keys, "/usr/lib/systemd/boot/efi/systemd-bootx64.efi", loader)
	entry := filepath.Join(t.TempDir(), "entry.conf")
	write(t, entry, []byte("title evil\nefi /EFI/node.efi\noptions "+s.cmdline+" systemd.debug_shell\n"))
	return map[string]string{bootFile: loader, "EFI/node.efi": s.uki, "loader/entries/evil.conf": entry}
}

// withAltered is the machine with one bit changed in every 16 KiB of a disk's data.
func (m machine) withAltered(t testing.TB, serial string) machine {
	t.Helper()
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
func (m machine) withBootPartition(t testing.TB, files map[string]string) machine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "esp.img")
	bootPartition(t, path, files)
	m.disks = slices.Clone(m.disks)
	m.disks[0].file = path
	return m
}
