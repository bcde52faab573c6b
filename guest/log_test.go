//go:build system

package guest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/process"
)

const (
	origin  = "log.guest.invalid/test"
	product = "guest/ai"
	channel = "stable"
)

// publisher is the makers of a release, a log and its witnesses, all in one
// directory and all of them the real programs.
type publisher struct {
	t        testing.TB
	programs string // the directory of the programs
	path     string
	log      string // its URL
	images   []string
}

// newPublisher starts three witnesses and a log, whose first entry is an authority.
func newPublisher(t testing.TB, programs string) *publisher {
	t.Helper()
	p := &publisher{t: t, programs: programs, path: t.TempDir()}
	for _, key := range []string{"root", "image", "release", "roll"} {
		p.muster("key", "generate", "--out", key+".key")
	}
	p.muster("authority", "create", "--origin", origin, "--root", "root.pub", "--root-threshold", "1", "--release", "release.pub", "--release-threshold", "1",
		"--withdraw", "release.pub", "--withdraw-threshold", "1", "--roll", "roll.pub", "--image", "image.pub", "--channel", channel+"=production", "--out", "authority.json")
	p.muster("authority", "sign", "authority.json", "--key", "root.key")
	initialise := []string{"init", "--data", "log", "--origin", origin, "--authority", "authority.json", "--log-operator", "log-operator", "--quorum", "2"}
	var directories []string
	for n := range 3 {
		name := fmt.Sprintf("witness%d", n+1)
		printed := p.run("muster-witness", "key", "generate", "--name", name+".guest.invalid/test", "--out", name+".key")
		url := p.serve(name, "muster-witness", "serve", "--data", name, "--key", name+".key", "--listen", "127.0.0.1:0")
		initialise = append(initialise, "--witness", fmt.Sprintf("%s=%s=%s=operator%d", name, found(t, printed, `(?m)^\s*(\S+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*)\s*$`), url, n+1))
		directories = append(directories, name)
	}
	key := found(t, p.run("muster-log", initialise...), `muster-witness log add --data DIR (\S+)`)
	for _, directory := range directories {
		p.run("muster-witness", "log", "add", "--data", directory, key)
	}
	p.log = p.serve("log", "muster-log", "serve", "--data", "log", "--listen", "127.0.0.1:0")
	return p
}

func found(t testing.TB, text, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("printed\n%s\nwant it to hold %s", text, pattern)
	}
	return match[1]
}

// execute runs a program in the publisher's directory.
func (p *publisher) execute(name string, arguments ...string) (string, error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(p.programs, name), arguments...)
	command.Dir = p.path
	printed, err := command.CombinedOutput()
	return string(printed), err
}

func (p *publisher) run(name string, arguments ...string) string {
	p.t.Helper()
	printed, err := p.execute(name, arguments...)
	if err != nil {
		p.t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, printed)
	}
	return printed
}

func (p *publisher) muster(arguments ...string) string {
	p.t.Helper()
	return p.run("muster", arguments...)
}

// serve starts a server and returns its URL; it ends with the test.
func (p *publisher) serve(name, program string, arguments ...string) string {
	p.t.Helper()
	// A server ends with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	command := exec.Command(filepath.Join(p.programs, program), arguments...)
	command.Dir = p.path
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	server, err := process.Start(ctx, name, filepath.Join(p.path, name+".log"), command)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			p.t.Error(err)
		}
	})
	return server.URL
}

// requirements writes what a client of the machine demands: evidence of a TPM whose
// maker is the given test root.
func (p *publisher) requirements(testRoot string) {
	p.t.Helper()
	arguments := []string{"requirements", "create", "--authority", "authority.json", "--product", product, "--channel", channel, "--log-operator", "log-operator",
		"--roll-max-age", "1h", "--checkpoint-max-age", "1h", "--assurance", "test", "--test-root", testRoot, "--policy", "log/log.policy", "--out", "requirements.json"}
	for n := range 3 {
		arguments = append(arguments, "--operator", fmt.Sprintf("witness%d=operator%d", n+1, n+1))
	}
	p.muster(arguments...)
}

// logImage states, signs and logs an image that was measured into NAME.measurement.json.
func (p *publisher) logImage(name string) {
	p.t.Helper()
	p.muster("image", "create", "--measurement", name+".measurement.json", "--product", product, "--name", name, "--version", "1", "--security-version", "1",
		"--url", "https://download.guest.invalid/", "--authority", "authority.json", "--out", name+".json")
	p.muster("image", "sign", name+".json", "--key", "image.key")
	p.muster("image", "submit", name+".json", "--log", p.log, "--policy", "log/log.policy")
	p.images = append(p.images, name)
}

// release logs a release of the images, and returns its digest.
func (p *publisher) release(version string, images ...string) string {
	p.t.Helper()
	file := version + ".release.json"
	create := []string{"release", "create", "--product", product, "--channel", channel, "--version", version, "--authority", "authority.json", "--out", file}
	for _, name := range images {
		create = append(create, "--image", name+".json")
	}
	p.muster(create...)
	p.muster("release", "sign", file, "--key", "release.key")
	return found(p.t, p.muster("release", "submit", file, "--log", p.log, "--policy", "log/log.policy"), `(?m)^(?:submitted|logged): .*?([0-9a-f]{64})`)
}

// startRoll has somebody sign what is live, from now on.
func (p *publisher) startRoll() {
	p.t.Helper()
	p.serve("roll", "muster", "roll", "serve", "--log", p.log, "--policy", "log/log.policy", "--authority", "authority.json", "--product", product,
		"--key", "roll.key", "--clients-accept", "1h", "--poll", "200ms", "--state", "roll.state", "--listen", "127.0.0.1:0")
}

// bundle returns a release's proof bundle, once the release is known to be live.
func (p *publisher) bundle(release string) []byte {
	p.t.Helper()
	file := release + ".muster"
	for ctx, tick := p.t.Context(), time.NewTicker(200*time.Millisecond); ; {
		p.muster("bundle", "get", release, "--log", p.log, "--policy", "log/log.policy", "--out", file, "--force")
		printed, err := p.execute("muster", "verify", "bundle", file, "--policy", "log/log.policy", "--requirements", "requirements.json")
		if err == nil {
			return p.file(file)
		}
		// Until the roll is logged, nobody says so.
		var ended *exec.ExitError
		if !errors.As(err, &ended) || !bytes.Contains([]byte(printed), []byte("roll")) {
			p.t.Fatalf("muster verify bundle: %v\n%s", err, printed)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatal(ctx.Err())
		}
	}
}

func (p *publisher) file(name string) []byte {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.path, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}
