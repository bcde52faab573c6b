package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/verify"
)

// What a node and its client must say.
var (
	passesMuster  = regexp.MustCompile(`this machine passes muster`)
	passesNode    = regexp.MustCompile(`(?m)^result: pass, about the node$`)
	failsInputs   = regexp.MustCompile(`kernel-inputs: expected .* found`)
	failsRollLive = regexp.MustCompile(`roll-live: expected .* found`)
	otherImage    = regexp.MustCompile(`is another image: root hash [0-9a-f]{64}, want [0-9a-f]{64}`)
	damagedImage  = regexp.MustCompile(`the hash block at byte \d+ is not that of the data`)
	nodeShown     = regexp.MustCompile(`^machine|^  (attestation key|boot|TPM|assurance) |boot-chain|kernel-inputs|ledger|evidence-binding|^result`)
	nodeRefused   = regexp.MustCompile(`^muster-node: `)
)

// exitRefused is what a node's programs exit with when they refuse.
const exitRefused = 121

// machine is a machine that was turned on: a TPM, and what firmware and kernel told it.
type machine struct {
	tpm *swtpm.Server
	who string
}

// turnOn starts a TPM in somebody's directory and plays a boot of the release into it.
func (d *demo) turnOn(who string, change func(*swtpm.Boot)) (*machine, error) {
	if err := os.MkdirAll(d.path(who), 0o755); err != nil {
		return nil, err
	}
	policy, err := os.ReadFile(d.path("client", "log.policy"))
	if err != nil {
		return nil, err
	}
	requirements, err := os.ReadFile(d.path("client", "requirements.json"))
	if err != nil {
		return nil, err
	}
	trust, err := verify.ParseTrust(policy, requirements)
	if err != nil {
		return nil, err
	}
	bundle, err := os.ReadFile(d.path("client", "release.muster"))
	if err != nil {
		return nil, err
	}
	boot := swtpm.Boot{}
	for _, image := range verify.Bundle(bundle, trust, time.Now()).Judged.Images {
		if reference := image.Reference(); reference.TPM2UKI != nil {
			boot.Image = *reference.TPM2UKI
		}
	}
	if change != nil {
		change(&boot)
	}
	// Sockets have short names: not all of a run's paths are.
	directory, err := os.MkdirTemp(d.sockets, "tpm")
	if err != nil {
		return nil, err
	}
	m := &machine{who: who}
	if m.tpm, err = swtpm.StartProgram(context.WithoutCancel(d.ctx), d.program("swtpm"), directory); err != nil {
		return nil, err
	}
	d.machines = append(d.machines, m)
	if _, err := d.vendor.Certify(m.tpm); err != nil {
		return nil, err
	}
	log, err := m.tpm.Play(boot)
	if err != nil {
		return nil, err
	}
	return m, os.WriteFile(d.path(who, "eventlog"), log, 0o644)
}

// flags are what a program of the node is told about its machine.
func (m *machine) flags(bundle string) []string {
	return []string{"--policy", "../client/log.policy", "--requirements", "../client/requirements.json", "--bundle", bundle,
		"--tpm", m.tpm.Address(), "--event-log", "eventlog", "--verdict", "verdict.json", "--kernel-log", ""}
}

func (m *machine) check(bundle string) []string {
	return append([]string{"muster-node", "check"}, m.flags(bundle)...)
}

func (m *machine) gate(model string) []string {
	return append(append([]string{"muster-node", "gate"}, m.flags("../client/release.muster")...),
		"--memory", "--root", "images", "--image", "model/model="+model, "--image", "config/config=../ci/config.img")
}

// makeConfig says what a node runs: the program of package demo/answer.
func (d *demo) makeConfig() error {
	if err := os.Mkdir(d.path("ci", "config"), 0o755); err != nil {
		return err
	}
	command, err := json.Marshal(map[string]any{
		"arguments": []string{"-socket", d.workSocket(), "-model", d.path("node", "images", "model", "model")}, "command": filepath.Join(d.bin, "demo-answer"),
		"environment": map[string]string{}, "gid": os.Getegid(), "uid": os.Geteuid(),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(d.path("ci", "config", "muster-command.json"), command, 0o644)
}

func (d *demo) workSocket() string { return filepath.Join(d.sockets, "work.sock") }

func (d *demo) startNode() error {
	d.say("No machine boots here: a software TPM is told what firmware, stub and kernel would have told it, had they started exactly the image of the release. (That real ones do is a test of its own, make test-boot.) Its maker is nobody, so the client's requirements must name its root, and every verdict says: assurance test.")
	var err error
	if d.vendor, err = swtpm.NewAuthority(); err != nil {
		return err
	}
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.vendor.Root()})
	if err := os.WriteFile(d.path("public", "tpm-root.pem"), root, 0o644); err != nil {
		return err
	}
	args := append(trust("../mail/authority.json", "requirements.json"), "--force", "--assurance", "test", "--test-root", attest.DigestOf(d.vendor.Root()).String(), "--firmware", "not-checked")
	if err := d.all(command{who: "client", args: args}, d.getBundle("client", d.first.digest, "release.muster", 0)); err != nil {
		return err
	}
	if d.node, err = d.turnOn("node", nil); err != nil {
		return err
	}
	d.say("check is for the initrd. gate writes the release and its images into the TPM's PCR 15, opens the images, locks the PCR, and becomes what the config image says. serve makes a TLS key and answers.")
	if err := d.all(command{who: "node", args: d.node.check("../client/release.muster"), lines: 6, want: passesMuster}); err != nil {
		return err
	}
	if err := d.serve("work", "node", d.node.gate("../ci/model.img")...); err != nil {
		return err
	}
	if err := d.serveNode(); err != nil {
		return err
	}
	return d.certificate()
}

