package main

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// trust is the command line of requirements create, with the authority to pin.
func trust(authority, out string) []string {
	args := []string{"muster", "requirements", "create", "--authority", authority, "--product", product, "--channel", channel}
	for i, witness := range witnesses {
		args = append(args, "--operator", fmt.Sprintf("%s=pretended-operator-%d", witness, i+1))
	}
	return append(args, "--log-operator", logOperator, "--roll-max-age", rollMaxAge, "--out", out)
}

func (d *demo) makeTrust() error {
	d.say("Two files: log.policy names the log, its witnesses and the quorum; requirements.json pins the authority and says what is accepted, and who runs what, so that one operator's many keys count once.")
	return d.all(
		command{who: "client", args: []string{"cp", "../public/log.policy", "log.policy"}},
		command{who: "client", args: trust("../mail/authority.json", "requirements.json"), lines: 12},
		command{who: "client", args: []string{"muster", "policy", "check", "--policy", "log.policy", "--requirements", "requirements.json"}, lines: 14},
	)
}

// verifyCommand judges a bundle in the client's directory.
func verifyCommand(bundle, requirements string, exit int, want, show *regexp.Regexp) command {
	return command{who: "client", args: []string{"muster", "verify", bundle, "--policy", "log.policy", "--requirements", requirements}, exit: exit, want: want, lines: 60, show: show}
}

func (d *demo) verifyOffline() error {
	d.say("Everything that could be asked is shut down. The client never spoke to the log and does not now: it has its two files and the bundle.")
	if err := d.stopAll(); err != nil {
		return err
	}
	if err := d.all(
		command{who: "client", args: []string{"cp", "../public/release.muster", "release.muster"}},
		verifyCommand("release.muster", "requirements.json", 0, passes, nil),
	); err != nil {
		return err
	}
	d.held("verified: two of three people approved it, the log holds it, two of three witnesses saw that log only grow, and it was live less than %s ago", rollMaxAge)
	return nil
}

// stopAll stops every server, and sees that none answers any more.
func (d *demo) stopAll() error {
	if err := d.stop(); err != nil {
		return err
	}
	for name, address := range d.addresses {
		if connection, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			connection.Close()
			return fmt.Errorf("%s still answers at %s", name, address)
		}
	}
	d.output(fmt.Sprintf("%d servers stopped; nothing listens on their ports", len(d.addresses)), 1)
	return nil
}

// startAll starts every server again, with what it holds, where it was.
func (d *demo) startAll() error {
	for _, witness := range witnesses {
		if err := d.serveWitness(witness); err != nil {
			return err
		}
	}
	if err := d.serveLog(); err != nil {
		return err
	}
	return d.serveRoll()
}

func (d *demo) restart() error {
	d.say("The same directories, the same ports. The log replays what it holds; the client lists what is live by replaying it, too.")
	if err := d.startAll(); err != nil {
		return err
	}
	return d.all(
		command{who: "client", args: []string{"muster", "log", "checkpoint", "--log", d.url("log"), "--policy", "log.policy"}, lines: 8},
		command{who: "client", args: []string{"muster", "release", "list", "--verified", "--log", d.url("log"), "--policy", "log.policy"}, lines: 6, want: live},
	)
}

// next says what to try while the servers run.
func (d *demo) next() {
	d.line(bold, "\nThe log runs at %s : open it in a browser.", d.url("log"))
	d.say("Ctrl-C stops it. In another terminal:")
	shell := func(words ...string) { d.line("0", "     %s", strings.Join(words, " ")) }
	shell("export PATH=" + shellQuote(d.bin) + ":$PATH")
	shell("cd " + shellQuote(d.path("client")))
	shell("muster bundle show release.muster")
	shell("muster verify release.muster --policy log.policy --requirements requirements.json --json")
	shell("muster image show ../ci/node-os.json")
	shell("muster release list --all --log " + d.url("log") + " --policy log.policy")
	shell("curl -s " + d.url("log") + "/checkpoint")
	d.say("Where things are:")
	shell("what everybody may see: " + d.path("public"))
	shell("the servers' logs:      " + filepath.Join(d.run, "*", "*.log"))
	shell("all of this run:        " + d.run + "   (remove it when you are done)")
}
