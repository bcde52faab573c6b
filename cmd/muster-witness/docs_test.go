package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/witness/witnesstest"
)

// step is a command of the operator's guide with the output it shows.
type step struct {
	command string
	output  []string
}

// guideSteps reads the console blocks of the operator's guide.
func guideSteps(t *testing.T) []step {
	t.Helper()
	guide, err := os.ReadFile("../../docs/witness.md")
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	indent, inside := "", false
	for line := range strings.Lines(string(guide)) {
		line = strings.TrimSuffix(line, "\n")
		if before, ok := strings.CutSuffix(line, "```console"); ok {
			indent, inside = before, true
			continue
		}
		line = strings.TrimPrefix(line, indent)
		switch command, isCommand := strings.CutPrefix(line, "$ "); {
		case !inside:
		case line == "```":
			inside = false
		case isCommand:
			steps = append(steps, step{command: command})
		default:
			last := &steps[len(steps)-1]
			last.output = append(last.output, line)
		}
	}
	return steps
}

// varying is what differs from run to run: keys, signatures, roots, times and
// addresses.
var varying = regexp.MustCompile(strings.Join([]string{
	`\+[0-9a-f]{8}\+[A-Za-z0-9+/]{20,}=*(\.\.\.)?`,
	`[A-Za-z0-9+/]{40,}=*(\.\.\.)?`,
	`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`,
	`127\.0\.0\.1:\d+`,
}, "|"))

func sameButVarying(line string) string { return varying.ReplaceAllString(line, "*") }

// TestGuideIsTrue runs the commands of docs/witness.md in their order, with a
// log of the test's own in place of the guide's, and compares what they print.
func TestGuideIsTrue(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/acme", 11)
	directory := t.TempDir()
	s := site{data: filepath.Join(directory, "witness-data"), key: filepath.Join(directory, "witness.key")}
	vkey := regexp.MustCompile(`log\.example/acme\+\S+`)
	var serving *process
	steps := guideSteps(t)
	if len(steps) != 6 {
		t.Fatalf("the guide has %d commands, this test knows 6", len(steps))
	}
	for _, step := range steps {
		var printed string
		switch words := strings.Fields(step.command); {
		case words[0] == "curl":
			url := strings.Replace(words[2], "http://127.0.0.1:8080", serving.url, 1)
			if strings.Contains(step.command, "sha256sum") {
				url = serving.url + "/" + originHash(log.Origin) + "/checkpoint"
			}
			printed = get(t, url)
		case words[1] == "serve":
			serving = s.serve(t)
			printed = serving.first
			for _, sizes := range [][2]int{{0, 4}, {4, 11}} {
				if status, answer, err := serving.submit(log.Request(sizes[0], sizes[1]).Marshal()); status != http.StatusOK {
					t.Fatalf("got %d %q, %v", status, answer, err)
				}
			}
		default:
			line := vkey.ReplaceAllLiteralString(step.command, log.Key.Verifier().String())
			line = strings.NewReplacer("witness-data", s.data, "witness.key", s.key).Replace(line)
			printed = strings.ReplaceAll(must(t, strings.Fields(line)[1:]...), s.key, "witness.key")
		}
		want := sameButVarying(strings.Join(step.output, "\n") + "\n")
		if got := sameButVarying(printed); got != want {
			t.Errorf("%s\ngot\n%s\nthe guide says\n%s", step.command, got, want)
		}
	}
	if code, logged := serving.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, %s", code, logged)
	}
}
