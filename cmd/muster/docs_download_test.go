package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release/measure"
	"github.com/muster-log/muster/release/measure/measuretest"
)

// TestDownloadPageIsTrue runs the commands of docs/download.md against a real log
// with two releases, whose files a server on loopback has.
func TestDownloadPageIsTrue(t *testing.T) {
	r := newGuideRun(t)
	path := func(name string) string { return filepath.Join(r.directory, name) }
	for name, content := range map[string]string{
		"root/sbin/init": "#!/bin/sh\n", "llama/config.json": "{}\n", "llama/model.safetensors": "weights",
		"llama-2/config.json": "{}\n", "llama-2/model.safetensors": "other weights", "llama-2/tokenizer.json": "[]\n", "served/files": "",
	} {
		if err := os.MkdirAll(filepath.Dir(path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, path(name), []byte(content))
	}
	root, err := measure.Model(t.Context(), measure.ModelOptions{Dir: path("root"), Image: path("served/node.root")}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	cmdline := "roothash=" + root.Image.Measurement.RootHash + hardened
	put(t, path("served/node-1.efi"), measuretest.UKI(t, cmdline))
	put(t, path("served/node-2.efi"), measuretest.UKI(t, cmdline+" quiet"))
	server, certificate := fileServer(path("served"))
	t.Cleanup(server.Close)
	put(t, path("ca.pem"), certificate)
	r.learn("127.0.0.1:8443", server.Listener.Addr().String())

	// Everything is issued in one second: what differs is what is meant to.
	const under = " --product acme/ai --authority authority.json --issued $(cat now)"
	for _, command := range []string{
		"date -u +%FT%TZ > now",
		"for key in ana ben ci; do muster key generate --out $key.key; done",
		"muster authority create --origin log.example/acme --root ana.pub --image ci.pub --release ana.pub --release ben.pub --release-threshold 1 --channel stable=production --out authority.json",
		"muster authority sign authority.json --key ana.key",
		"muster-witness key generate --name w1.example --out witness.key > witness.pub",
		"muster-witness serve --data w1 --key witness.key --listen 127.0.0.1:8081 &",
		`muster-log init --data log --origin log.example/acme --authority authority.json --log-operator Acme --quorum 1 --witness "w1=$(grep -o '[a-z0-9.]*+[0-9a-f]*+[A-Za-z0-9+/=]*' witness.pub | head -1)=http://127.0.0.1:8081=Ost" > log.pub`,
		`muster-witness log add --data w1 "$(grep -o 'log.example/acme+[0-9a-f]*+[A-Za-z0-9+/=]*' log.pub | head -1)"`,
		"muster-log serve --data log --listen 127.0.0.1:8080 &",
		"cp log/log.policy log.policy",
		"muster measure os --uki served/node-1.efi --root served/node.root --out os-1",
		"muster measure os --uki served/node-2.efi --root served/node.root --out os-2",
		"muster measure model llama --image served/llama-1.img --out model-1",
		"muster measure model llama-2 --image served/llama-2.img --out model-2",
		"muster image create --measurement os-1 --name node-os --version 1.4.0 --security-version 1 --url https://127.0.0.1:8443/ --out os-1.json" + under,
		"muster image create --measurement os-2 --name node-os --version 1.5.0 --security-version 1 --url https://127.0.0.1:8443/ --out os-2.json" + under,
		"muster image create --measurement model-1 --name llama --version 3.1 --security-version 1 --url https://127.0.0.1:8443/ --out model-1.json" + under,
		"muster image create --measurement model-2 --name llama --version 3.2 --security-version 1 --url https://127.0.0.1:8443/ --out model-2.json" + under,
		"for image in os-1 model-1 os-2 model-2; do muster image sign $image.json --key ci.key && muster image submit $image.json --log http://127.0.0.1:8080; done",
		"muster release create --channel stable --version 2026.11 --image os-1.json --image model-1.json --out 1.json" + under,
		"muster release create --channel stable --version 2026.12 --image os-2.json --image model-2.json --out 2.json" + under,
		"muster release sign 1.json --key ana.key && muster release submit 1.json --log http://127.0.0.1:8080",
		"muster release sign 2.json --key ben.key && muster release submit 2.json --log http://127.0.0.1:8080 --policy log.policy --bundle release.muster",
		"mkdir people && cp ana.pub ben.pub ci.pub people",
	} {
		made := step{command: command}
		if !strings.HasSuffix(command, " &") {
			made.command, made.output = "{ "+command+"; } && echo made", []string{"...", "made"}
		}
		r.step(made)
	}
	if commands := r.walk("../../docs/download.md"); commands < 8 {
		t.Errorf("the page has %d commands, want list, diff and download", commands)
	}
}
