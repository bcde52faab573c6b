package verify_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

// vectors is the folder of the test vectors, whose README says what they are.
const vectors = "../testdata/vectors"

// vector is one judgement: what stands in its folder.
type vector struct {
	site *site
	data []byte
	now  time.Time // zero: an hour after the site's clock
	// memory is what is remembered before; nil: the folder has no memory.
	memory *verify.Memory
}

// makeVectors makes every vector; the same on every machine.
func makeVectors(t *testing.T) map[string]vector {
	all := map[string]vector{}
	add := func(name string, s *site, data []byte) { all[name] = vector{site: s, data: data} }

	s := newSite(t).standard()
	good := marshal(t, s.bundle())
	add("pass", s, good)
	all["checkpoint-too-old"] = vector{site: s, data: good, now: s.clock.Add(day)}
	all["before-the-deadline"] = vector{site: s, data: good, now: s.clock.Add(day - time.Second)}
	add("not-canonical", s, append(bytes.Clone(good), '\n'))
	add("entry-changed", s, changeEntry(t, good))

	s = newSite(t).standard()
	s.requirements.Authority = digestOf("another authority")
	add("another-pin", s, good)

	s = newSite(t).standard()
	one := s.bundle()
	one.Checkpoint = string(s.checkpoint(4, 2).Marshal())
	add("quorum-missed", s, marshal(t, one))

	s = newSite(t).standard()
	s.requirements.Operators["w3"], s.requirements.Operators["w2"] = s.requirements.LogOperator, "one person"
	s.requirements.Operators["w1"] = "another person"
	two := s.bundle()
	two.Checkpoint = string(s.checkpoint(4, 2, 3).Marshal())
	add("vote-of-the-log-operator", s, marshal(t, two))

	s = newSite(t).standard()
	s.rotate(compromise("rel1", 3))
	add("release-key-stolen", s, marshal(t, s.bundle()))

	s = newSite(t).standard()
	s.rotate(compromise("rel1", 4))
	add("release-key-stolen-later", s, marshal(t, s.bundle()))

	s = newSite(t)
	_, system := s.system(withWord("init=/bin/sh"))
	s.release([]release.Digest{system})
	add("production-command-line", s, marshal(t, s.bundle()))

	s = newSite(t)
	_, system = s.system()
	s.releaseBy([]string{"rel2"}, []release.Digest{system})
	add("threshold-missed", s, marshal(t, s.bundle()))

	s = newSite(t, func(a *release.Authority) { a.Expires = a.Issued.Add(20 * day) })
	_, system = s.system()
	s.clock = s.clock.Add(20 * day)
	s.release([]release.Digest{system})
	s.rotate(func(a *release.Authority) { a.Expires = s.clock.Add(365 * day) })
	add("issued-after-expiry", s, marshal(t, s.bundle()))

	s = newSite(t)
	_, system = s.system()
	s.release([]release.Digest{system})
	anchor := s.checkpoint(3)
	s.clock = s.clock.Add(10 * day)
	s.release([]release.Digest{system}, func(r *release.Release) { r.NotAfter = s.clock.Add(60 * day) })
	s.requirements.MinimumAge = siteDuration(t, "9d")
	add("renewal-keeps-its-age", s, marshal(t, s.log.Bundle(s.checkpoint(4), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3)))
	young := *s
	add("renewal-without-its-anchor", &young, marshal(t, s.bundle()))

	s = newSite(t).standard()
	s.witnesses[1] = tlogtest.NewWitness(t, "w2", "operator of w2", tlog.TypeCosignatureMLDSA44)
	s.policy = tlogtest.Policy(t, 2, s.witnesses, s.log)
	mixed := s.bundle()
	mixed.Checkpoint = string(s.checkpoint(4, 1, 2).Marshal())
	add("ml-dsa-cosignature", s, marshal(t, mixed))

	rollVectors(t, func(name string, v vector) { all[name] = v })
	memoryVectors(t, func(name string, v vector) { all[name] = v })
	return all
}

// changeEntry changes one character of the last entry's base64.
func changeEntry(t *testing.T, good []byte) []byte {
	t.Helper()
	at := bytes.LastIndex(good, []byte(`"envelope":"`)) + len(`"envelope":"`) + 400
	changed := bytes.Clone(good)
	if changed[at]++; !bytes.ContainsAny(changed[at:at+1], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") {
		changed[at] = 'A'
	}
	return changed
}

