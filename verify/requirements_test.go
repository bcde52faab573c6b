package verify_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

// every has every member of requirements.
const every = `{"assurance":["tee","vtpm:gcp"],"authority":{"sha256":"8a6d92395c9ccc5f6eeea3e97e14b7d45029df0cb11ed18daa523267fca50fc8"},"channels":["stable"],` +
	`"checkpointMaxAge":"24h","cmdlineRules":1,"consistency":"when-possible","epoch":true,"firmware":"not-checked","logOperator":"Acme","minimumAge":"99999d",` +
	`"minimumSecurityVersion":{"model/llama/chat":0,"os/node-os":7},"modes":["production","research"],"nonce":true,"operators":{"w1":"Op 1","w2":"Op 2"},` +
	`"products":["acme/ai","acme/other"],"rollMaxAge":"none","secureBoot":"required","testRoots":[{"sha256":"26c9d92395c9ccc5f6eeea3e97e14b7d45029df0cb11ed18daa523267fca50fc"}]}`

// fewest has the members that must stand.
const fewest = `{"authority":{"sha256":"8a6d92395c9ccc5f6eeea3e97e14b7d45029df0cb11ed18daa523267fca50fc8"},"channels":[],` +
	`"checkpointMaxAge":"none","logOperator":"Acme","minimumAge":"none","operators":{},"products":[],"rollMaxAge":"none"}`

func TestRequirementsRoundTrip(t *testing.T) {
	for _, text := range []string{every, fewest} {
		for _, file := range []string{text, text + "\n"} {
			r, err := verify.ParseRequirements([]byte(file))
			if err != nil {
				t.Fatal(err)
			}
			data, err := r.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(text, string(data)); diff != "" {
				t.Errorf("written otherwise (-read +written):\n%s", diff)
			}
		}
	}
}

