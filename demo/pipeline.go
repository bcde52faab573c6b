package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// rootHash finds the root hash that muster measure verity prints.
var rootHash = regexp.MustCompile(`root hash\s+([0-9a-f]{64})`)

func (d *demo) makeImages() error {
	init, err := os.ReadFile(filepath.Join(d.bin, "demo-init"))
	if err != nil {
		return err
	}
	d.say("The root file system holds one static Go program as /sbin/init. It is read-only, under a dm-verity hash tree: its root hash stands for every byte of it.")
	if err := makeRoot(d.path("ci", "root"), init); err != nil {
		return err
	}
	root, err := d.formatRoot("ci")
	if err != nil {
		return err
	}
	d.say("The unified kernel image joins systemd's stub, Debian's kernel, an initrd with the same program as /init, and a command line with that root hash and the words that production demands. The demo joins it itself and does not boot it.")
	if err := makeUKI(d.path("ci", "node.efi"), d.parts, root, init); err != nil {
		return err
	}
	d.output("cmdline: roothash="+root+" "+production, 1)
	d.say("The configuration says what a node runs. In life that program lies in the root file system; here it is the demo's own.")
	if err := d.makeConfig(); err != nil {
		return err
	}
	if d.model != "" {
		d.say("The model is yours: %s.", d.model)
		return d.findLinks()
	}
	d.model = d.path("ci", "model")
	d.say("The model is small and made here: real files of random numbers. With MODEL=DIR the demo takes one of yours.")
	return makeModel(d.model)
}

// formatRoot makes the image of the root file system in somebody's directory, with
// its hash tree, and returns the root hash.
func (d *demo) formatRoot(who string) (string, error) {
	if err := d.all(command{who: who, args: []string{"mkfs.erofs", "-T0", "-U" + rootUUID, "--all-root", "--quiet", "root.img", "root"}}); err != nil {
		return "", err
	}
	printed, err := d.do(command{who: who, args: []string{"muster", "measure", "verity", "root.img", "--format"}, lines: 5})
	if err != nil {
		return "", err
	}
	found := rootHash.FindStringSubmatch(printed)
	if found == nil {
		return "", errors.New("muster measure verity printed no root hash")
	}
	return found[1], nil
}

// modelArgument is the model's directory as ci names it.
func (d *demo) modelArgument() string {
	if d.model == d.path("ci", "model") {
		return "model"
	}
	return d.model
}

// findLinks looks for symbolic links in a given model. Model Signing refuses them
// unless told, and caches of models, such as Hugging Face's, are made of them.
func (d *demo) findLinks() error {
	return filepath.WalkDir(d.model, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type() == fs.ModeSymlink && !d.links {
			d.links = true
			d.say("It holds symbolic links: they are followed, as files of the model.")
		}
		return err
	})
}

func (d *demo) measure() error {
	d.say("Reference values are read out of the files, not out of a running machine. The model also becomes a read-only image, so that a node can prove which one it loaded.")
	model := []string{"muster", "measure", "model", d.modelArgument(), "--image", "model.img", "--out", "model.measurement.json"}
	if d.links {
		model = append(model, "--follow-symlinks=anywhere")
	}
	return d.all(
		command{who: "ci", args: []string{"muster", "measure", "os", "--uki", "node.efi", "--root", "root.img", "--out", "node-os.measurement.json"}, lines: 19},
		command{who: "ci", args: model, lines: 12},
		command{who: "ci", args: []string{"muster", "measure", "model", "config", "--kind", "config", "--image", "config.img", "--out", "config.measurement.json"}},
	)
}

