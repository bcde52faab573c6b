package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/client/record"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/verify"
)

// boot reads a boot of a real machine as a record of it.
func boot(t testing.TB, name string) (*record.Record, *verify.Trust) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../attest/tpm/testdata/boots", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Time                         time.Time
		Nonce, SPKI                  []byte
		Activated                    bool
		Policy, Requirements, Answer string
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	r := &record.Record{Address: "node.example:443", Time: recorded.Time, Nonce: attest.Digest(recorded.Nonce), SPKI: attest.Digest(recorded.SPKI),
		Activated: recorded.Activated, Answer: []byte(recorded.Answer), Policy: []byte(recorded.Policy), Requirements: []byte(recorded.Requirements)}
	trust, err := verify.ParseTrust(r.Policy, r.Requirements)
	if err != nil {
		t.Fatal(err)
	}
	return r, trust
}

func TestRoundTrip(t *testing.T) {
	r, _ := boot(t, "released")
	data, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"", "\n"} {
		again, err := record.Parse(append(bytes.Clone(data), end...))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := again.Marshal(); err != nil || !bytes.Equal(out, data) {
			t.Errorf("it is written as another one (%v)", err)
		}
	}
}

// TestParseRefuses: one change each that leaves no record.
func TestParseRefuses(t *testing.T) {
	r, _ := boot(t, "released")
	data, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]struct{ from, to string }{
		"two line feeds after it":      {"\"}", "\"}\n\n"},
		"a space":                      {`{"activated":`, `{ "activated":`},
		"an unknown member":            {`{"activated":`, `{"accepted":true,"activated":`},
		"a member missing":             {`"activated":true,`, ``},
		"activated as text":            {`"activated":true`, `"activated":"true"`},
		"an address without a port":    {`node.example:443`, `node.example`},
		"an address with a user":       {`node.example:443`, `me@node.example:443`},
		"an address with a line feed":  {`node.example:443`, `node.example\n:443`},
		"a nonce too short":            {`"nonce":"l6vF`, `"nonce":"`},
		"a digest in capitals":         {`"spki":{"sha256":"ff`, `"spki":{"sha256":"FF`},
		"a digest of another hash":     {`"spki":{"sha256"`, `"spki":{"sha512"`},
		"a time with an offset":        {`:36Z"}`, `:36+00:00"}`},
		"an answer with a member more": {`"answer":{`, `"answer":{"a":1,`},
		"a policy that is none":        {`"policy":"`, `"policy":"x`},
		"requirements that are none":   {`"requirements":"`, `"requirements":" `},
	} {
		at := bytes.LastIndex(data, []byte(change.from))
		if at < 0 {
			t.Errorf("%s: there is no %s in the record", name, change.from)
			continue
		}
		changed := append(append(bytes.Clone(data[:at]), change.to...), data[at+len(change.from):]...)
		if _, err := record.Parse(changed); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
	if _, err := record.Parse(make([]byte, record.MaxSize+2)); err == nil || !strings.Contains(err.Error(), "want at most") {
		t.Errorf("more than the greatest size: got %v", err)
	}
}

