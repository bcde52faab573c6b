//go:build system

package conformance

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"
)

var (
	makeTable = flag.Bool("table", false, "make every check of muster-witness and litewitness, and print the table")
	writePage = flag.String("page", "", "with -table: write the page about it to this file")
)

func init() {
	instead = func() (int, bool) {
		if !*makeTable {
			return 0, false
		}
		return table(ours, litewitness{}), true
	}
}

// table makes all checks of both and prints what came out. The exit code is 1
// if ours does not pass all.
func table(programs ...program) int {
	rows := make([][]result, len(checks()))
	for _, of := range programs {
		fmt.Fprintf(os.Stderr, "%d checks of %s ...\n", len(rows), of.name())
		for i, found := range judgeAll(of) {
			rows[i] = append(rows[i], found)
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "CHECK\t%s\t%s\n", programs[0].name(), programs[1].name())
	for i, check := range checks() {
		fmt.Fprintf(out, "%s\t%v\t%v\n", check.name, rows[i][0].verdict, rows[i][1].verdict)
	}
	for _, line := range counts(programs, rows) {
		fmt.Fprintln(out, line)
	}
	out.Flush()
	for column, of := range programs {
		fmt.Printf("\n%s, what it did not pass, and why:\n", of.name())
		for i, check := range checks() {
			if found := rows[i][column]; found.verdict != passed {
				fmt.Printf("%s: %v: %s\n", check.name, found.verdict, found.detail)
			}
		}
	}
	for i := range rows {
		if rows[i][0].verdict != passed {
			fmt.Fprintf(os.Stderr, "witness-table: %s does not pass %s\n", programs[0].name(), checks()[i].name)
			return 1
		}
	}
	if *writePage != "" {
		if err := os.WriteFile(*writePage, []byte(pageOf(programs, rows)), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "witness-table:", err)
			return 1
		}
	}
	return 0
}

// judgeAll makes every check of a program, outside of a test.
func judgeAll(of program) []result {
	results := make([]result, len(checks()))
	all := check{name: "all", run: func(t *T) {
		shared := started(t, of)
		for i, check := range checks() {
			results[i] = judge(check, of, shared)
		}
	}}
	if found := judge(all, of, nil); found.verdict != passed {
		for i := range results {
			results[i] = found
		}
	}
	return results
}

// counts are the last lines of the table.
func counts(programs []program, rows [][]result) []string {
	lines := []string{}
	for _, counted := range []verdict{passed, failed, notApplicable} {
		line := counted.String()
		for column := range programs {
			sum := 0
			for _, row := range rows {
				if row[column].verdict == counted {
					sum++
				}
			}
			line += fmt.Sprintf("\t%d", sum)
		}
		lines = append(lines, line)
	}
	return lines
}

// changing is what is another at each run: keys, paths, addresses.
var changing = regexp.MustCompile(`\+[0-9a-f]{8}\+\S*|[A-Za-z0-9+/]{24,}=*|/tmp/\S+|127\.0\.0\.1:[0-9]+`)

