package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/verify"
)

const successorOrigin = "log2.example/acme"

// succession is an old log and the authorities by which another succeeds it.
type succession struct {
	*testSite
	issuer  *logtest.Issuer
	second  []byte         // version 2, of the old log
	third   []byte         // version 3, which names the successor
	inForce release.Digest // version 3's payload digest
}

func newSuccession(t *testing.T, s *testSite) *succession {
	t.Helper()
	c := &succession{testSite: s, issuer: logtest.NewIssuer(t, origin)}
	s.write(s.authority, c.issuer.Authority)
	s.digest = c.issuer.Digest
	c.second = c.issuer.Rotate()
	c.third = c.next(3, c.second, func(a *release.Authority) { a.Origin = successorOrigin })
	c.inForce = payloadDigest(t, c.third)
	return c
}

// next makes the version that follows an authority, signed by the roots.
func (c *succession) next(version int, previous []byte, change func(*release.Authority)) []byte {
	c.t.Helper()
	digest := payloadDigest(c.t, previous)
	return c.issuer.Rotate(func(a *release.Authority) {
		a.Version, a.Previous = version, &digest
		change(a)
	})
}

func payloadDigest(t *testing.T, entry []byte) release.Digest {
	t.Helper()
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		t.Fatal(err)
	}
	return envelope.PayloadDigest()
}

