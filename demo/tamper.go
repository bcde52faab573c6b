package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func (d *demo) refuseChangedBundle() error {
	d.say("Somebody on the way changes the release in the bundle: a single byte, in the middle of its base64.")
	data, err := os.ReadFile(d.path("client", "release.muster"))
	if err != nil {
		return err
	}
	changed, at, err := changeEntry(data)
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.path("client", "changed.muster"), changed, 0o644); err != nil {
		return err
	}
	d.output(fmt.Sprintf("byte %d: %q became %q, in changed.muster", at, data[at], changed[at]), 1)
	if err := d.all(verifyCommand("changed.muster", "requirements.json", 1, failsInclusion, refusals)); err != nil {
		return err
	}
	d.held("refused")
	return nil
}

// changeEntry changes one byte in the middle of the last envelope of a bundle, so
// that the bundle keeps its form: another letter of the base64.
func changeEntry(bundle []byte) (changed []byte, at int, err error) {
	envelopes, err := envelopesOf(bundle)
	if err != nil {
		return nil, 0, err
	}
	last := base64.StdEncoding.EncodeToString(envelopes[len(envelopes)-1])
	at = strings.Index(string(bundle), last) + len(last)/2
	changed = []byte(string(bundle))
	changed[at] = 'A'
	if bundle[at] == 'A' {
		changed[at] = 'B'
	}
	return changed, at, nil
}

// envelopesOf reads the entries out of a bundle.
func envelopesOf(bundle []byte) ([][]byte, error) {
	var parsed struct {
		Entries []struct {
			Envelope []byte `json:"envelope"`
		} `json:"entries"`
	}
	if err := json.Unmarshal(bundle, &parsed); err != nil {
		return nil, err
	}
	if len(parsed.Entries) == 0 {
		return nil, errors.New("the bundle holds no entry")
	}
	var envelopes [][]byte
	for _, entry := range parsed.Entries {
		envelopes = append(envelopes, entry.Envelope)
	}
	return envelopes, nil
}

func (d *demo) refuseChangedImage() error {
	d.say("Somebody changes one bit of /sbin/init in the root file system, and ships it with the kernel image as it was. Measured again, data and hash tree contradict each other.")
	image, err := os.ReadFile(d.path("ci", "root.img"))
	if err != nil {
		return err
	}
	init, err := os.ReadFile(filepath.Join(d.bin, "demo-init"))
	if err != nil {
		return err
	}
	at, err := findFile(image, init)
	if err != nil {
		return err
	}
	image[at] ^= 1
	if err := os.WriteFile(d.path("client", "changed.img"), image, 0o644); err != nil {
		return err
	}
	d.output(fmt.Sprintf("byte %d of %d changed by one bit, in changed.img", at, len(image)), 1)
	if err := d.all(command{who: "client", args: []string{"muster", "measure", "os", "--uki", "../ci/node.efi", "--root", "changed.img"}, exit: 1, lines: 4, want: otherHashBlock}); err != nil {
		return err
	}
	d.held("refused")
	return d.refuseRebuilt()
}

// findFile finds a place in the middle of a file, in an image that holds it. The
// file need not lie there in one piece: one block of it is enough.
func findFile(image, file []byte) (int, error) {
	const block = 4096
	if len(file) < 2*block {
		return 0, fmt.Errorf("the file has %d bytes, want at least %d", len(file), 2*block)
	}
	at := strings.Index(string(image), string(file[block:2*block]))
	if at < 0 {
		return 0, errors.New("the image does not hold the file as it is")
	}
	return at + block/2, nil
}

