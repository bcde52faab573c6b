package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// What verdicts about an incident must say.
var (
	failsStruck  = regexp.MustCompile(`(?ms)^ *fail +struck .*^result: fail`)
	failsRoll    = regexp.MustCompile(`(?ms)^ *fail +roll-live .*^result: fail`)
	unknownNewer = regexp.MustCompile(`(?ms)newer-roll .*^result: unknown`)
	// undecided are the lines of a verdict that say why it is unknown.
	undecided = regexp.MustCompile(`newer-roll|^result`)
	struckOne = regexp.MustCompile(`(?m)^\d+ +` + product + ` +` + channel + ` +1\.1 .* image-struck`)
)

// logged is an entry as muster submit prints it.
type logged struct {
	digest string
	index  uint64
}

var (
	submittedDigest = regexp.MustCompile(`(?m)^(?:submitted|logged): \S+ ([0-9a-f]{64})$`)
	submittedIndex  = regexp.MustCompile(`(?m)^ +index +(\d+)$`)
)

// submit runs a command that submits, and finds out what became of it.
func (d *demo) submit(c command) (logged, error) {
	c.want = submitted
	printed, err := d.do(c)
	if err != nil {
		return logged{}, err
	}
	digest, index := submittedDigest.FindStringSubmatch(printed), submittedIndex.FindStringSubmatch(printed)
	if digest == nil || index == nil {
		return logged{}, errors.New("a submission printed no digest and no index")
	}
	at, err := strconv.ParseUint(index[1], 10, 64)
	return logged{digest[1], at}, err
}

// online is how a command of somebody reaches the log, with the policy.
func (d *demo) online(args ...string) []string {
	return append(args, "--log", d.url("log"), "--policy", "../public/log.policy")
}

// stealKey has a thief log an image with the build machine's key, and two people
// release it, who do not know.
func (d *demo) stealKey() error {
	d.say("Mallory copies the key of the build machine and logs the forged system of before with it, as node-os 1.1. Alice and Bob take it for the new build, and release it. Nobody can see anything wrong: every signature is what it should be.")
	if err := d.all(
		command{who: "mallory", args: []string{"cp", "../ci/image.key", "stolen.key"}},
		command{who: "mallory", args: []string{"muster", "image", "create", "--measurement", "../client/forged.measurement.json", "--product", product, "--name", "node-os", "--version", "1.1", "--security-version", "1",
			"--url", "https://download.demo.invalid/", "--authority", "../mail/authority.json", "--out", "forged.json"}},
		command{who: "mallory", args: []string{"muster", "image", "sign", "forged.json", "--key", "stolen.key"}},
	); err != nil {
		return err
	}
	var err error
	if d.forged, err = d.submit(command{who: "mallory", args: d.online("muster", "image", "submit", "forged.json"), lines: 4}); err != nil {
		return err
	}
	if err := d.all(
		command{who: "alice", args: []string{"muster", "release", "create", "--product", product, "--channel", channel, "--version", "1.1", "--image", d.forged.digest, "--image", "../mail/images/model.json",
			"--authority", "../mail/authority.json", "--out", "../mail/release-1.1.json"}},
		command{who: "alice", args: []string{"muster", "release", "sign", "../mail/release-1.1.json", "--key", "release.key"}},
		command{who: "bob", args: []string{"muster", "release", "sign", "../mail/release-1.1.json", "--key", "release.key"}},
	); err != nil {
		return err
	}
	if d.deceived, err = d.submit(command{who: "bob", args: d.online("muster", "release", "submit", "../mail/release-1.1.json"), lines: 4}); err != nil {
		return err
	}
	if err := d.awaitRoll(d.deceived.index); err != nil {
		return err
	}
	if err := d.all(
		d.getBundle("client", d.deceived.digest, "release-1.1.muster", 0),
		verifyCommand("release-1.1.muster", "requirements.json", 0, passes, regexp.MustCompile(`^release|^result`)),
	); err != nil {
		return err
	}
	d.held("the forged system passes, and will until somebody notices: a log proves who said what, not that it was wise")
	return nil
}

