package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// codename is the Debian release whose packages are used on every machine:
	// muster measure knows the rules of its systemd-stub, version 252.
	codename = "bookworm"
	// archiveKeyring holds the only keys that the packages' lists may be signed by.
	archiveKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
)

// unpacked are the programs that run as they lie below the state's directory.
var unpacked = []string{"mkfs.erofs", "swtpm"}

// parts are Debian's packages, unpacked.
type parts struct {
	tree     string   // where they are unpacked
	bin      string   // a directory of programs from them that run as they lie
	versions []string // "name version sha256" of each
	fetched  bool     // by this run
}

// kernel and stub find the files that go into the unified kernel image.
func (p *parts) kernel() (string, error) { return p.one("boot/vmlinuz-*-cloud-amd64") }
func (p *parts) stub() (string, error) {
	return p.one("usr/lib/systemd/boot/efi/linuxx64.efi.stub")
}

func (p *parts) one(pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(p.tree, pattern))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%s: got %d files, want one: remove %s and run the demo again", filepath.Join(p.tree, pattern), len(found), filepath.Dir(p.tree))
	}
	return found[0], nil
}

// debian fetches and unpacks the packages below directory, or finds them there.
// It needs no root: apt-get gets a configuration, state and cache of its own.
func debian(ctx context.Context, directory string) (*parts, error) {
	p := &parts{tree: filepath.Join(directory, "tree"), bin: filepath.Join(directory, "bin")}
	listed := filepath.Join(directory, "packages.txt")
	text, err := os.ReadFile(listed)
	if err == nil && p.complete() {
		p.versions = strings.Split(strings.TrimSpace(string(text)), "\n")
		return p, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// What an interrupted run left is not used, nor what lacks a program.
	if err := os.RemoveAll(directory); err != nil {
		return nil, err
	}
	a, err := newApt(ctx, filepath.Join(directory, "apt"))
	if err != nil {
		return nil, err
	}
	names, err := a.names(ctx)
	if err != nil {
		return nil, err
	}
	debs := filepath.Join(directory, "packages")
	if err := a.download(ctx, debs, names); err != nil {
		return nil, err
	}
	if p.versions, err = unpack(ctx, debs, p.tree); err != nil {
		return nil, err
	}
	if err := p.wrap(); err != nil {
		return nil, err
	}
	p.fetched = true
	// The lists of packages are large, and of today only.
	if err := os.RemoveAll(a.directory); err != nil {
		return nil, err
	}
	// Written last: it says that everything above is there.
	return p, os.WriteFile(listed, []byte(strings.Join(p.versions, "\n")+"\n"), 0o644)
}

// complete reports whether every program is there.
func (p *parts) complete() bool {
	for _, name := range unpacked {
		if _, err := os.Stat(filepath.Join(p.bin, name)); err != nil {
			return false
		}
	}
	return true
}

// unpack unpacks all packages of a directory and lists them.
func unpack(ctx context.Context, debs, tree string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return nil, err
	}
	var listed []string
	for _, file := range files {
		if _, err := output(ctx, nil, "dpkg-deb", "--extract", file, tree); err != nil {
			return nil, err
		}
		fields, err := output(ctx, nil, "dpkg-deb", "--showformat=${Package} ${Version}", "--show", file)
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		digest := sha256.Sum256(data)
		listed = append(listed, strings.TrimSpace(string(fields))+" "+hex.EncodeToString(digest[:]))
	}
	slices.Sort(listed)
	return listed, nil
}

// wrap writes scripts that run the unpacked programs with the libraries beside them.
func (p *parts) wrap() error {
	if err := os.MkdirAll(p.bin, 0o755); err != nil {
		return err
	}
	tree, err := filepath.Abs(p.tree)
	if err != nil {
		return err
	}
	var libraries []string
	for _, directory := range []string{"usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/swtpm"} {
		libraries = append(libraries, filepath.Join(tree, directory))
	}
	for _, name := range unpacked {
		script := fmt.Sprintf("#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s \"$@\"\n", shellQuote(strings.Join(libraries, ":")), shellQuote(filepath.Join(tree, "usr/bin", name)))
		if err := os.WriteFile(filepath.Join(p.bin, name), []byte(script), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// output runs a program of the system and returns what it printed.
func output(ctx context.Context, environment []string, name string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(append(os.Environ(), "LC_ALL=C"), environment...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}
