package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	origin  = "log.demo.invalid/pretended"
	product = "demo/private-ai"
	channel = "stable"
	// logOperator runs the log, on paper.
	logOperator = "pretended-log-operator"
)

// The people of the demo. Each is a directory with private keys that stay there.
var (
	people    = []string{"alice", "bob", "carol"} // root and release keys, two of three
	witnesses = []string{"witness1", "witness2", "witness3"}
	roomNames = append([]string{"ci", "log", "rollteam", "mail", "mail/images", "public", "client"}, append(people, witnesses...)...)
)

// pretended stands in every run's directory.
const pretended = `Everything in this directory was made by one run of Muster's demo, by one person on
one machine. alice, bob, carol, ci, rollteam, the log's operator and the operators of the
three witnesses are pretended: whoever has this directory has all their keys. Nothing here
proves anything to anybody. Names end in .invalid, which exists nowhere.
`

// What commands must print.
var (
	complete       = regexp.MustCompile(`(?m)^complete\b`)
	notComplete    = regexp.MustCompile(`(?m)^not complete$`)
	submitted      = regexp.MustCompile(`(?m)^(submitted|logged): `)
	live           = regexp.MustCompile(`(?m)^\d+ +` + product + ` .* live `)
	passes         = regexp.MustCompile(`(?m)^result: pass, about the release$`)
	failsInclusion = regexp.MustCompile(`(?ms)^ *fail +inclusion .*^result: fail`)
	failsPin       = regexp.MustCompile(`(?ms)^ *fail +authority-pin .*^result: fail`)
	otherHashBlock = regexp.MustCompile(`is not that of the data`)
	// refusals are the lines of a verdict that say why.
	refusals = regexp.MustCompile(`^ *fail |^result`)
)

// step is a numbered part of the demo.
type step struct {
	title string
	run   func(*demo) error
}

// steps are the demo, in order.
var steps = []step{
	{"Get the parts of a real image from Debian", (*demo).getParts},
	{"Three people and a build machine make their keys", (*demo).makeKeys},
	{"Two of the three people sign the authority: who may log what", (*demo).makeAuthority},
	{"Three witnesses and a log start", (*demo).startLog},
	{"The build machine makes a root file system, a unified kernel image, a model and a configuration", (*demo).makeImages},
	{"Measure them: what a machine's TPM will say if it runs exactly this", (*demo).measure},
	{"State the three images, sign them with the build machine's key, log them", (*demo).logImages},
	{"Draft a release; two of three people sign it where they are", (*demo).signRelease},
	{"Submit the release, and get a proof back", (*demo).submitRelease},
	{"The release team's roll signer says what is live", (*demo).startRoll},
	{"A client writes down whom it trusts", (*demo).makeTrust},
	{"Stop the log and the witnesses, and verify offline", (*demo).verifyOffline},
	{"Refused: one byte of the bundle changed", (*demo).refuseChangedBundle},
	{"Refused: a root file system that is not the one logged", (*demo).refuseChangedImage},
	{"Refused: another authority is pinned", (*demo).refuseOtherPin},
	{"The log comes back with what it held", (*demo).restart},
	{"A machine boots the release, and its gate lets it pass", (*demo).startNode},
	{"A client verifies the node, and sends a request", (*demo).useNode},
	{"Refused: a model that nobody logged, and one with a bit changed", (*demo).refuseModels},
	{"Refused: a debug shell on the kernel's command line", (*demo).refuseDebug},
	{"A key is stolen, and nobody notices", (*demo).stealKey},
	{"The theft is noticed: a rotation strikes what the thief made", (*demo).rotate},
	{"A release is withdrawn, in one command", (*demo).withdraw},
	{"Refused: a node that runs the withdrawn release", (*demo).refuseWithdrawnNode},
	{"The withdrawal bites offline", (*demo).refuseWithdrawn},
}

func (d *demo) getParts() error {
	d.say("The kernel, systemd's boot stub and mkfs.erofs come from Debian's archive, by an apt-get with a state and cache of its own: nothing is installed, no root is needed, signatures are checked with Debian's keys.")
	var err error
	if d.parts, err = debian(d.ctx, filepath.Join(d.state, "debian")); err != nil {
		return err
	}
	d.output(strings.Join(d.parts.versions, "\n"), 20)
	if d.parts.fetched {
		d.held("fetched and unpacked into %s; the next run finds them there", filepath.Join(d.state, "debian"))
	} else {
		d.held("found in %s, fetched by an earlier run", filepath.Join(d.state, "debian"))
	}
	return nil
}

