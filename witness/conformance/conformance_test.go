package conformance

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ours is muster-witness, built once.
var ours muster

// instead runs in place of the tests where it is told to: it makes the table.
var instead func() (exitCode int, told bool)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		directory, err := os.MkdirTemp("", "conformance-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(directory)
		if ours, err = buildMuster(directory); err != nil {
			panic(err)
		}
		if instead != nil {
			if code, told := instead(); told {
				return code
			}
		}
		return m.Run()
	}())
}

// TestMusterWitness makes every check of the built muster-witness.
func TestMusterWitness(t *testing.T) {
	shared := started(t, ours)
	for _, check := range checks() {
		t.Run(check.name, func(t *testing.T) {
			if found := judge(check, ours, shared); found.verdict != passed {
				t.Errorf("%v: %s", found.verdict, found.detail)
			}
		})
	}
}

// started is a running witness that checks use together.
func started(t testing.TB, of program) instance {
	t.Helper()
	directory, err := os.MkdirTemp("", "w")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	shared := of.install(t, directory)
	if err := shared.start(); err != nil {
		t.Fatal(err)
	}
	return shared
}

// TestCasesAreWhole: the cases are W1 to W15 in their order, each with checks
// of names of their own.
func TestCasesAreWhole(t *testing.T) {
	names := map[string]bool{}
	name := regexp.MustCompile(`^W([1-9][0-9]?)\.[a-z0-9^-]+$`)
	var cases []string
	for _, check := range checks() {
		found := name.FindStringSubmatch(check.name)
		if found == nil || names[check.name] {
			t.Errorf("check %q: the name has another form, or is taken", check.name)
			continue
		}
		names[check.name] = true
		if len(cases) == 0 || cases[len(cases)-1] != found[1] {
			cases = append(cases, found[1])
		}
	}
	if got, want := strings.Join(cases, " "), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"; got != want {
		t.Errorf("cases %s, want %s", got, want)
	}
}

// page is what make witness-table writes.
const page = "../../docs/witness-conformance.md"

// TestPageIsCurrent: the page has a row for each check that there is, and says
// that ours passes all.
func TestPageIsCurrent(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(W[^`]+)` \\| ([^|]+) \\| (?:pass|FAIL|n/a) \\|").FindAllStringSubmatch(string(text), -1) {
		got = append(got, row[1]+" "+row[2])
	}
	for _, check := range checks() {
		want = append(want, check.name+" pass")
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s is not of these checks; make witness-table writes it anew\ngot  %q\nwant %q", page, got, want)
	}
}