// files are the contents of a vector's folder.
func (v vector) files(t *testing.T) map[string]string {
	t.Helper()
	if v.now.IsZero() {
		v.now = v.site.clock.Add(time.Hour)
	}
	requirements, err := v.site.requirements.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"bundle.muster":     string(v.data),
		"log.policy":        string(v.site.policy.Marshal()),
		"requirements.json": string(requirements) + "\n",
		"now":               release.FormatTime(v.now) + "\n",
	}
	if v.memory != nil {
		files["memory.json"] = memoryText(t, v.memory)
	}
	maps.Copy(files, judgeFiles(t, files))
	return files
}

// TestVectors compares testdata/vectors with what this code makes, and judges the
// files as they stand on disk.
func TestVectors(t *testing.T) {
	made := makeVectors(t)
	if *update {
		for name, v := range made {
			for file, content := range v.files(t) {
				path := filepath.Join(vectors, name, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	folders, err := os.ReadDir(vectors)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		v, ok := made[folder.Name()]
		if !ok {
			t.Errorf("%s: no test makes this vector", folder.Name())
			continue
		}
		delete(made, folder.Name())
		for file, want := range v.files(t) {
			if got := readVector(t, folder.Name(), file); got != want {
				t.Errorf("%s/%s is not what is made now; go test ./verify -run Vectors -update, and look at the difference", folder.Name(), file)
			}
		}
		judgeVector(t, folder.Name())
	}
	for name := range made {
		t.Errorf("%s is not in %s", name, vectors)
	}
}

func readVector(t *testing.T, name, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectors, name, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// judgeVector is what an implementation in another language does.
func judgeVector(t *testing.T, name string) {
	t.Helper()
	files := map[string]string{}
	for _, file := range []string{"bundle.muster", "log.policy", "requirements.json", "now"} {
		files[file] = readVector(t, name, file)
	}
	if _, err := os.Stat(filepath.Join(vectors, name, "memory.json")); err == nil {
		files["memory.json"] = readVector(t, name, "memory.json")
	}
	for file, got := range judgeFiles(t, files) {
		if want := readVector(t, name, file); got != want {
			t.Errorf("%s/%s: got %s, want %s", name, file, got, want)
		}
	}
}

// judgeFiles makes the files that come out of those that go in.
func judgeFiles(t *testing.T, files map[string]string) map[string]string {
	t.Helper()
	trust, err := verify.ParseTrust([]byte(files["log.policy"]), []byte(files["requirements.json"]))
	if err != nil {
		t.Fatal(err)
	}
	now, err := release.ParseTime(strings.TrimSpace(files["now"]))
	if err != nil {
		t.Fatal(err)
	}
	var options []verify.Option
	var memory *verify.Memory
	if text, ok := files["memory.json"]; ok {
		if memory, err = verify.ParseMemory([]byte(text)); err != nil {
			t.Fatal(err)
		}
		options = append(options, verify.WithMemory(memory))
	}
	v := verify.Bundle([]byte(files["bundle.muster"]), trust, now, options...)
	verdict, err := v.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{"verdict.json": string(verdict) + "\n"}
	if memory != nil {
		if _, err := memory.Merge(v.Learned); err != nil {
			t.Fatal(err)
		}
		out["memory-after.json"] = memoryText(t, memory)
	}
	for _, evidence := range v.Evidence {
		data, err := evidence.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		out[string(evidence.Kind)+".fork"] = string(data)
	}
	return out
}

// TestDocumentsShowVectors: what the pages show is what the vectors hold.
func TestDocumentsShowVectors(t *testing.T) {
	for page, shown := range map[string]string{
		"../docs/formats/verdict.md":      readVector(t, "another-pin", "verdict.json"),
		"../docs/formats/proof-bundle.md": readVector(t, "pass", "bundle.muster")[:200],
	} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(strings.Split(string(text), "\n"), "    "+strings.TrimSuffix(shown, "\n")) {
			t.Errorf("%s does not show, as a line of its own: %s", page, shown)
		}
	}
}