func (d *demo) logImages() error {
	d.say("An image's statement names its measurements and where people can download it. The build machine signs alone: an image by itself is approved for nothing. The URLs end in .invalid; nobody serves these files.")
	for _, image := range []string{"node-os", "model", "config"} {
		if err := d.all(
			command{who: "ci", args: []string{"muster", "image", "create", "--measurement", image + ".measurement.json", "--product", product, "--name", image, "--version", "1.0", "--security-version", "1",
				"--url", "https://download.demo.invalid/", "--authority", "../mail/authority.json", "--out", image + ".json"}, lines: 8},
			command{who: "ci", args: []string{"muster", "image", "sign", image + ".json", "--key", "image.key"}},
			command{who: "ci", args: []string{"cp", image + ".json", "../mail/images/" + image + ".json"}},
			command{who: "ci", args: []string{"muster", "image", "submit", image + ".json", "--log", d.url("log"), "--policy", "../public/log.policy"}, lines: 8, want: submitted},
		); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) signRelease() error {
	d.say("A release says: this system with this model, together, in this channel, until then. Alice drafts it and mails the draft; whoever signs sees in words what it states, and sends back a small file with a signature.")
	if err := d.all(
		command{who: "alice", args: []string{"muster", "release", "create", "--product", product, "--channel", channel, "--version", "1.0", "--image", "../mail/images/node-os.json", "--image", "../mail/images/model.json", "--image", "../mail/images/config.json",
			"--authority", "../mail/authority.json", "--out", "../mail/release.json"}, lines: 12},
		command{who: "alice", args: []string{"muster", "release", "sign", "../mail/release.json", "--key", "release.key", "--detached", "--out", "../mail/release.alice.sig"}},
		command{who: "alice", args: []string{"muster", "release", "attach", "../mail/release.json", "../mail/release.alice.sig"}},
		command{who: "alice", args: []string{"muster", "release", "status", "../mail/release.json", "--authority", "../mail/authority.json", "--names", "../mail"}, exit: 1, lines: 8, want: notComplete},
		command{who: "bob", args: []string{"muster", "release", "sign", "../mail/release.json", "--key", "release.key", "--detached", "--out", "../mail/release.bob.sig", "--images", "../mail/images", "--names", "../mail"}, lines: 20},
		command{who: "alice", args: []string{"muster", "release", "attach", "../mail/release.json", "../mail/release.bob.sig"}},
		command{who: "alice", args: []string{"muster", "release", "status", "../mail/release.json", "--authority", "../mail/authority.json", "--names", "../mail"}, lines: 8, want: complete},
	); err != nil {
		return err
	}
	count, err := d.keysStayed()
	if err != nil {
		return err
	}
	d.held("two of three signed, and each of the %d private keys is still in the one place where it was made", count)
	return nil
}

// keysStayed checks that no private key of a person, of the build machine or of the release team is
// in any file but its own, and counts them.
func (d *demo) keysStayed() (int, error) {
	secrets := map[string][]byte{}
	for _, who := range append([]string{"ci", "rollteam"}, people...) {
		found, err := filepath.Glob(d.path(who, "*.key"))
		if err != nil {
			return 0, err
		}
		for _, path := range found {
			text, err := os.ReadFile(path)
			if err != nil {
				return 0, err
			}
			// The line between those of PEM is the key itself.
			lines := strings.Split(string(text), "\n")
			if len(lines) < 3 || len(lines[1]) < 40 {
				return 0, fmt.Errorf("%s is not a PEM file", path)
			}
			secrets[path] = []byte(lines[1])
		}
	}
	if want := 2 + 2*len(people); len(secrets) != want {
		return 0, fmt.Errorf("found %d private keys, want %d", len(secrets), want)
	}
	return len(secrets), filepath.WalkDir(d.run, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		// Keys are in no large file: those are images.
		if info, err := entry.Info(); err != nil || info.Size() > 1<<20 {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for own, secret := range secrets {
			if path != own && bytes.Contains(data, secret) {
				return fmt.Errorf("the private key %s is in %s, too", own, path)
			}
		}
		return nil
	})
}

func (d *demo) submitRelease() error {
	d.say("The log checks the signatures against the authority, appends, has the witnesses cosign, and answers with a proof, which muster verifies before it says submitted.")
	var err error
	d.first, err = d.submit(command{who: "alice", args: d.online("muster", "release", "submit", "../mail/release.json", "--proof", "../public/release.tlog-proof"), lines: 12})
	return err
}