func (d *demo) makeKeys() error {
	d.say("You are everybody here: the demo pretends that each directory below %s is another person's machine. Private keys are made there and stay there; what they send each other goes through the directory mail.", d.run)
	for _, name := range roomNames {
		if err := os.Mkdir(d.path(name), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(d.path("PRETENDED.txt"), []byte(pretended), 0o644); err != nil {
		return err
	}
	for i, person := range people {
		lines := 0
		if i == 0 {
			lines = 4
		}
		if err := d.all(
			command{who: person, args: []string{"muster", "key", "generate", "--out", "root.key"}, lines: lines},
			command{who: person, args: []string{"muster", "key", "generate", "--out", "release.key"}},
			command{who: person, args: []string{"cp", "root.pub", "../mail/" + person + "-root.pub"}},
			command{who: person, args: []string{"cp", "release.pub", "../mail/" + person + "-release.pub"}},
		); err != nil {
			return err
		}
	}
	return d.all(
		command{who: "ci", args: []string{"muster", "key", "generate", "--format", "ecdsa-p256", "--out", "image.key"}},
		command{who: "ci", args: []string{"cp", "image.pub", "../mail/ci-image.pub"}},
		command{who: "rollteam", args: []string{"muster", "key", "generate", "--out", "roll.key"}},
		command{who: "rollteam", args: []string{"cp", "roll.pub", "../mail/rollteam.pub"}},
	)
}

func (d *demo) makeAuthority() error {
	d.say("The authority is entry 0 of the log, and its digest is what clients pin. Root keys, two of three, change it; one key of the build machine signs images; two of three people sign releases, and any of them withdraws one; one key of the release team's own machine signs the roll of what is live.")
	create := []string{"muster", "authority", "create", "--origin", origin}
	for _, role := range []string{"root", "release"} {
		for _, person := range people {
			create = append(create, "--"+role, "../mail/"+person+"-"+role+".pub")
		}
		create = append(create, "--"+role+"-threshold", "2")
	}
	for _, person := range people {
		create = append(create, "--withdraw", "../mail/"+person+"-release.pub")
	}
	create = append(create, "--withdraw-threshold", "1", "--roll", "../mail/rollteam.pub", "--image", "../mail/ci-image.pub", "--channel", channel+"=production", "--out", "../mail/authority.json")
	printed, err := d.do(command{who: "alice", args: create, lines: 14})
	if err != nil {
		return err
	}
	pin := authorityDigest.FindStringSubmatch(printed)
	if pin == nil {
		return errors.New("muster authority create printed no digest")
	}
	d.pin = pin[1]
	return d.all(
		command{who: "alice", args: []string{"muster", "authority", "sign", "../mail/authority.json", "--key", "root.key", "--detached", "--out", "../mail/authority.alice.sig"}},
		command{who: "bob", args: []string{"muster", "authority", "sign", "../mail/authority.json", "--key", "root.key", "--detached", "--out", "../mail/authority.bob.sig"}},
		command{who: "alice", args: []string{"muster", "authority", "attach", "../mail/authority.json", "../mail/authority.alice.sig", "../mail/authority.bob.sig"}},
		command{who: "alice", args: []string{"muster", "authority", "status", "../mail/authority.json", "--names", "../mail"}, lines: 8, want: complete},
	)
}

// authorityDigest finds the digest that muster authority create prints.
var authorityDigest = regexp.MustCompile(`(?m)^authority ([0-9a-f]{64})$`)

// cosignatureKey finds a verifier key of a witness that key generate printed.
var cosignatureKey = regexp.MustCompile(`(?m)^\s*(\S+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*)\s*$`)

// addLine finds the line that muster-log init prints for a witness's operator.
var addLine = regexp.MustCompile(`muster-witness log add --data DIR (\S+)`)

func (d *demo) startLog() error {
	d.say("Each witness has its own keys and memory, and cosigns only a log that grows by appending. In life three independent operators run them; here all three are yours, so they are called pretended. The log publishes nothing that fewer than two of them have cosigned.")
	init := []string{"muster-log", "init", "--data", "data", "--origin", origin, "--authority", "../mail/authority.json", "--log-operator", logOperator}
	for i, witness := range witnesses {
		name := witness + ".demo.invalid/pretended"
		printed, err := d.do(command{who: witness, args: []string{"muster-witness", "key", "generate", "--name", name, "--out", "witness.key"}})
		if err != nil {
			return err
		}
		key := cosignatureKey.FindStringSubmatch(printed)
		if key == nil {
			return fmt.Errorf("muster-witness key generate printed no verifier key:\n%s", printed)
		}
		if err := d.serveWitness(witness); err != nil {
			return err
		}
		init = append(init, "--witness", fmt.Sprintf("%s=%s=%s=pretended-operator-%d", witness, key[1], d.url(witness), i+1))
	}
	printed, err := d.do(command{who: "log", args: append(init, "--quorum", "2"), lines: 12})
	if err != nil {
		return err
	}
	add := addLine.FindStringSubmatch(printed)
	if add == nil {
		return errors.New("muster-log init printed no line for the operators of the witnesses")
	}
	d.say("The operators of the witnesses add the log's key, and the log can begin.")
	for _, witness := range witnesses {
		if err := d.all(command{who: witness, args: []string{"muster-witness", "log", "add", "--data", "data", add[1]}}); err != nil {
			return err
		}
	}
	if err := d.serveLog(); err != nil {
		return err
	}
	return d.all(command{who: "log", args: []string{"cp", "data/log.policy", "../public/log.policy"}})
}

func (d *demo) serveWitness(name string) error {
	return d.serve(name, name, "muster-witness", "serve", "--data", "data", "--key", "witness.key", "--listen", "ADDRESS")
}

func (d *demo) serveLog() error {
	return d.serve("log", "log", "muster-log", "serve", "--data", "data", "--listen", "ADDRESS")
}
