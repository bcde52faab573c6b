package command_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/keyfile"
)

var errKnown = errors.New("known to the program")

// run is a program whose command `thing do` ends with an error.
func run(t *testing.T, fails error, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := &command.Program{Name: "prog", Out: &stdout, ErrOut: &stderr, Explain: func(err error, e *command.Explained) {
		if errors.Is(err, errKnown) {
			e.Error.Code, e.Error.Member, e.Error.Got, e.Error.Wanted = "known", "a.b", "1", "2"
		}
	}}
	root := p.Root("does things", "")
	do := &cobra.Command{Use: "do --name NAME", Args: command.Arguments(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		if err := command.Required(cmd, "name", "other"); err != nil {
			return err
		}
		if fails != nil {
			return fails
		}
		p.Logger(false).Info("done")
		return p.Print(map[string]string{"done": "<yes>"}, func(w io.Writer) error { _, err := io.WriteString(w, "done\n"); return err })
	}}
	do.Flags().String("name", "", "a name")
	do.Flags().String("other", "", "another")
	root.AddCommand(command.Group("thing", "things", do))
	code = p.Run(t.Context(), root, args)
	return code, stdout.String(), stderr.String()
}

// TestFailures: text and JSON of each way to fail say the same.
func TestFailures(t *testing.T) {
	full := []string{"thing", "do", "--name", "x", "--other", "y"}
	for name, test := range map[string]struct {
		fails error
		args  []string
		exit  int
		json  string // of error
		text  string
	}{
		"no such command": {nil, []string{"thng"}, 2, `{"code":"usage","message":"prog has no command \"thng\", did you mean thing","hint":"see prog --help"}`,
			"prog: prog has no command \"thng\", did you mean thing\nhint: see prog --help\n"},
		"no such command of a group": {nil, []string{"thing", "go"}, 2, `{"code":"usage","message":"prog thing has no command \"go\", did you mean do","hint":"see prog thing --help"}`,
			"prog: prog thing has no command \"go\", did you mean do\nhint: see prog thing --help\n"},
		"no such flag": {nil, []string{"thing", "do", "--frob"}, 2, `{"code":"usage","message":"unknown flag: --frob","hint":"see prog thing do --help"}`,
			"prog: unknown flag: --frob\nhint: see prog thing do --help\n"},
		"an argument too many": {nil, append(full, "z"), 2, `{"code":"usage","message":"got 1 argument, want prog thing do --name NAME","hint":"see prog thing do --help"}`,
			"prog: got 1 argument, want prog thing do --name NAME\nhint: see prog thing do --help\n"},
		"missing flags": {nil, []string{"thing", "do", "--other", ""}, 2, `{"code":"usage","message":"missing --name, --other","hint":"see prog thing do --help"}`,
			"prog: missing --name, --other\nhint: see prog thing do --help\n"},
		"two lines": {errors.New("a\nprog: b"), full, 3, `{"code":"failed","message":"a\\nprog: b"}`, "prog: a\\nprog: b\n"},
		"a failure without code and hint": {command.Fail(exitcode.Refused, "", "", errors.New("no")), full, 1, `{"code":"refused","message":"no"}`,
			"prog: no\n"},
		"a failure": {fmt.Errorf("x: %w", command.Fail(4, "bad-log", "stop", errors.New("no"))), full, 4, `{"code":"bad-log","message":"x: no","hint":"stop"}`,
			"prog: x: no\nhint: stop\n"},
		"a failure around a known error": {command.Fail(1, "", "look", fmt.Errorf("x: %w", errKnown)), full, 1,
			`{"code":"known","message":"x: known to the program","member":"a.b","got":"1","wanted":"2","hint":"look"}`, "prog: x: known to the program\nhint: look\n"},
		"a key file that others can read": {fmt.Errorf("x: %w", &keyfile.ModeError{Path: "a.key", Mode: 0o644}), full, 3,
			`{"code":"key-file-mode","message":"x: private key a.key has mode 0644, want 0600","hint":"chmod 600 a.key, and think of the key as known if others could read it"}`,
			"prog: x: private key a.key has mode 0644, want 0600\nhint: chmod 600 a.key, and think of the key as known if others could read it\n"},
		"a file that exists": {&atomicfile.ExistsError{Path: "a"}, full, 2, `{"code":"file-exists","message":"a exists and is not overwritten","hint":"name another file"}`,
			"prog: a exists and is not overwritten\nhint: name another file\n"},
		"usage around a failure": {command.Usage(&cobra.Command{Use: "x"}, command.Fail(1, "c", "h", errors.New("no"))), full, 1,
			`{"code":"c","message":"no","hint":"h"}`, "prog: no\nhint: h\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := run(t, test.fails, test.args...)
			if code != test.exit || out != "" || errOut != test.text {
				t.Errorf("got %d, %q, %q, want %d and %q", code, out, errOut, test.exit, test.text)
			}
			code, out, errOut = run(t, test.fails, append(test.args, "--json")...)
			if want := fmt.Sprintf(`{"error":%s,"exit":%d}`+"\n", test.json, test.exit); code != test.exit || out != want || errOut != test.text {
				t.Errorf("under --json got %d, %s, %q, want %s", code, out, errOut, want)
			}
		})
	}
}

func TestResult(t *testing.T) {
	args := []string{"thing", "do", "--name", "x", "--other", "y"}
	if code, out, errOut := run(t, nil, args...); code != 0 || out != "done\n" || !strings.Contains(errOut, "level=INFO msg=done") {
		t.Errorf("got %d, %q, %q", code, out, errOut)
	}
	if code, out, errOut := run(t, nil, append(args, "--json")...); code != 0 || out != `{"done":"<yes>"}`+"\n" || !json.Valid([]byte(errOut)) {
		t.Errorf("got %d, %q, %q", code, out, errOut)
	}
	if code, out, errOut := run(t, command.Verdict(3), append(args, "--json")...); code != 3 || out != "" || errOut != "" {
		t.Errorf("a verdict: got %d, %q, %q", code, out, errOut)
	}
	if code, out, _ := run(t, nil); code != 0 || !strings.Contains(out, "does things") || strings.Contains(out, "prog [flags]") {
		t.Errorf("no command: got %d, %q", code, out)
	}
}

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"a\x1b[2J":                       `"a\x1b[2J"`,
		"ü":                              `"ü"`,
		strings.Repeat("a", 199) + "üüü": `"` + strings.Repeat("a", 199) + `?"...`,
	} {
		if got := command.Quote(text); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := command.OneLine("a \"b\" c:\\d\r\n\x1b[2J"); got != `a "b" c:\d\r\n\x1b[2J` {
		t.Errorf("got %s", got)
	}
}
