package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/tlog"
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
	`\b[0-9a-f]{16}\b`,
	`[A-Za-z0-9+/]{40,}=*(\.\.\.)?`,
	`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`,
	`127\.0\.0\.1:\d+`,
}, "|"))

func sameButVarying(line string) string { return varying.ReplaceAllString(line, "*") }

// guide runs the commands of the guide in a directory of their own, with a log of the
// test's in place of the guide's.
type guide struct {
	t         *testing.T
	directory string
	log       *witnesstest.Log
	serving   *process
	served    int // how often
}

var evidenceID = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

// evidence is the id of the evidence that is kept.
func (g *guide) evidence() string {
	g.t.Helper()
	var list struct{ Evidence []struct{ ID string } }
	printed := must(g.t, "evidence", "list", "--data", filepath.Join(g.directory, "witness-data"), "--json")
	if err := json.Unmarshal([]byte(printed), &list); err != nil || len(list.Evidence) != 1 {
		g.t.Fatalf("got %s, %v", printed, err)
	}
	return list.Evidence[0].ID[:16]
}

var logKey = regexp.MustCompile(`log\.example/acme\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*`)

// run runs one command and returns what it printed.
func (g *guide) run(command string) string {
	g.t.Helper()
	words := strings.Fields(command)
	switch {
	case words[0] == "curl":
		url := strings.Replace(words[2], "http://127.0.0.1:8080", g.serving.url, 1)
		if strings.Contains(command, "sha256sum") {
			url = g.serving.url + "/" + originHash(g.log.Origin) + "/checkpoint"
		}
		return get(g.t, url)
	case words[0] == "muster-witness" && words[1] == "serve" && g.served != 1:
		g.served++
		s := site{data: filepath.Join(g.directory, "witness-data"), key: filepath.Join(g.directory, "witness.key")}
		g.serving = s.serve(g.t)
		if g.served == 1 {
			g.grow()
		}
		return g.serving.first
	case words[0] == "muster-witness" && words[1] == "serve":
		g.served++
		g.goBack()
	}
	if words[1] == "evidence" && words[2] == "export" {
		command = evidenceID.ReplaceAllLiteralString(command, g.evidence())
	}
	// The output of a command that fails is in the guide, too.
	cmd := exec.CommandContext(g.t.Context(), "sh", "-c", logKey.ReplaceAllLiteralString(command, g.log.Key.Verifier().String()))
	cmd.Dir = g.directory
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	output, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		g.t.Fatal(err)
	}
	return string(output)
}

// grow has the log cosigned, a copy of the database made, the log cosigned further,
// and then show another history.
func (g *guide) grow() {
	g.t.Helper()
	submit := func(log *witnesstest.Log, from, to, want int) {
		g.t.Helper()
		if status, answer, err := g.serving.submit(log.Request(from, to).Marshal()); status != want {
			g.t.Fatalf("got %d %q, %v", status, answer, err)
		}
	}
	submit(g.log, 0, 4, http.StatusOK)
	if err := os.CopyFS(filepath.Join(g.directory, "yesterday"), os.DirFS(filepath.Join(g.directory, "witness-data"))); err != nil {
		g.t.Fatal(err)
	}
	submit(g.log, 4, 11, http.StatusOK)
	submit(g.log.Fork(7), 11, 11, http.StatusUnprocessableEntity)
}

// goBack stops the witness and puts the copy in the place of the database: what an
// operator must not do.
func (g *guide) goBack() {
	g.t.Helper()
	if code, logged := g.serving.end(syscall.SIGTERM); code != 0 {
		g.t.Errorf("exit code %d, %s", code, logged)
	}
	s := site{data: filepath.Join(g.directory, "witness-data")}
	s.restore(g.t, filepath.Join(g.directory, "yesterday"))
}

// TestGuideIsTrue runs the commands of docs/witness.md in their order and compares what
// they print.
func TestGuideIsTrue(t *testing.T) {
	musterProgram(t)
	g := &guide{t: t, directory: t.TempDir(), log: witnesstest.NewLog(t, "log.example/acme", 11)}
	list := fmt.Sprintf("logs/v0\nvkey %s\nqpd 86400\ncontact ops (at) log.example\n", witnesstest.NewKey(t, "log.example/listed", tlog.TypeEd25519).Verifier())
	if err := os.WriteFile(filepath.Join(g.directory, "log-list.1"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	steps := guideSteps(t)
	if len(steps) != 14 {
		t.Fatalf("the guide has %d commands, this test knows 14", len(steps))
	}
	for _, step := range steps {
		want := sameButVarying(strings.Join(step.output, "\n") + "\n")
		if len(step.output) == 0 {
			want = ""
		}
		if got := sameButVarying(g.run(step.command)); got != want {
			t.Errorf("%s\ngot\n%s\nthe guide says\n%s", step.command, got, want)
		}
	}
	if code, logged := g.serving.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, %s", code, logged)
	}
}
