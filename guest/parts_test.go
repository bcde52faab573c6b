//go:build system

package guest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	// codename is the Debian release that the machine is made of, on every machine.
	codename = "bookworm"
	// archiveKeyring holds the only keys that its lists of packages may be signed by.
	archiveKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	// cache is what make clean removes.
	cache = "../.state/guest"
	// epoch is the time of every file in the root file system, in Unix seconds.
	epoch = "1700000000"
)

// rootPackages are unpacked into the root file system, with what they depend on.
var rootPackages = []string{"base-files", "base-passwd", "systemd", "udev"}

// parts are what is fetched: once, until make clean.
type parts struct {
	root   string // a tar archive of unpacked packages
	kernel string // the kernel's package, unpacked
}

// output runs a program and returns what it printed.
func output(t testing.TB, stdin string, environment []string, name string, arguments ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, arguments...)
	command.Env = append(append(os.Environ(), "LC_ALL=C"), environment...)
	command.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(arguments, " "), err, out, stderr.Bytes())
	}
	return out
}

// cached returns the path of what make builds, in the cache under a name and the
// digest of everything that it is built from. What an interrupted run left behind is
// never used: the name is given last.
func cached(t testing.TB, name string, inputs []string, build func(path string)) string {
	t.Helper()
	sum := sha256.New()
	for _, input := range inputs {
		fmt.Fprintf(sum, "%d:%s", len(input), input)
	}
	directory, err := filepath.Abs(cache)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, hex.EncodeToString(sum.Sum(nil)[:8])+"-"+name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	temporary, err := os.MkdirTemp(directory, "making-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temporary)
	build(filepath.Join(temporary, name))
	removeOld(t, directory, name)
	if err := os.Rename(filepath.Join(temporary, name), path); err != nil {
		t.Fatal(err)
	}
	return path
}

// keepFor is for how long what was built stays in the cache, at least. A run that
// still uses what another one replaces has ended long before.
const keepFor = 24 * time.Hour

// removeOld removes what was built under a name of other inputs.
func removeOld(t testing.TB, directory, name string) {
	t.Helper()
	others, err := filepath.Glob(filepath.Join(directory, "*-"+name))
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range others {
		info, err := os.Stat(other)
		if err != nil || time.Since(info.ModTime()) < keepFor {
			continue
		}
		if err := os.RemoveAll(other); err != nil {
			t.Fatal(err)
		}
	}
}

// sources lists where this machine's apt gets Debian from.
func sources(t testing.TB) string {
	t.Helper()
	listed := func() string {
		return string(output(t, "", nil, "apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages", "Origin: Debian"))
	}
	text := listed()
	if text == "" {
		output(t, "", nil, "apt-get", "--quiet", "update")
		text = listed()
	}
	if !strings.Contains(text, " "+codename+" ") {
		t.Fatalf("apt has no lists of Debian's %s, but of:\n%s", codename, text)
	}
	return text
}

// reaching are the settings of apt that say how this machine reaches Debian.
var reaching = regexp.MustCompile(`(?m)^Acquire::(?:https?::[A-Za-z0-9.:-]*(?:Proxy(?:-Auto-Detect)?|CaInfo)[A-Za-z0-9.:-]*|Check-Valid-Until|Check-Date) "[^"\n]*";$`)

func fetchParts(t testing.TB) parts {
	t.Helper()
	var p parts
	p.root = cached(t, "root.tar", append([]string{codename, epoch}, rootPackages...), func(path string) {
		// extract unpacks and runs nothing of the packages.
		arguments := []string{"--quiet", "--mode=root", "--variant=extract", "--include=" + strings.Join(rootPackages, ","),
			"--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", "--keyring=" + archiveKeyring}
		for _, setting := range reaching.FindAllString(string(output(t, "", nil, "apt-config", "dump", "Acquire")), -1) {
			arguments = append(arguments, "--aptopt="+setting)
		}
		output(t, sources(t), []string{"SOURCE_DATE_EPOCH=" + epoch}, "mmdebstrap", append(arguments, codename, path, "-")...)
	})
	p.kernel = cached(t, "kernel", []string{codename}, func(path string) {
		sources(t)
		depends := string(output(t, "", nil, "apt-cache", "depends", "linux-image-cloud-amd64"))
		name := regexp.MustCompile(`Depends: (linux-image-\S+)`).FindStringSubmatch(depends)
		if name == nil {
			t.Fatalf("linux-image-cloud-amd64 depends on no kernel:\n%s", depends)
		}
		command := exec.CommandContext(t.Context(), "apt-get", "--quiet", "download", name[1])
		command.Dir = filepath.Dir(path)
		if printed, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, printed)
		}
		output(t, "", nil, "dpkg-deb", "--extract", one(t, filepath.Join(command.Dir, "*.deb")), path)
	})
	return p
}

// one finds the one file of a pattern.
func one(t testing.TB, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: got %d files, want one: make clean, and again", pattern, len(found))
	}
	return found[0]
}

// binaries builds the programs: those that people run, and those of the guest.
func binaries(ctx context.Context, t testing.TB) string {
	t.Helper()
	directory := t.TempDir()
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", directory, "../cmd/...", "./answer", "./init", "./observe", "./ungated")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if printed, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, printed)
	}
	return directory
}