// refuseRebuilt gives the changed file system a hash tree and a kernel image of
// its own, and shows that what is then measured is not what is logged.
func (d *demo) refuseRebuilt() error {
	d.say("A better forger makes hash tree, command line and kernel image anew. All of that fits together and measures well. It is only not what is logged.")
	forger := d.path("mail", "forger")
	init, err := os.ReadFile(filepath.Join(d.bin, "demo-init"))
	if err != nil {
		return err
	}
	changed := []byte(string(init))
	changed[4096+2048] ^= 1
	if err := os.Mkdir(forger, 0o755); err != nil {
		return err
	}
	if err := makeRoot(filepath.Join(forger, "root"), changed); err != nil {
		return err
	}
	root, err := d.formatRoot("mail/forger")
	if err != nil {
		return err
	}
	if err := makeUKI(filepath.Join(forger, "node.efi"), d.parts, root, init); err != nil {
		return err
	}
	if err := d.all(
		command{who: "client", args: []string{"muster", "measure", "os", "--uki", "../mail/forger/node.efi", "--root", "../mail/forger/root.img", "--out", "forged.measurement.json"}, lines: 3},
		command{who: "client", args: []string{"muster", "measure", "os", "--uki", "../ci/node.efi", "--root", "../ci/root.img", "--out", "unchanged.measurement.json"}, lines: 3},
	); err != nil {
		return err
	}
	logged, err := d.loggedMeasurements()
	if err != nil {
		return err
	}
	for name, want := range map[string]bool{"forged": false, "unchanged": true} {
		measured, err := measurementsOf(d.path("client", name+".measurement.json"))
		if err != nil {
			return err
		}
		if found := logged[measured]; found != want {
			return fmt.Errorf("the %s image: its measurements stand in the verified bundle: %t, want %t", name, found, want)
		}
	}
	d.held("the measurements of the image as it was stand in the verified bundle, those of the forged one do not")
	return nil
}

// loggedMeasurements are the measurements, as canonical JSON, that the images in
// the verified bundle state.
func (d *demo) loggedMeasurements() (map[string]bool, error) {
	bundle, err := os.ReadFile(d.path("client", "release.muster"))
	if err != nil {
		return nil, err
	}
	envelopes, err := envelopesOf(bundle)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, data := range envelopes {
		var envelope struct {
			Payload []byte `json:"payload"`
		}
		if err := json.Unmarshal(data, &envelope); err != nil {
			return nil, err
		}
		var statement struct {
			Predicate struct {
				Measurements map[string]any `json:"measurements"`
			} `json:"predicate"`
		}
		if err := json.Unmarshal(envelope.Payload, &statement); err != nil {
			return nil, err
		}
		if statement.Predicate.Measurements != nil {
			text, err := json.Marshal(statement.Predicate.Measurements)
			if err != nil {
				return nil, err
			}
			found[string(text)] = true
		}
	}
	if len(found) != 3 {
		return nil, fmt.Errorf("the verified bundle states measurements of %d images, want 3", len(found))
	}
	return found, nil
}

// measurementsOf reads the file of muster measure.
func measurementsOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var measured struct {
		Measurements map[string]any `json:"measurements"`
	}
	if err := json.Unmarshal(data, &measured); err != nil {
		return "", err
	}
	text, err := json.Marshal(measured.Measurements)
	return string(text), err
}

func (d *demo) refuseOtherPin() error {
	d.say("A second authority for the same log name, with keys of somebody else: a client that pins it wants nothing of this log.")
	if err := os.Mkdir(d.path("mallory"), 0o755); err != nil {
		return err
	}
	if err := d.all(
		command{who: "mallory", args: []string{"muster", "key", "generate", "--out", "all.key"}},
		command{who: "mallory", args: []string{"muster", "authority", "create", "--origin", origin, "--root", "all.pub", "--image", "all.pub", "--release", "all.pub", "--channel", channel + "=production", "--out", "authority.json"}},
		command{who: "mallory", args: []string{"muster", "authority", "sign", "authority.json", "--key", "all.key"}},
		command{who: "client", args: trust("../mallory/authority.json", "other-pin.json")},
		verifyCommand("release.muster", "other-pin.json", 1, failsPin, refusals),
	); err != nil {
		return err
	}
	d.held("refused")
	return nil
}
