package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const guide = "../../docs/cli.md"

var update = flag.Bool("update", false, "write what the commands of docs/cli.md print into it")

// TestGuideIsTrue runs the commands of docs/cli.md in their order, against a real
// log and real witnesses, and compares what they print. What differs from run to
// run (keys, digests, times, addresses) must differ in the same way throughout:
// a digest of the guide stands for one digest of the run. A line "..." of the
// guide stands for any lines. A command that ends in & is a server, and one that
// begins with kill stops it.
func TestGuideIsTrue(t *testing.T) {
	r := newGuideRun(t)
	for _, name := range []string{"node-os.json", "llama.json"} {
		measured, err := os.ReadFile("testdata/measurement/" + name)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(r.directory, name), measured)
	}
	if commands := r.walk(guide); commands < 30 {
		t.Errorf("the guide has %d commands, want the whole chain", commands)
	}
}

func newGuideRun(t *testing.T) *guideRun {
	r := &guideRun{t: t, directory: t.TempDir(), servers: &servers{}, run: map[string]string{}, written: map[string]string{}}
	t.Cleanup(func() { r.servers.stop(t) })
	return r
}

// walk runs the commands of a page, and returns how many it has.
func (r *guideRun) walk(path string) (commands int) {
	r.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	var page strings.Builder
	var block []string
	inside := false
	for line := range strings.Lines(string(data)) {
		bare := strings.TrimSuffix(line, "\n")
		switch {
		case bare == "```console":
			inside, block = true, nil
		case inside && bare == "```":
			inside = false
			for _, step := range steps(block) {
				commands++
				if between := r.before[step.command]; between != nil {
					between()
				}
				page.WriteString("$ " + step.command + "\n" + r.step(step))
			}
		case inside:
			block = append(block, bare)
			continue
		}
		page.WriteString(line)
	}
	if *update && !r.t.Failed() {
		put(r.t, path, []byte(page.String()))
	}
	return commands
}

// step is a command of the guide with the output that it shows.
type step struct {
	command string
	output  []string
}

func steps(block []string) (list []step) {
	for _, line := range block {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			list = append(list, step{command: command})
			continue
		}
		last := &list[len(list)-1]
		if strings.HasSuffix(last.command, `\`) {
			last.command += "\n" + line
			continue
		}
		last.output = append(last.output, line)
	}
	return list
}

// guideRun is one walk through the guide.
type guideRun struct {
	t         *testing.T
	directory string
	servers   *servers
	// run maps what varies in the guide to what it is in this run, and written
	// the other way.
	run, written map[string]string
	// before are what happens before a command of the page, and is not in it.
	before map[string]func()
}

// varying finds what differs from run to run: verifier keys, digests and their
// beginnings in file names, roots, times, addresses, and the length of what holds
// such.
var varying = regexp.MustCompile(strings.Join([]string{
	`\+[0-9a-f]{8}\+[A-Za-z0-9+/]{20,}`,
	`\b[0-9a-f]{64}\b`,
	`\.[0-9a-f]{16}\.sig\b`,
	`-[0-9a-f]{16}\.json\b`,
	`[A-Za-z0-9+/]{43}=`,
	`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`,
	`\b20\d\d-\d\d-\d\d\b`,
	`127\.0\.0\.1:\d+`,
}, "|"))

// ofTime are the ones that need not stay the same: times.
var ofTime = regexp.MustCompile(`^20\d\d-`)

// step runs a command and returns the output for the guide.
func (r *guideRun) step(s step) string {
	r.t.Helper()
	line := varying.ReplaceAllStringFunc(s.command, func(token string) string {
		if now, ok := r.run[token]; ok {
			return now
		}
		return token
	})
	printed := r.execute(s, line)
	if r.matches(s.output, strings.Split(strings.TrimSuffix(printed, "\n"), "\n")) {
		return joined(s.output)
	}
	if *update {
		return r.asInGuide(printed)
	}
	r.t.Fatalf("%s\nprints\n%s\nthe guide says\n%s", s.command, printed, joined(s.output))
	return ""
}

func joined(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// execute runs a command line with the shell; a server it starts, or stops.
func (r *guideRun) execute(s step, line string) string {
	r.t.Helper()
	if server, ok := strings.CutSuffix(line, " &"); ok {
		words := strings.Fields(server)
		asked := words[len(words)-1]
		words[len(words)-1] = "127.0.0.1:0"
		url := r.servers.start(r.t, r.directory, words...)
		r.learn(asked, strings.TrimPrefix(url, "http://"))
		return ""
	}
	if name, ok := strings.CutPrefix(line, "kill %"); ok {
		r.servers.stopOne(r.t, name)
		return ""
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "sh", "-c", line)
	command.Dir = r.directory
	command.Env = append(os.Environ(), "PATH="+programs+string(filepath.ListSeparator)+os.Getenv("PATH"))
	output, err := command.CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		r.t.Fatalf("%s: %v", s.command, err)
	}
	return strings.ReplaceAll(string(output), r.directory+"/", "")
}

// asInGuide puts the guide's words in the place of this run's, where it has some.
func (r *guideRun) asInGuide(printed string) string {
	return varying.ReplaceAllStringFunc(printed, func(token string) string {
		if known, ok := r.written[token]; ok {
			return known
		}
		r.learn(token, token)
		return token
	})
}

// matches compares lines, and learns what the guide's varying words are in this
// run.
func (r *guideRun) matches(guide, printed []string) bool {
	if len(printed) == 1 && printed[0] == "" {
		printed = nil
	}
	for i, line := range guide {
		if line == "..." {
			for skipped := range len(printed) + 1 {
				run, written := maps.Clone(r.run), maps.Clone(r.written)
				if r.matches(guide[i+1:], printed[skipped:]) {
					return true
				}
				r.run, r.written = run, written // nothing is learnt from lines that were not meant
			}
			return false
		}
		if len(printed) == 0 || !r.same(line, printed[0]) {
			return false
		}
		printed = printed[1:]
	}
	return len(printed) == 0
}

func (r *guideRun) same(guide, printed string) bool {
	if varying.ReplaceAllString(guide, "*") != varying.ReplaceAllString(printed, "*") {
		return false
	}
	want, got := varying.FindAllString(guide, -1), varying.FindAllString(printed, -1)
	for i := range want {
		if !r.learn(want[i], got[i]) {
			return false
		}
	}
	return true
}

// learn notes that a word of the guide is this one in the run; false: it was
// another before, in either direction.
func (r *guideRun) learn(guide, now string) bool {
	if ofTime.MatchString(guide) {
		return true
	}
	known, ok := r.run[guide]
	back, okBack := r.written[now]
	if ok && known != now || okBack && back != guide {
		if !*update {
			r.t.Logf("%s of the guide is %s here, and was %s", guide, now, fmt.Sprint(known, back))
		}
		return *update
	}
	r.run[guide], r.written[now] = now, guide
	return true
}