func TestRequirementsDefaults(t *testing.T) {
	r, err := verify.ParseRequirements([]byte(fewest))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.AcceptedModes(); len(got) != 1 || got[0] != release.ModeProduction {
		t.Errorf("modes: got %v, want production", got)
	}
	if got := r.AcceptedAssurance(); len(got) != 1 || got[0] != verify.AssuranceTEE {
		t.Errorf("assurance: got %v, want tee", got)
	}
	nothing, err := verify.ParseRequirements([]byte(strings.Replace(fewest, `,"operators"`, `,"modes":[],"operators"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got := nothing.AcceptedModes(); len(got) != 0 {
		t.Errorf("an empty list accepts %v, want nothing", got)
	}
}

func TestRequirementsDigest(t *testing.T) {
	// $ printf '%s' '{"authority":...}' | sha256sum
	const want = "e851bceba4c03ed1e694a096b41e0a290e1e3cec291e671cc652a83dbb8fae91"
	digest := func(text string) string {
		r, err := verify.ParseRequirements([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		d, err := r.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	if got := digest(fewest); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if digest(fewest) != digest(fewest+"\n") {
		t.Error("the line feed counts")
	}
	if digest(fewest) == digest(every) {
		t.Error("two requirements have one digest")
	}
}

func TestRequirementsAreStrict(t *testing.T) {
	tests := []struct{ name, old, new string }{
		{"white space", `{"assurance"`, `{ "assurance"`},
		{"an unknown member", `,"nonce"`, `,"noise":true,"nonce"`},
		{"a member twice", `"nonce":true`, `"nonce":true,"nonce":true`},
		{"a member in capitals", `"modes"`, `"Modes"`},
		{"members out of order", `"nonce":true,"operators":{"w1":"Op 1","w2":"Op 2"}`, `"operators":{"w1":"Op 1","w2":"Op 2"},"nonce":true`},
		{"null", `"nonce":true`, `"nonce":null`},
		{"a false that says nothing", `"nonce":true`, `"nonce":false`},
		{"a list out of order", `["acme/ai","acme/other"]`, `["acme/other","acme/ai"]`},
		{"an element twice", `["acme/ai","acme/other"]`, `["acme/ai","acme/ai"]`},
		{"an empty element", `["acme/ai","acme/other"]`, `["","acme/other"]`},
		{"not ASCII", `"acme/other"`, `"acme/öther"`},
		{"a control character", `"acme/other"`, `"acme/\tother"`},
		{"no authority", `"authority":{"sha256":"8a6d92395c9ccc5f6eeea3e97e14b7d45029df0cb11ed18daa523267fca50fc8"},`, ``},
		{"no channels", `"channels":["stable"],`, ``},
		{"no checkpointMaxAge", `"checkpointMaxAge":"24h",`, ``},
		{"no logOperator", `"logOperator":"Acme",`, ``},
		{"no minimumAge", `"minimumAge":"99999d",`, ``},
		{"no operators", `"operators":{"w1":"Op 1","w2":"Op 2"},`, ``},
		{"no products", `"products":["acme/ai","acme/other"],`, ``},
		{"no rollMaxAge", `"rollMaxAge":"none",`, ``},
		{"a digest in capitals", `8a6d`, `8A6D`},
		{"a bare digest", `{"sha256":"8a6d92395c9ccc5f6eeea3e97e14b7d45029df0cb11ed18daa523267fca50fc8"}`, `"8a6d92395c9ccc5f6eeea3e97e14b7d45029df0cb11ed18daa523267fca50fc8"`},
		{"an unknown mode", `"research"`, `"testing"`},
		{"an unknown level", `"tee"`, `"best"`},
		{"a level without provider", `"vtpm:gcp"`, `"vtpm:"`},
		{"a provider in capitals", `"vtpm:gcp"`, `"vtpm:GCP"`},
		{"an unknown consistency", `when-possible`, `never`},
		{"an unknown secureBoot", `"secureBoot":"required"`, `"secureBoot":"off"`},
		{"an unknown firmware", `"firmware":"not-checked"`, `"firmware":"ignored"`},
		{"a minimum without a kind", `"os/node-os"`, `"node-os"`},
		{"a minimum without a name", `"os/node-os"`, `"os/"`},
		{"a minimum of another kind", `"os/node-os"`, `"node/os"`},
		{"a minimum that is negative", `"os/node-os":7`, `"os/node-os":-7`},
		{"a minimum with a fraction", `"os/node-os":7`, `"os/node-os":7.0`},
		{"a minimum of 2^53", `"os/node-os":7`, `"os/node-os":9007199254740992`},
		{"a witness without operator", `"w1":"Op 1"`, `"w1":""`},
		{"an operator that is no text", `"w1":"Op 1"`, `"w1":1`},
		{"a log without operator", `"logOperator":"Acme"`, `"logOperator":""`},
		{"a duration as a number", `"24h"`, `24`},
		{"an overlong text", `"Acme"`, `"` + strings.Repeat("a", 129) + `"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(every, tt.old) {
				t.Fatalf("no %s", tt.old)
			}
			if _, err := verify.ParseRequirements([]byte(strings.Replace(every, tt.old, tt.new, 1))); err == nil {
				t.Error("accepted")
			}
		})
	}
	for name, text := range map[string]string{
		"nothing": "", "null": "null", "two line feeds": fewest + "\n\n", "trailing bytes": fewest + "x",
		"a carriage return": fewest + "\r\n", "too long": fewest + strings.Repeat(" ", verify.MaxRequirements),
	} {
		if _, err := verify.ParseRequirements([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1s": time.Second, "90m": 90 * time.Minute, "24h": 24 * time.Hour, "99999d": 99999 * 24 * time.Hour, "none": 0,
	} {
		d, err := verify.ParseDuration(text)
		if err != nil || d.Value() != want || d.String() != text || d.None() != (text == "none") {
			t.Errorf("%s: got %v, %q, none %v, %v; want %v", text, d.Value(), d.String(), d.None(), err, want)
		}
	}
	for _, text := range []string{"", "0", "0s", "00s", "01h", "1", "h", "s1", "+1s", "-1s", "1.5h", "1h30m", "100000s", "1S", "1w", "1 h", " 1h", "1h ", "None", "NONE", "1\u0660s"} {
		if d, err := verify.ParseDuration(text); err == nil {
			t.Errorf("%q: got %v, want a refusal", text, d)
		}
	}
}

// TestTrustRefusesWhatCannotProtect is what `muster policy check` says.
func TestTrustRefusesWhatCannotProtect(t *testing.T) {
	witnesses := []tlogtest.Witness{
		tlogtest.NewWitness(t, "w1", "Op 1", tlog.TypeCosignatureEd25519),
		tlogtest.NewWitness(t, "w2", "Op 2", tlog.TypeCosignatureEd25519),
	}
	log := tlogtest.NewLog(t, "log.example/acme")
	tests := []struct {
		name      string
		quorum    int
		operators map[string]string
		want      error
	}{
		{"good", 2, map[string]string{"w1": "Op 1", "w2": "Op 2"}, nil},
		{"a witness without an operator", 1, map[string]string{"w1": "Op 1"}, policy.ErrOperatorUnknown},
		{"the log's operator alone", 1, map[string]string{"w1": "Acme", "w2": "Op 2"}, policy.ErrLogOperatorAlone},
		{"nobody, for one operator has both", 2, map[string]string{"w1": "Op 1", "w2": "Op 1"}, policy.ErrNobody},
		{"nobody without the log's operator", 2, map[string]string{"w1": "Acme", "w2": "Op 2"}, policy.ErrNobody},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &verify.Requirements{LogOperator: "Acme", Operators: tt.operators}
			if _, err := verify.NewTrust(tlogtest.Policy(t, tt.quorum, witnesses, log), r); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	r := &verify.Requirements{LogOperator: "Acme", Operators: tlogtest.Operators(witnesses...)}
	none := tlogtest.Policy(t, 1, witnesses, log)
	none.Quorum = policy.None
	if _, err := verify.NewTrust(none, r); !errors.Is(err, policy.ErrLogOperatorAlone) {
		t.Errorf("quorum none: got %v, want %v", err, policy.ErrLogOperatorAlone)
	}
	if _, err := verify.NewTrust(tlogtest.Policy(t, 1, witnesses), r); err == nil {
		t.Error("a policy without a log: accepted")
	}
}

func FuzzParseRequirements(f *testing.F) {
	f.Add([]byte(every))
	f.Add([]byte(fewest + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := verify.ParseRequirements(data)
		if err != nil {
			return
		}
		again, err := r.Marshal()
		if err != nil {
			t.Fatalf("parsed, does not marshal: %v", err)
		}
		if !bytes.Equal(again, bytes.TrimSuffix(data, []byte("\n"))) {
			t.Errorf("reads %q, writes %q", data, again)
		}
	})
}

// TestDocumentedRequirements: the example of the documentation is one.
func TestDocumentedRequirements(t *testing.T) {
	text, err := os.ReadFile("../docs/formats/requirements.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(text), "## Example\n\n    ")
	if !ok {
		t.Fatal("no example")
	}
	example, _, _ = strings.Cut(example, "\n")
	if _, err := verify.ParseRequirements([]byte(example)); err != nil {
		t.Error(err)
	}
}
