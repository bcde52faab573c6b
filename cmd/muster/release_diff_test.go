package main

import (
	"crypto/sha256"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// TestDiffLists: models whose lists of files are beside the log are compared by
// them, wherever they come from; a list that is not the one named is none.
func TestDiffLists(t *testing.T) {
	l := newTestLog(t)
	policyFile := l.files(t, "{}")[1]
	directory := t.TempDir()
	list := func(name string, files ...string) (*release.OMS, []byte) {
		var resources []release.Resource
		for _, file := range files {
			resources = append(resources, release.Resource{Name: file, Digest: sha256.Sum256([]byte(name + file))})
		}
		root := release.OMSRoot(resources)
		data, err := release.OMSManifest(root, resources)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(directory, name+".list"), data)
		digest := release.Digest(sha256.Sum256(data))
		return &release.OMS{Root: root, Manifest: &digest}, data
	}
	draft := func(name string, oms *release.OMS) string {
		statement, err := release.NewImage(&release.Image{Issued: testTime, Authority: l.pin, Product: "acme/ai", Kind: release.KindModel, Name: "llama", Version: name, Mode: release.ModeProduction, PublishBy: testTime.AddDate(0, 0, 7),
			Measurements: release.Measurements{Verity: releasetest.Verity("llama"), OMS: oms}, Artifacts: []release.Artifact{{Name: "llama.img", Size: 1, MediaType: "application/octet-stream", URLs: []string{"https://dl.example/"}}}})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := newDocument(statement)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(directory, name+".json")
		if err := doc.write(path, false); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, oneList := list("one", "config.json", "weights")
	two, twoList := list("two", "weights", "tokenizer.json")
	a, b := draft("one", one), draft("two", two)
	diff := func(more ...string) []string { return append([]string{"image", "diff", a, b}, more...) }
	site := func(ofTwo answer) *site {
		s := l.site(l.Log, l.cosigned(l.Log, 4, testTime))
		s.answers["/api/v1/manifests/"+one.Manifest.String()] = answer{200, "application/json", oneList}
		s.answers["/api/v1/manifests/"+two.Manifest.String()] = ofTwo
		return s
	}
	good := answer{200, "application/json", twoList}
	files := []string{"--manifest", filepath.Join(directory, "one.list"), "--manifest", filepath.Join(directory, "two.list")}
	for name, args := range map[string][]string{
		"from files":             diff(files...),
		"from the log":           diff("--log", site(good).serve(t)),
		"from both":              diff(append(files[2:], "--log", site(answer{404, "text/plain", nil}).serve(t))...),
		"a policy without log":   diff(append(files, "--policy", policyFile)...),
		"files before the log's": diff(append(files, "--log", site(answer{503, "text/plain", nil}).serve(t))...),
	} {
		text := want(t, exitcode.Verified, "", args...)
		for _, line := range []string{"model/llama, files\n", "  - config.json ", "  ~ weights: ", "  + tokenizer.json "} {
			if !strings.Contains(text.out, line) {
				t.Errorf("%s: no %q in\n%s", name, line, text.out)
			}
		}
		if strings.Contains(text.out, "not compared") {
			t.Errorf("%s: got\n%s", name, text.out)
		}
	}
	// Without a list, that it is missing is told.
	for name, args := range map[string][]string{
		"no log":               diff(files[:2]...),
		"a policy without log": diff(append(files[:2:2], "--policy", policyFile)...),
		"a log without it":     diff("--log", site(answer{404, "text/plain", nil}).serve(t)),
	} {
		text := want(t, exitcode.Verified, "", args...)
		if !strings.Contains(text.out, "not compared: the list of files "+two.Manifest.String()+" of model/llama two\n") || strings.Contains(text.out, "tokenizer") {
			t.Errorf("%s: got\n%s", name, text.out)
		}
	}
	// Another list under its digest, and a statement with another root.
	want(t, exitcode.Unknown, "failed", diff("--log", site(answer{200, "application/json", oneList}).serve(t))...)
	want(t, exitcode.Unknown, "log-status", diff("--log", site(answer{503, "text/plain", nil}).serve(t))...)
	forged := *two
	forged.Root = one.Root
	b = draft("forged", &forged)
	want(t, exitcode.Refused, string(release.CodeManifestRoot), diff(files...)...)
}
