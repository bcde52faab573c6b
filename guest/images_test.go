//go:build system

package guest_test

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/node/images/devicemapper"
	"github.com/muster-log/muster/release/build"
	"github.com/muster-log/muster/release/measure"
)

const (
	// stub is systemd's, of Debian's package systemd-boot-efi.
	stub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
	// production are the words that an image of mode production must have, besides
	// its root hash.
	production = "systemd.import_credentials=no systemd.gpt_auto=0 rd.systemd.gpt_auto=0 rd.shell=0 rd.emergency=halt noresume lockdown=confidentiality module.sig_enforce=1"
	console    = " console=ttyS0 panic=-1"
	osRelease  = "ID=muster-guest\nNAME=\"Muster guest\"\nVERSION_ID=1\n"
)

// modules are loaded by the initrd, with those that they need before them. They are
// all that the machine ever loads: the root file system has none.
var modules = []string{"virtio_pci", "virtio_blk", "virtio_net", "dm-verity", "erofs", "autofs4", "efivarfs"}

// masked are units that would fail, wait, or measure: without systemd-pcrphase the
// list of phases is empty.
var masked = []string{"systemd-pcrphase.service", "systemd-pcrphase-sysinit.service", "systemd-pcrphase-initrd.service", "getty-static.service", "getty@.service", "serial-getty@.service",
	"systemd-hwdb-update.service", "systemd-journal-catalog-update.service", "systemd-update-done.service", "systemd-firstboot.service", "systemd-machine-id-commit.service",
	"systemd-random-seed.service", "systemd-timesyncd.service", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "systemd-journal-flush.service"}

// content is what one operating system has besides Debian's packages.
type content struct {
	programs []string          // files, for /usr/bin
	units    map[string]string // text by name: all are started
	etc      map[string]string // text of further files by their path below /etc
	checked  bool              // the initrd has muster-node check the machine
}