// TestJudge: years later a record of a node that passed is judged as of the fresh time
// of its bundle; the one thing that a third party cannot know keeps it from a pass.
func TestJudge(t *testing.T) {
	r, trust := boot(t, "released")
	j, err := record.Judge(r, trust, r.Time.AddDate(3, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if j.Verdict.Result != verify.Unknown || !j.Witnessed || j.Time.After(r.Time) || r.Time.Sub(j.Time) > 24*time.Hour {
		t.Errorf("got %s as of %s", j.Verdict.Result, j.Time)
	}
	for _, check := range j.Verdict.Checks {
		if decides, want := check.Decisive(), check.Code == "ak-bound"; decides != want {
			t.Errorf("%s: %s: expected %s, found %s", check.Code, check.Status, check.Expected, check.Found)
		}
	}
	// The same answer, judged as of now, is too old.
	answer, err := attest.ParseAnswer(r.Answer)
	if err != nil {
		t.Fatal(err)
	}
	if v := verify.Bundle(answer.Bundle, trust, r.Time.AddDate(3, 0, 0)); v.Result != verify.Fail {
		t.Errorf("three years later the bundle comes to %s", v.Result)
	}
}

// TestJudgeRefuses: what was wrong with a node is wrong in its record, and so is a
// record whose words do not fit its evidence.
func TestJudgeRefuses(t *testing.T) {
	for name, want := range map[string][]verify.Code{
		"loader-in-front":              {"boot-chain", "unused-pcrs"},
		"credential-on-boot-partition": {"kernel-inputs", "unused-pcrs"},
	} {
		r, trust := boot(t, name)
		wantFailed(t, name, r, trust, want)
	}
	r, trust := boot(t, "released")
	r.Nonce[0] ^= 1
	wantFailed(t, "another nonce", r, trust, []verify.Code{"evidence-binding"})
	r, trust = boot(t, "released")
	r.SPKI[0] ^= 1
	wantFailed(t, "another key of the connection", r, trust, []verify.Code{"evidence-binding"})
	// Saying that a credential was activated makes it no more than a word.
	r, trust = boot(t, "released")
	r.Activated = !r.Activated
	wantFailed(t, "another word about a credential", r, trust, nil)
}

func wantFailed(t *testing.T, name string, r *record.Record, trust *verify.Trust, want []verify.Code) {
	t.Helper()
	j, err := record.Judge(r, trust, r.Time)
	if err != nil {
		t.Fatal(err)
	}
	var failed []verify.Code
	for _, check := range j.Verdict.Checks {
		if check.Status == verify.StatusFail {
			failed = append(failed, check.Code)
		}
	}
	for _, code := range want {
		if check, _ := j.Verdict.Check(code); check.Status != verify.StatusFail {
			t.Errorf("%s: %s is %s, want it to fail", name, code, check.Status)
		}
	}
	if len(failed) != len(want) || j.Verdict.Result == verify.Pass {
		t.Errorf("%s: %s, failed %q, want %q", name, j.Verdict.Result, failed, want)
	}
}

// TestCompare: a log that one replayed oneself has the record's root, or has lied.
func TestCompare(t *testing.T) {
	r, trust := boot(t, "released")
	j, err := record.Judge(r, trust, r.Time)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Compare(func(size uint64) (tlog.Hash, error) {
		if size != j.Size || size == 0 {
			t.Errorf("asked for the root of %d entries, want %d", size, j.Size)
		}
		return j.Root, nil
	}); err != nil {
		t.Errorf("the same root: %v", err)
	}
	err = j.Compare(func(uint64) (tlog.Hash, error) { return tlog.Hash{1}, nil })
	if fork, ok := errors.AsType[*record.ForkError](err); !ok || fork.Size != j.Size || fork.Origin == "" {
		t.Errorf("another root: got %v", err)
	}
	failed := errors.New("no such size")
	if err := j.Compare(func(uint64) (tlog.Hash, error) { return tlog.Hash{}, failed }); !errors.Is(err, failed) {
		t.Errorf("no root: got %v", err)
	}
}

// TestCompareNeedsTheLog: a checkpoint that its quorum did not cosign accuses nobody.
func TestCompareNeedsTheLog(t *testing.T) {
	r, _ := boot(t, "released")
	other := strings.Replace(string(r.Answer), `"bundle":"`, `"bundle":"AAAA`, 1)
	r.Answer = []byte(other)
	trust, err := verify.ParseTrust(r.Policy, r.Requirements)
	if err != nil {
		t.Fatal(err)
	}
	j, err := record.Judge(r, trust, r.Time)
	if err != nil {
		t.Fatal(err)
	}
	err = j.Compare(func(uint64) (tlog.Hash, error) { return tlog.Hash{1}, nil })
	if _, ok := errors.AsType[*record.ForkError](err); ok || err == nil {
		t.Errorf("got %v", err)
	}
	if j.Witnessed || !j.Time.Equal(r.Time) {
		t.Errorf("as of %s, witnessed %v", j.Time, j.Witnessed)
	}
}

// FuzzParse: what parses has one encoding.
func FuzzParse(f *testing.F) {
	r, _ := boot(f, "released")
	data, err := r.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := record.Parse(data)
		if err != nil {
			return
		}
		if out, err := r.Marshal(); err != nil || string(out) != strings.TrimSuffix(string(data), "\n") {
			t.Errorf("it is written as another one (%v)", err)
		}
	})
}