func (d *demo) serveNode() error {
	return d.serve("node", "node", append(append([]string{"muster-node", "serve"}, d.node.flags("../client/release.muster")...),
		"--listen", "ADDRESS", "--name", "127.0.0.1", "--issuers", "../public/tpm-root.pem", "--backend", "unix:"+d.workSocket())...)
}

// certificate hands the node's own certificate to the client, as an authority that
// vouches for the node's name would make one.
func (d *demo) certificate() error {
	connection, err := tls.Dial("tcp", d.addresses["node"], &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer connection.Close()
	return os.WriteFile(d.path("client", "node.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: connection.ConnectionState().PeerCertificates[0].Raw}), 0o644)
}

// nodeURL is where the node listens.
func (d *demo) nodeURL() string {
	return "https://" + d.addresses["node"]
}

// toNode are the flags of a client's commands.
func toNode(args ...string) []string {
	return append(args, "--policy", "log.policy", "--requirements", "requirements.json", "--ca", "node.pem")
}

func (d *demo) useNode() error {
	d.say("Before it sends anything, the client asks the node what it runs, over the very connection that it will use. A program in any language can do that through muster proxy.")
	if err := d.all(command{who: "client", args: toNode("muster", "verify", "node", d.nodeURL(), "--save", "node.record"), lines: 40, want: passesNode, show: nodeShown}); err != nil {
		return err
	}
	if err := d.serve("proxy", "client", toNode("muster", "proxy", "--listen", "ADDRESS", "--node", d.nodeURL())...); err != nil {
		return err
	}
	answered, err := d.question("what is the capital of France?")
	if err != nil {
		return err
	}
	d.output("the node answers: "+answered, 1)
	d.held("the request went to a machine that showed what it runs, and to nobody else")
	return nil
}

// question sends a question through the proxy.
func (d *demo) question(text string) (string, error) {
	ctx, cancel := context.WithTimeout(d.ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url("proxy")+"/", bytes.NewReader([]byte(text)))
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the proxy answers %s\n%s", response.Status, data)
	}
	return strings.TrimSpace(string(data)), nil
}

func (d *demo) refuseModels() error {
	d.say("Another machine of the same release is given a model that nobody logged; a third one the right model with a bit changed. The gate knows from the log what the model's image is, and takes nothing the image says of itself.")
	if err := makeOther(d.path("ci", "other")); err != nil {
		return err
	}
	if err := d.all(command{who: "ci", args: []string{"muster", "measure", "model", "other", "--image", "other.img", "--out", "other.measurement.json"}}); err != nil {
		return err
	}
	image, err := os.ReadFile(d.path("ci", "model.img"))
	if err != nil {
		return err
	}
	image[len(image)/2] ^= 1
	if err := os.WriteFile(d.path("ci", "changed-model.img"), image, 0o644); err != nil {
		return err
	}
	for _, refused := range []struct {
		who, model string
		want       *regexp.Regexp
	}{{"unlogged", "../ci/other.img", otherImage}, {"changed", "../ci/changed-model.img", damagedImage}} {
		m, err := d.turnOn(refused.who, nil)
		if err != nil {
			return err
		}
		if err := d.all(command{who: refused.who, args: m.gate(refused.model), exit: exitRefused, want: refused.want, lines: 6}); err != nil {
			return err
		}
	}
	d.held("refused; and their TPMs say so until they boot again, so no client can be shown anything else")
	return nil
}

func makeOther(directory string) error {
	if err := os.Mkdir(directory, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, "weights.bin"), []byte("weights that nobody logged"), 0o644)
}

func (d *demo) refuseDebug() error {
	d.say("Somebody boots the logged image with a debug shell on the kernel's command line. The TPM was told what the kernel was given.")
	m, err := d.turnOn("debug", func(b *swtpm.Boot) { b.Cmdline = b.Image.Cmdline + " systemd.debug_shell" })
	if err != nil {
		return err
	}
	if err := d.all(command{who: "debug", args: m.check("../client/release.muster"), exit: exitRefused, want: failsInputs, show: nodeRefused}); err != nil {
		return err
	}
	d.held("refused by the machine itself; a client would refuse its evidence for the same reason")
	return nil
}

// refuseWithdrawnNode is for after a withdrawal: the node that went on.
func (d *demo) refuseWithdrawnNode() error {
	d.say("The node goes on with release 1.0, and staples the newest bundle from before the withdrawal. A client that has heard of the withdrawal sends it nothing more; and a machine that starts with the newest bundle refuses itself.")
	if err := d.stopServer("node"); err != nil {
		return err
	}
	if err := d.serveNode(); err != nil {
		return err
	}
	if err := d.certificate(); err != nil {
		return err
	}
	if err := d.all(
		withMemory(verifyCommand("withdrawn.muster", "requirements.json", 1, failsRoll, regexp.MustCompile(`^result`))),
		withMemory(command{who: "client", args: toNode("muster", "verify", "node", d.nodeURL()), exit: 3, want: unknownNewer, lines: 60, show: undecided}),
	); err != nil {
		return err
	}
	m, err := d.turnOn("withdrawn", nil)
	if err != nil {
		return err
	}
	if err := d.all(command{who: "withdrawn", args: m.check("../client/withdrawn.muster"), exit: exitRefused, want: failsRollLive, show: nodeRefused}); err != nil {
		return err
	}
	d.held("refused on both sides")
	return d.stopNodes()
}

// stopNodes turns all machines off.
func (d *demo) stopNodes() error {
	for _, m := range d.machines {
		if err := m.tpm.Close(); err != nil {
			return err
		}
	}
	d.machines = nil
	return nil
}