// rotate has the authority name the stolen key.
func (d *demo) rotate() error {
	d.say("The build team finds entry %d, which it never made: what else that key signed stands in the log, for everybody. The next version of the authority strikes what needed the key from there on, and gives the build machine a new one. Root keys, two of three, sign it.", d.forged.index)
	if err := d.all(
		command{who: "ci", args: []string{"muster", "key", "generate", "--format", "ecdsa-p256", "--out", "image-2.key"}},
		command{who: "ci", args: []string{"cp", "image-2.pub", "../mail/ci-image-2.pub"}},
		command{who: "alice", args: d.online("muster", "authority", "log", "--key", "../mail/ci-image.pub"), lines: 12},
		command{who: "alice", args: d.online("muster", "authority", "rotate", "--compromised", fmt.Sprintf("../mail/ci-image.pub@%d", d.forged.index), "--add", "image=../mail/ci-image-2.pub", "--out", "../mail/authority-2.json", "--names", "../mail"), lines: 16},
		command{who: "alice", args: []string{"muster", "authority", "sign", "../mail/authority-2.json", "--key", "root.key"}},
		command{who: "bob", args: []string{"muster", "authority", "sign", "../mail/authority-2.json", "--key", "root.key"}},
	); err != nil {
		return err
	}
	rotation, err := d.submit(command{who: "bob", args: d.online("muster", "authority", "submit", "../mail/authority-2.json"), lines: 4})
	if err != nil {
		return err
	}
	if err := d.awaitRoll(rotation.index); err != nil {
		return err
	}
	d.say("The client keeps its pin, version 1: a bundle brings the whole chain of versions along.")
	if err := d.all(
		command{who: "client", args: []string{"muster", "release", "list", "--all", "--verified", "--log", d.url("log"), "--policy", "log.policy"}, lines: 6, want: struckOne},
		d.getBundle("client", d.deceived.digest, "release-1.1.muster", 0),
		verifyCommand("release-1.1.muster", "requirements.json", 1, failsStruck, refusals),
		d.getBundle("client", d.first.digest, "release.muster", 0),
		verifyCommand("release.muster", "requirements.json", 0, passes, regexp.MustCompile(`authority-chain|roll-age|^result`)),
	); err != nil {
		return err
	}
	d.held("what the thief made is struck, by the log's own order; what the key signed before stands")
	return nil
}

// withdraw takes the first release back, by one person and in one command.
func (d *demo) withdraw() error {
	d.say("Somebody reports a hole in release 1.0. One of three people may withdraw, alone: being too careful is cheap. The command says what ends before it signs, and hands the withdrawal to the roll signer, too, which from then on signs nothing that hides it.")
	withdrawal, err := d.submit(command{who: "carol", args: d.online("muster", "release", "withdraw", d.first.digest, "--reason", "vulnerability", "--key", "release.key", "--roll", d.url("roll"), "--out", "withdrawal.json"), lines: 24})
	if err != nil {
		return err
	}
	if err := d.awaitRoll(withdrawal.index); err != nil {
		return err
	}
	return d.all(
		d.getBundle("client", d.first.digest, "withdrawn.muster", 0),
		command{who: "client", args: []string{"muster", "release", "list", "--all", "--verified", "--log", d.url("log"), "--policy", "log.policy"}, lines: 6},
	)
}

// refuseWithdrawn judges both bundles of the withdrawn release without anybody to ask.
func (d *demo) refuseWithdrawn() error {
	d.say("Again everything is shut down. A bundle fetched since carries the roll that does not list the release.")
	if err := d.stopAll(); err != nil {
		return err
	}
	if err := d.all(withMemory(verifyCommand("withdrawn.muster", "requirements.json", 1, failsRoll, refusals))); err != nil {
		return err
	}
	d.say("Somebody who would rather run it shows the older bundle, from before. A client that has seen the newer roll remembers it.")
	if err := d.all(withMemory(verifyCommand("release.muster", "requirements.json", 3, unknownNewer, undecided))); err != nil {
		return err
	}
	d.held("refused offline; and a client that remembers nothing refuses the old bundle when its roll is older than %s", rollMaxAge)
	return nil
}

// withMemory has verify keep what it learns.
func withMemory(c command) command {
	c.args = append(c.args, "--memory", "memory.json")
	return c
}