func (s *testSite) write(path string, data []byte) string {
	s.t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// keyFile writes the private key of a name.
func (s *testSite) keyFile(name string) string {
	s.t.Helper()
	text, err := releasetest.KeyFromName(name).MarshalPEM()
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.dir, name+".key")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// submitted submits an entry that must be published at once or soon.
func (p *process) submitted(entry []byte) {
	p.t.Helper()
	status, body, err := p.submit(entry)
	if err != nil || status != http.StatusCreated && status != http.StatusAccepted {
		p.t.Fatalf("submit: %d %s, %v", status, body, err)
	}
	var receipt struct{ Proof string }
	if err := json.Unmarshal([]byte(body), &receipt); err != nil {
		p.t.Fatal(err)
	}
	p.waitStatus(receipt.Proof, http.StatusOK)
}

// publish logs an OS image, a release of it and the roll, under an authority, and
// returns the index of the release.
func (c *succession) publish(p *process, origin string, authority release.Digest) string {
	c.t.Helper()
	image, imageDigest := c.issuer.Image(logtest.OS, func(i *release.Image) { i.Authority = authority })
	approved := c.issuer.StateRelease("1", imageDigest)
	approved.Authority = authority
	entry, digest := c.issuer.SignRelease(approved, "rel1", "rel2")
	p.submitted(image)
	p.submitted(entry)
	status, note := p.get("/checkpoint")
	if status != http.StatusOK {
		c.t.Fatalf("checkpoint: %d %s", status, note)
	}
	checkpoint, err := tlog.ParseCheckpoint([]byte(note))
	if err != nil {
		c.t.Fatal(err)
	}
	p.submitted(c.issuer.Roll(checkpoint.Checkpoint, []release.Digest{digest}, func(r *release.Roll) { r.Authority, r.Origin = authority, origin }))
	return digest.String()
}

// verdict judges the bundle of an entry as a relying party of the policy does whose
// pin is version 1 of the old log.
func (c *succession) verdict(data, policyFile, logOperator string) *verify.Verdict {
	c.t.Helper()
	text, err := os.ReadFile(policyFile)
	if err != nil {
		c.t.Fatal(err)
	}
	p, err := policy.Parse(text)
	if err != nil {
		c.t.Fatal(err)
	}
	age := func(text string) verify.Duration {
		d, err := verify.ParseDuration(text)
		if err != nil {
			c.t.Fatal(err)
		}
		return d
	}
	trust, err := verify.NewTrust(p, &verify.Requirements{Authority: c.issuer.Digest, Products: []string{logtest.Product}, Channels: []string{"stable"},
		RollMaxAge: age("1h"), CheckpointMaxAge: age("1d"), MinimumAge: age("none"),
		Operators: map[string]string{"w0": "Operator 0", "w1": "Operator 1", "w2": "Operator 2"}, LogOperator: logOperator})
	if err != nil {
		c.t.Fatal(err)
	}
	return verify.Bundle([]byte(data), trust, time.Now())
}

// TestSuccessor: a log is given up for another one, whose key is new: the chain of
// its authority goes on there, the pin of everyone who verifies stays, and the old
// log admits nothing more.
func TestSuccessor(t *testing.T) {
	c := newSuccession(t, newSite(t))
	m := c.init()
	old := serve(t, "muster-log", "--data", c.data, "--listen", "127.0.0.1:0")
	c.add(m.WitnessCommand, 0, 1, 2)
	old.waitStatus("/readyz", http.StatusOK)
	old.submitted(c.second)
	released := c.publish(old, origin, payloadDigest(t, c.second))
	bundleBefore := old.waitStatus("/api/v1/entries/"+released+"/bundle", http.StatusOK)
	if v := c.verdict(bundleBefore, m.Policy, "log.example"); v.Result != verify.Pass {
		t.Fatalf("before: %s", v.Result)
	}

	// The key of the old log is stolen. Its chain is taken from what somebody
	// holds, or from it while it still answers.
	held, third := filepath.Join(c.dir, "held.muster"), filepath.Join(c.dir, "third.json")
	must(t, "muster", "bundle", "get", "0", "--log", old.url, "--policy", m.Policy, "--out", held)
	must(t, "muster", "authority", "rotate", "--bundle", held, "--origin", successorOrigin, "--retire-log", "--out", third)
	must(t, "muster", "authority", "sign", third, "--key", c.keyFile("root1"), "--key", c.keyFile("root2"))
	var err error
	if c.third, err = os.ReadFile(third); err != nil {
		t.Fatal(err)
	}
	c.inForce = payloadDigest(t, c.third)
	data := filepath.Join(c.dir, "data2")
	next := []string{"--origin", successorOrigin, "--authority", third}
	printed := must(t, "muster-log", c.flags(append(next, "--data", data, "--successor-of", held)...)...)
	for _, want := range []string{"succeeds      " + origin + "\n", "pin           " + c.issuer.Digest.String() + ", authority version 1, as before",
		"in force      " + c.inForce.String() + ", authority version 3", "submit version 3 to " + origin, "relying parties replace their policy by " + data} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
	fromURL := filepath.Join(c.dir, "data3")
	var made made
	if err := json.Unmarshal([]byte(must(t, "muster-log", c.flags(append(next, "--data", fromURL, "--successor-of", old.url, "--json")...)...)), &made); err != nil {
		t.Fatal(err)
	}
	if made.Authority != c.issuer.Digest.String() || made.InForce != c.inForce.String() || made.Versions != 3 || len(made.SuccessorOf) != 1 || made.SuccessorOf[0] != origin {
		t.Errorf("init printed %+v", made)
	}
	for i, want := range [][]byte{c.issuer.Authority, c.second, c.third} {
		for _, dir := range []string{data, fromURL} {
			if got, err := os.ReadFile(filepath.Join(dir, authorityFile(i))); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: version %d is another, %v", dir, i+1, err)
			}
		}
	}

	// The first start ends after the first entry; the second goes on there.
	for i := 1; i < 3; i++ {
		if err := os.Rename(filepath.Join(data, authorityFile(i)), filepath.Join(c.dir, authorityFile(i))); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--data", data, "--listen", "127.0.0.1:0"}
	successor := serve(t, "muster-log", args...)
	if code := successor.end(syscall.SIGKILL); code != -1 {
		t.Fatalf("exit code %d", code)
	}
	for i := 1; i < 3; i++ {
		if err := os.Rename(filepath.Join(c.dir, authorityFile(i)), filepath.Join(data, authorityFile(i))); err != nil {
			t.Fatal(err)
		}
	}
	successor = serve(t, "muster-log", args...)
	if text := successor.logged(); strings.Count(text, `msg="appended the authority"`) != 2 || !strings.Contains(text, "index=2 digest="+c.inForce.String()) {
		t.Errorf("logged %s", text)
	}
	text, err := os.ReadFile(filepath.Join(data, policyFile))
	if err != nil {
		t.Fatal(err)
	}
	own, err := policy.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	c.add(witnessCommand(own.Logs[0].Key), 0, 1, 2)
	if body := successor.waitStatus("/readyz", http.StatusOK); !strings.Contains(body, `"size":3`) || strings.Contains(body, "retired") || !strings.Contains(body, `"void":0`) {
		t.Errorf("readyz: %s", body)
	}

	// The old release means nothing here: it is made again, under version 3.
	stale := c.issuer.StateRelease("2", release.Digest{1})
	stale.Authority = c.inForce
	entry, _ := c.issuer.SignRelease(stale, "rel1", "rel2")
	if status, body, err := successor.submit(entry); status != http.StatusUnprocessableEntity || !strings.Contains(body, "image-not-logged") {
		t.Errorf("a release of what the old log has: %d %s, %v", status, body, err)
	}
	released = c.publish(successor, successorOrigin, c.inForce)
	fresh := successor.waitStatus("/api/v1/entries/"+released+"/bundle", http.StatusOK)
	if v := c.verdict(fresh, filepath.Join(data, policyFile), "log2.example"); v.Result != verify.Pass {
		t.Errorf("under the pin of version 1: %+v", v)
	}
	parsed, err := bundle.Parse([]byte(fresh))
	if err != nil || len(parsed.Entries) != 6 {
		t.Fatalf("the bundle has %d entries, %v, want 3 authorities, an image, the release and the roll", len(parsed.Entries), err)
	}
	if v := c.verdict(fresh, m.Policy, "log.example"); v.Result != verify.Fail {
		t.Errorf("under the old policy: %s", v.Result)
	}

	// The old log retires with the same version as its last entry.
	must(t, "muster", "authority", "submit", third, "--log", old.url, "--policy", m.Policy)
	if status, body, err := old.submit(c.image("late")); status != http.StatusConflict || !strings.Contains(body, "log-retired") {
		t.Errorf("after the retirement: %d %s, %v", status, body, err)
	}
	if body := old.waitStatus("/readyz", http.StatusOK); !strings.Contains(body, `"retired":{"index":5,"successor":"`+successorOrigin+`"}`) {
		t.Errorf("readyz: %s", body)
	}
	if _, page := old.get("/"); !strings.Contains(page, "This log is retired") || !strings.Contains(page, successorOrigin) {
		t.Errorf("home page: %s", page)
	}
	after := old.waitStatus("/api/v1/entries/4/bundle", http.StatusOK)
	v := c.verdict(after, m.Policy, "log.example")
	if retired := slices.IndexFunc(v.Checks, func(check verify.Check) bool { return check.Code == verify.CodeLogRetired }); v.Result != verify.Fail || retired < 0 || v.Checks[retired].Status != verify.StatusFail {
		t.Errorf("a bundle of the retired log: %+v", v)
	}
	old.waitLog(`msg="this log is retired"`)
}

// TestSuccessorRefuses: a chain that does not lead from the pin to the new origin
// is refused before anything is written.
func TestSuccessorRefuses(t *testing.T) {
	c := newSuccession(t, offline(t))
	bundleOf := func(name string, entries ...[]byte) string {
		b := bundle.Bundle{Origin: origin, Checkpoint: origin + "\n9\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— " + origin + " AAAAAGp1bms=\n"}
		for i, entry := range entries {
			b.Entries = append(b.Entries, bundle.Entry{Envelope: entry, Index: uint64(i)})
		}
		data, err := b.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return c.write(filepath.Join(c.dir, name), data)
	}
	file := func(name string, entry []byte) string { return c.write(filepath.Join(c.dir, name), entry) }
	image, _ := c.issuer.Image()
	chain := bundleOf("chain", c.issuer.Authority, c.second)
	whole := bundleOf("whole", c.issuer.Authority, c.second, c.third)
	third := file("third", c.third)
	half := c.issuer.RotateSigned([]string{"root1"}, func(a *release.Authority) { a.Origin = successorOrigin })
	expired := c.next(3, c.second, func(a *release.Authority) {
		a.Origin, a.Issued, a.Expires = successorOrigin, a.Issued.AddDate(-2, 0, 0), a.Expires.AddDate(-2, 0, 0)
	})
	future := c.next(3, c.second, func(a *release.Authority) { a.Origin, a.Issued = successorOrigin, a.Issued.Add(time.Hour) })
	fourth := c.next(4, c.third, func(a *release.Authority) { a.Origin = successorOrigin })
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no such file":                    {[]string{"--successor-of", filepath.Join(c.dir, "none")}, 3, "no such file"},
		"no bundle":                       {[]string{"--successor-of", third}, 1, "take a proof bundle"},
		"a bundle without authorities":    {[]string{"--successor-of", bundleOf("image", image), "--authority", third}, 1, "holds no authority"},
		"an address that is none":         {[]string{"--successor-of", "ftp://log.example"}, 3, "scheme"},
		"nobody names the new origin":     {[]string{"--successor-of", chain}, 1, "have the root keys sign the next version"},
		"the origin of the old log":       {[]string{"--successor-of", chain, "--origin", origin}, 2, "a successor has an origin"},
		"a version left out":              {[]string{"--successor-of", bundleOf("first", c.issuer.Authority), "--authority", third}, 1, "version-not-next"},
		"the first version left out":      {[]string{"--successor-of", bundleOf("second", c.second), "--authority", third}, 1, "first-entry-not-authority"},
		"too few root keys":               {[]string{"--successor-of", bundleOf("first2", c.issuer.Authority), "--authority", file("half", half)}, 1, "previous-root-missed"},
		"an expired version":              {[]string{"--successor-of", chain, "--authority", file("expired", expired)}, 1, "expired at"},
		"a version of the future":         {[]string{"--successor-of", chain, "--authority", file("future", future)}, 1, "the log would sign nothing"},
		"a version beyond the new origin": {[]string{"--successor-of", whole, "--authority", file("fourth", fourth)}, 2, "follows the version that names " + successorOrigin},
		"a later version alone":           {[]string{"--authority", third}, 1, "give that with --successor-of"},
	} {
		t.Run(name, func(t *testing.T) {
			flags := []string{"init", "--data", c.data, "--origin", successorOrigin, "--quorum", "2"}
			for i, w := range c.witnesses {
				flags = append(flags, "--witness", "w"+string(rune('0'+i))+"="+w.vkey+"="+w.url+"=Operator "+string(rune('0'+i)))
			}
			stdout, stderr, code := execute(t, "muster-log", append(append(flags, test.args...), "--json")...)
			if code != test.code || !strings.Contains(stderr, test.want) {
				t.Errorf("exit code %d, %q; want %d and %q", code, stderr, test.code, test.want)
			}
			sameInJSON(t, "muster-log", stdout, stderr, test.code)
			if _, err := os.Stat(c.data); err == nil {
				t.Error("something was written")
			}
		})
	}
	// A chain that holds the version needs no file beside it, and the same is no other.
	must(t, "muster-log", c.flags("--origin", successorOrigin, "--successor-of", whole, "--authority", third)...)
}

// TestSuccessorPage: the commands of docs/successor.md have the flags it says.
func TestSuccessorPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "successor.md"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for line := range strings.Lines(string(page)) {
		words := strings.Fields(line)
		if len(words) < 2 || !strings.HasPrefix(line, "       ") || !slices.Contains([]string{"muster", "muster-log", "muster-witness"}, words[0]) {
			continue
		}
		var command []string
		for _, word := range words[1:] {
			if strings.HasPrefix(word, "-") {
				break
			}
			command = append(command, word)
		}
		if words[0] == "muster" {
			command = command[:2] // a noun and a verb; the rest are files
		}
		help := must(t, words[0], append(command, "--help")...)
		for _, word := range words[1:] {
			if name, _, _ := strings.Cut(word, "="); strings.HasPrefix(name, "--") && !strings.Contains(help, "  "+name+" ") {
				t.Errorf("%s: no flag %s in\n%s", strings.TrimSpace(line), name, help)
			}
		}
		checked++
	}
	if checked != 7 {
		t.Errorf("found %d command lines, want 7", checked)
	}
}