// reason is a result's detail for one cell of the page.
func reason(found result) string {
	const most = 200
	text := changing.ReplaceAllString(strings.Join(strings.Fields(found.detail), " "), "...")
	text = strings.ReplaceAll(text, `\n`, "")
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`).Replace(strings.ToValidUTF8(text, ""))
}

// pageOf is the page in docs.
func pageOf(programs []program, rows [][]result) string {
	var out strings.Builder
	fmt.Fprintf(&out, pageHead, programs[1].name())
	fmt.Fprintf(&out, "| | %s | %s |\n|---|---|---|\n", programs[0].name(), programs[1].name())
	for _, line := range counts(programs, rows) {
		fmt.Fprintf(&out, "| %s |\n", strings.ReplaceAll(line, "\t", " | "))
	}
	fmt.Fprintf(&out, "\n| check | %s | %s | what the latter did |\n|---|---|---|---|\n", programs[0].name(), programs[1].name())
	for i, check := range checks() {
		fmt.Fprintf(&out, "| `%s` | %v | %v | %s |\n", check.name, rows[i][0].verdict, rows[i][1].verdict, reason(rows[i][1]))
	}
	return out.String()
}

const pageHead = `# How strict the witness is

Written by ` + "`make witness-table`" + `, which makes every check anew and fails if ` + "`muster-witness`" + ` does not pass one. Two real programs are
judged from outside: ours, and %[1]s of [torchwood](https://github.com/FiloSottile/torchwood), a witness that is in use, for comparison.
The checks are in [witness/conformance](../witness/conformance/doc.go). Each knows of a witness its address, its public keys, its files
and what its operator can do with it.

What is asked stands in [tlog-witness](https://c2sp.org/tlog-witness), [tlog-cosignature](https://c2sp.org/tlog-cosignature),
[tlog-checkpoint](https://c2sp.org/tlog-checkpoint) and [signed-note](https://c2sp.org/signed-note). Where these leave a choice, the checks
want the stricter one: a malformed request is answered 400 and never 5xx, a proof or signature has one spelling, and a witness
whose database is lost or older than what it signed signs no second history. What no MUST demands (an ML-DSA-44 key,
monitor retrieval, kept evidence, rate limits, locks) is n/a where the other program does not have it, and a failure for ours.

| case | about |
|---|---|
| W1 | every MUST of tlog-witness, in the order of its text |
| W2 | malformed requests, and sizes at the edges |
| W3 | races from one old size |
| W4 | kill -9, a full disk |
| W5 | the database is lost, or restored from an older copy |
| W6 | time stamps never go back |
| W7 | log keys change; two keys of one name; two of one name and id |
| W8 | a log that shows two histories |
| W9 | lines under the witness's own name: forged, or made and forgotten |
| W10 | an origin signed by another's key |
| W11 | strange origins, and look-alikes |
| W12 | large bodies, slow clients, rate limits |
| W13 | extension lines, which ML-DSA-44 does not cover |
| W14 | a second process on one database or key |
| W15 | monitor retrieval |

`

// TestHarnessKnowsAnotherWitness: the checks tell what litewitness does from
// what it does not do.
func TestHarnessKnowsAnotherWitness(t *testing.T) {
	lite := litewitness{}
	shared := started(t, lite)
	want := map[string]verdict{
		"W1.cosigns-growth":                      passed,
		"W1.404-unknown-origin":                  passed,
		"W1.403-bad-line-before-good":            passed,
		"W1.403-bad-line-after-good":             failed,
		"W1.409-old-is-not-the-latest":           passed,
		"W1.422-size-0-with-another-root":        failed,
		"W1.422-proof-with-old-0":                failed,
		"W1.422-wrong-hash":                      passed,
		"W2.size-05":                             failed,
		"W2.proof-loose-bits":                    failed,
		"W3.one-of-a-race":                       passed,
		"W5.older-copy":                          failed,
		"W8.evidence-of-the-same-size":           notApplicable,
		"W12.16-ml-dsa-signatures":               failed,
		"W15.log-signature-and-own-cosignatures": notApplicable,
		"W15.404-never-cosigned":                 passed,
		"W7.rotation-keeps-size-and-root":        passed,
		"W10.origin-signed-by-anothers-key":      passed,
		"W14.killed-one-leaves-nothing-locked":   passed,
		"W14.second-process-with-the-key":        notApplicable,
		"W9.forged-own-line-not-echoed":          passed,
		"W13.no-ml-dsa-44-with-extension-lines":  notApplicable,
		"W11.unknown-trailing-space":             passed,
		"W6.repeated-never-earlier":              passed,
		"W2.root-loose-bits":                     failed,
	}
	for _, check := range checks() {
		verdict, listed := want[check.name]
		if !listed {
			continue
		}
		delete(want, check.name)
		if found := judge(check, lite, shared); found.verdict != verdict {
			t.Errorf("%s: got %v (%s), want %v", check.name, found.verdict, found.detail, verdict)
		}
	}
	for name := range want {
		t.Errorf("there is no check %s", name)
	}
}