// rootImage makes the root file system under dm-verity of the packages and c.
func rootImage(t testing.TB, p parts, c content) string {
	t.Helper()
	inputs := []string{"2", fileDigest(t, p.root), strings.Join(masked, " ")}
	for _, program := range c.programs {
		inputs = append(inputs, program[strings.LastIndex(program, "/")+1:], fileDigest(t, program))
	}
	for _, texts := range []map[string]string{c.units, c.etc} {
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			inputs = append(inputs, name, texts[name])
		}
	}
	return cached(t, "root.img", inputs, func(path string) {
		tree := path + ".tree"
		if err := os.Mkdir(tree, 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(tree)
		output(t, "", nil, "tar", "--extract", "--numeric-owner", "--file", p.root, "--directory", tree)
		for _, unneeded := range []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/i18n", "var"} {
			if err := os.RemoveAll(filepath.Join(tree, unneeded)); err != nil {
				t.Fatal(err)
			}
		}
		etc := filepath.Join(tree, "etc")
		for _, name := range []string{"passwd", "group"} {
			master, err := os.ReadFile(filepath.Join(tree, "usr/share/base-passwd", name+".master"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(etc, name), master)
		}
		output(t, "", nil, "systemd-sysusers", "--root="+tree)
		// Files that it makes, and dates, are not for the image.
		for _, name := range []string{"passwd-", "group-", "shadow", "shadow-", "gshadow", "gshadow-", ".pwd.lock"} {
			os.Remove(filepath.Join(etc, name))
		}
		for _, directory := range []string{"dev", "proc", "sys", "run", "var", "tmp", "etc/systemd/system/multi-user.target.wants", "etc/systemd/system-generators", "etc/systemd/network"} {
			if err := os.MkdirAll(filepath.Join(tree, directory), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		write(t, filepath.Join(etc, "machine-id"), nil)
		write(t, filepath.Join(etc, "hostname"), []byte("guest\n"))
		write(t, filepath.Join(etc, "fstab"), []byte("tmpfs /tmp tmpfs defaults 0 0\ntmpfs /var tmpfs defaults,mode=0755 0 0\n"))
		write(t, filepath.Join(etc, "systemd/network/10-guest.network"), []byte("[Match]\nType=ether\n[Network]\nAddress=10.0.2.15/24\n"))
		for name, text := range c.etc {
			if err := os.MkdirAll(filepath.Join(etc, filepath.Dir(name)), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(etc, name), []byte(text))
		}
		links := map[string]string{
			"systemd/system/default.target":                                   "/usr/lib/systemd/system/multi-user.target",
			"systemd/system/multi-user.target.wants/systemd-networkd.service": "/usr/lib/systemd/system/systemd-networkd.service",
			"systemd/system-generators/systemd-veritysetup-generator":         "/dev/null",
			"systemd/system-generators/systemd-getty-generator":               "/dev/null",
			"os-release": "../usr/lib/os-release",
		}
		for name, text := range c.units {
			write(t, filepath.Join(etc, "systemd/system", name), []byte(text))
			links["systemd/system/multi-user.target.wants/"+name] = "/etc/systemd/system/" + name
		}
		for _, name := range masked {
			links["systemd/system/"+name] = "/dev/null"
		}
		for name, target := range links {
			os.Remove(filepath.Join(etc, name))
			if err := os.Symlink(target, filepath.Join(etc, name)); err != nil {
				t.Fatal(err)
			}
		}
		for _, program := range c.programs {
			data, err := os.ReadFile(program)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(tree, "usr/bin", filepath.Base(program)), data, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		verityImage(t, tree, path, "-zlz4")
	})
}

// verityImage makes an erofs image of a directory, with its hash tree behind it.
func verityImage(t testing.TB, tree, path string, options ...string) {
	t.Helper()
	arguments := append([]string{"-T" + epoch, "-U6d757374-6572-4d65-8067-756573740001", "--all-root", "--quiet"}, options...)
	output(t, "", nil, "mkfs.erofs", append(arguments, path, tree)...)
	if _, err := measure.FormatVerity(t.Context(), measure.FormatOptions{Image: path, Salt: []byte("a salt for tests")}, progress.None()); err != nil {
		t.Fatal(err)
	}
}

func fileDigest(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

// initrd makes the initial file system: init, the program that checks the machine
// unless it is empty, modules, the parameters of the root, and the trust that the
// machine itself has.
func initrd(t testing.TB, p parts, init, checker string, root devicemapper.Verity, trust map[string][]byte) []byte {
	t.Helper()
	parameters, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	files := []build.File{{Name: "dev", Mode: fs.ModeDir | 0o755},
		{Name: "dev/console", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o600, Major: 5, Minor: 1},
		executable(t, "init", init)}
	if checker != "" {
		files = append(files, executable(t, "muster-node", checker))
	}
	for _, name := range []string{"modules", "proc", "run", "sys", "sysroot", "trust"} {
		files = append(files, build.File{Name: name, Mode: fs.ModeDir | 0o755})
	}
	for i, module := range modulesInOrder(t, p.kernel) {
		data, err := os.ReadFile(module)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, build.File{Name: fmt.Sprintf("modules/%02d-%s", i, filepath.Base(module)), Mode: 0o444, Data: data})
	}
	files = append(files, build.File{Name: "root.json", Mode: 0o444, Data: parameters})
	for _, name := range slices.Sorted(maps.Keys(trust)) {
		files = append(files, build.File{Name: "trust/" + name, Mode: 0o444, Data: trust[name]})
	}
	return archive(t, files)
}

// archive packs files as the kernel unpacks them.
func archive(t testing.TB, files []build.File) []byte {
	t.Helper()
	packed, err := build.CPIO(files)
	if err != nil {
		t.Fatal(err)
	}
	return output(t, string(packed), nil, "zstd", "--quiet", "-3", "--stdout", "--single-thread")
}

// executable is a program as a file of an archive.
func executable(t testing.TB, name, path string) build.File {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return build.File{Name: name, Mode: 0o755, Data: data}
}

// modulesInOrder finds the files of the modules, each behind those it depends on.
func modulesInOrder(t testing.TB, kernel string) []string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(filepath.Join(kernel, "lib/modules"), func(path string, _ fs.DirEntry, err error) error {
		if name, is := strings.CutSuffix(filepath.Base(path), ".ko"); is {
			files[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	var add func(name string)
	add = func(name string) {
		path, there := files[strings.ReplaceAll(name, "-", "_")]
		if !there {
			t.Fatalf("the kernel's package has no module %s", name)
		}
		if slices.Contains(order, path) {
			return
		}
		for _, needed := range dependencies(t, path) {
			add(needed)
		}
		order = append(order, path)
	}
	for _, name := range modules {
		add(name)
	}
	return order
}

// dependencies reads what a module says it needs.
func dependencies(t testing.TB, path string) []string {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	section := file.Section(".modinfo")
	if section == nil {
		t.Fatalf("%s has no section .modinfo", path)
	}
	data, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	var needed []string
	for word := range bytes.SplitSeq(data, []byte{0}) {
		if list, is := strings.CutPrefix(string(word), "depends="); is && list != "" {
			needed = append(needed, strings.Split(list, ",")...)
		}
	}
	return needed
}

// unifiedKernel joins a unified kernel image for a root, and signs it for Secure Boot.
func unifiedKernel(t testing.TB, path string, p parts, keys secureBoot, cmdline string, initrd []byte) {
	t.Helper()
	stub, err := os.ReadFile(stub)
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := os.ReadFile(one(t, filepath.Join(p.kernel, "boot/vmlinuz-*")))
	if err != nil {
		t.Fatal(err)
	}
	image, err := build.UKI(stub, []build.Section{
		{Name: ".osrel", Data: []byte(osRelease)},
		{Name: ".cmdline", Data: []byte(cmdline)},
		{Name: ".initrd", Data: initrd},
		{Name: ".linux", Data: kernel},
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+".unsigned", image)
	sign(t, keys, path+".unsigned", path)
}

// sign signs an EFI program for Secure Boot.
func sign(t testing.TB, keys secureBoot, program, signed string) {
	t.Helper()
	output(t, "", nil, "sbsign", "--key", keys.key, "--cert", keys.certificate, "--output", signed, program)
}

// bootPartition makes a FAT image of files by their paths.
func bootPartition(t testing.TB, path string, files map[string]string) {
	t.Helper()
	size := int64(4 << 20)
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size() + 64<<10
	}
	write(t, path, nil)
	if err := os.Truncate(path, size&^(1<<20-1)); err != nil {
		t.Fatal(err)
	}
	output(t, "", nil, "mkfs.vfat", "-i", "6d757374", path)
	made := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		parts := strings.Split(name, "/")
		for n := 1; n < len(parts); n++ {
			if directory := strings.Join(parts[:n], "/"); !made[directory] {
				made[directory] = true
				output(t, "", nil, "mmd", "-i", path, "::/"+directory)
			}
		}
		output(t, "", nil, "mcopy", "-i", path, files[name], "::/"+name)
	}
}
