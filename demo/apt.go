package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// apt is apt-get with a configuration, state and cache of its own. It reads
// nothing of this machine's but how to reach Debian, changes nothing of it, and
// runs no hooks. Signatures are checked as always, with Debian's archive keys only.
type apt struct {
	environment []string
	directory   string
}

// newApt writes the configuration and updates the lists of packages.
func newApt(ctx context.Context, directory string) (*apt, error) {
	for _, program := range []string{"apt-get", "apt-cache", "apt-config", "dpkg", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("no %s: the demo takes its kernel from Debian and needs a Debian machine", program)
		}
	}
	if architecture, err := output(ctx, nil, "dpkg", "--print-architecture"); err != nil || strings.TrimSpace(string(architecture)) != "amd64" {
		return nil, fmt.Errorf("architecture %q, want amd64: the demo joins an x86-64 kernel (%v)", strings.TrimSpace(string(architecture)), err)
	}
	if _, err := os.Stat(archiveKeyring); err != nil {
		return nil, fmt.Errorf("%w: install debian-archive-keyring", err)
	}
	absolute, err := filepath.Abs(directory)
	if err != nil {
		return nil, err
	}
	a := &apt{directory: absolute, environment: []string{"APT_CONFIG=" + filepath.Join(absolute, "apt.conf")}}
	for _, name := range []string{"state/lists/partial", "cache/archives/partial", "sources"} {
		if err := os.MkdirAll(filepath.Join(absolute, name), 0o755); err != nil {
			return nil, err
		}
	}
	sources, err := machineSources("/etc/apt")
	if err != nil {
		return nil, err
	}
	dumped, err := output(ctx, nil, "apt-config", "dump", "Acquire")
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"status":                 "", // nothing is installed, as far as this apt-get knows
		"sources/debian.sources": sources,
		"apt.conf":               a.configuration() + reach(string(dumped)),
	} {
		if err := os.WriteFile(filepath.Join(absolute, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if _, err := output(ctx, a.environment, "apt-get", "--quiet", "update"); err != nil {
		return nil, err
	}
	return a, a.checkOrigin(ctx)
}

// configuration is APT_CONFIG, which apt reads before the directories that it
// then does not read.
func (a *apt) configuration() string {
	var text strings.Builder
	for _, setting := range [][2]string{
		{"Dir::State", a.directory + "/state"},
		{"Dir::State::status", a.directory + "/status"},
		{"Dir::Cache", a.directory + "/cache"},
		{"Dir::Etc::main", "/dev/null"},
		{"Dir::Etc::parts", "/dev/null"},
		{"Dir::Etc::sourcelist", "/dev/null"},
		{"Dir::Etc::sourceparts", a.directory + "/sources"},
		{"Dir::Etc::preferences", "/dev/null"},
		{"Dir::Etc::preferencesparts", "/dev/null"},
		{"Dir::Etc::trusted", "/dev/null"},
		{"Dir::Etc::trustedparts", "/dev/null"},
		{"Acquire::Languages", "none"},
		{"APT::Update::Error-Mode", "any"}, // a list that cannot be fetched is a failure
	} {
		fmt.Fprintf(&text, "%s %q;\n", setting[0], setting[1])
	}
	if os.Geteuid() == 0 {
		// The user _apt, which root's apt-get downloads as, may not enter here.
		text.WriteString("APT::Sandbox::User \"root\";\n")
	}
	return text.String()
}

// reaching are the settings that say how this machine reaches Debian: proxies, and
// whether its mirror and its clock are those of today. None is about signatures.
var reaching = regexp.MustCompile(`(?m)^Acquire::(?:https?::[A-Za-z0-9.:-]*(?:Proxy(?:-Auto-Detect)?|CaInfo)[A-Za-z0-9.:-]*|Check-Valid-Until|Check-Date) "[^"\n]*";$`)

// reach keeps those settings of an apt-config dump.
func reach(dump string) string {
	return strings.Join(append(reaching.FindAllString(dump, -1), ""), "\n")
}

// checkOrigin refuses lists that do not say of themselves that they are Debian's.
func (a *apt) checkOrigin(ctx context.Context) error {
	origins, err := output(ctx, a.environment, "apt-get", "indextargets", "--format", "$(ORIGIN)", "Created-By: Packages")
	if err != nil {
		return err
	}
	found := strings.Fields(string(origins))
	if len(found) == 0 || slices.ContainsFunc(found, func(origin string) bool { return origin != "Debian" }) {
		return fmt.Errorf("lists of packages from %q, want Debian", found)
	}
	return nil
}

// names finds the packages: the kernel of today, the stub, and mkfs.erofs and swtpm
// with the libraries that a machine may lack.
func (a *apt) names(ctx context.Context) ([]string, error) {
	kernel, err := a.depends(ctx, "linux-image-cloud-amd64")
	if err != nil {
		return nil, err
	}
	kernel = slices.DeleteFunc(kernel, func(name string) bool { return !strings.HasPrefix(name, "linux-image-") })
	if len(kernel) != 1 {
		return nil, fmt.Errorf("linux-image-cloud-amd64 depends on the kernels %q, want one", kernel)
	}
	names := append(kernel, "systemd-boot-efi")
	first := len(names)
	names = append(names, "erofs-utils", "swtpm")
	// The C library is on every machine; another one cannot be mixed in. Of OpenSSL
	// the library is used, and not the program.
	skip := []string{"libc6", "libgcc-s1", "gcc-12-base", "libcrypt1", "openssl"}
	for at := first; at < len(names); at++ {
		libraries, err := a.depends(ctx, names[at])
		if err != nil {
			return nil, err
		}
		for _, name := range libraries {
			if !slices.Contains(skip, name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// depends lists what a package depends on.
func (a *apt) depends(ctx context.Context, name string) ([]string, error) {
	text, err := output(ctx, a.environment, "apt-cache", "depends", "--no-pre-depends", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", name)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if dependency, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok {
			names = append(names, dependency)
		}
	}
	return names, nil
}

// download fetches the newest version of each package into a directory.
func (a *apt) download(ctx context.Context, into string, names []string) error {
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "apt-get", append([]string{"--quiet", "download"}, names...)...)
	command.Dir = into
	command.Env = append(os.Environ(), a.environment...)
	if printed, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get download %s: %w\n%s", strings.Join(names, " "), err, printed)
	}
	return nil
}
