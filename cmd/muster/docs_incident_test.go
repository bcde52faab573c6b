package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestIncidentPageIsTrue runs the commands of docs/incident.md against a real log
// with a release that has to go, and one that a thief signed.
func TestIncidentPageIsTrue(t *testing.T) {
	r := newGuideRun(t)
	for _, name := range []string{"node-os.json", "llama.json"} {
		measured, err := os.ReadFile("testdata/measurement/" + name)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(r.directory, name), measured)
	}
	const log = " --log http://127.0.0.1:8080"
	made := func(commands ...string) {
		t.Helper()
		for _, command := range commands {
			if strings.HasSuffix(command, " &") {
				r.step(step{command: command})
				continue
			}
			r.step(step{command: "{ " + command + "; } && echo made", output: []string{"...", "made"}})
		}
	}
	made(
		"for key in ana ben dora ci wd root1 root2 root3; do muster key generate --out $key.key; done",
		"mkdir people && cp *.pub people",
		"muster authority create --origin log.example/acme --root root1.pub --root root2.pub --root root3.pub --image ci.pub --release ana.pub --release ben.pub --release-threshold 1 --withdraw wd.pub --channel stable=production --out authority.json",
		"muster authority sign authority.json --key root1.key --key root2.key",
		"muster-witness key generate --name w1.example --out witness.key > witness.public",
		"muster-witness serve --data w1 --key witness.key --listen 127.0.0.1:8081 &",
		`muster-log init --data log --origin log.example/acme --authority authority.json --log-operator Acme --quorum 1 --witness "w1=$(grep -o '[a-z0-9.]*+[0-9a-f]*+[A-Za-z0-9+/=]*' witness.public | head -1)=http://127.0.0.1:8081=Ost" > log.public`,
		`muster-witness log add --data w1 "$(grep -o 'log.example/acme+[0-9a-f]*+[A-Za-z0-9+/=]*' log.public | head -1)"`,
		"muster-log serve --data log --listen 127.0.0.1:8080 &",
		"cp log/log.policy log.policy",
		"muster image create --measurement node-os.json --product acme/ai --name node-os --version 1.4.0 --security-version 7 --url https://dl.example/ --authority authority.json --out os.json",
		"muster image create --measurement llama.json --product acme/ai --name llama --version 3.1 --security-version 1 --url https://dl.example/ --authority authority.json --out model.json",
		"for image in os model; do muster image sign $image.json --key ci.key && muster image submit $image.json"+log+"; done",
		"muster release create --product acme/ai --channel stable --version 2026.10 --image os.json --not-after 30d --authority authority.json --out small.json",
		"muster release create --product acme/ai --channel stable --version 2026.11 --image os.json --image model.json --not-after 30d --authority authority.json --out large.json",
		"for release in small large; do muster release sign $release.json --key ana.key && muster release submit $release.json"+log+"; done",
	)
	// The page's commands, with what happens between them.
	r.before = map[string]func(){
		"muster authority log --key ben.pub --log http://127.0.0.1:8080 --policy log.policy --names people": func() {
			for _, until := range []string{"40d", "60d"} { // the second is the thief's
				made("rm -f renewal.json && muster release renew 3" + log + " --not-after " + until + " --out renewal.json && muster release sign renewal.json --key ben.key && muster release submit renewal.json" + log)
			}
		},
	}
	if commands := r.walk("../../docs/incident.md"); commands < 12 {
		t.Errorf("the page has %d commands, want both runbooks", commands)
	}
}
