package release_test

import (
	"bytes"
	"crypto/sha256"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
)

func TestOMSManifest(t *testing.T) {
	root := release.Digest(sha256.Sum256([]byte("root")))
	a, b := release.Resource{Name: "b.safetensors", Digest: sha256.Sum256([]byte("b"))}, release.Resource{Name: `a/"x"\y.json`, Digest: sha256.Sum256([]byte("a"))}
	got, err := release.OMSManifest(root, []release.Resource{a, b})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resources":[{"name":"a/\"x\"\\y.json","sha256":"` + b.Digest.String() + `"},{"name":"b.safetensors","sha256":"` + a.Digest.String() +
		`"}],"root":{"sha256":"` + root.String() + `"}}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for name, c := range map[string]struct {
		resources []release.Resource
		code      release.Code
	}{
		"none":             {nil, release.CodeListSize},
		"a name twice":     {[]release.Resource{a, {Name: a.Name}}, release.CodeListRepeated},
		"no name":          {[]release.Resource{{}}, release.CodeName},
		"two dots":         {[]release.Resource{{Name: "a/../b"}}, release.CodeName},
		"an absolute path": {[]release.Resource{{Name: "/a"}}, release.CodeName},
		"UTF-8":            {[]release.Resource{{Name: "é"}}, release.CodeStringASCII},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := release.OMSManifest(root, c.resources)
			wantCode(t, err, c.code)
		})
	}
}

// modelFiles are three files whose order by parts is not that by bytes.
func modelFiles() []release.Resource {
	var files []release.Resource
	for _, name := range []string{"config.json", "weights.d/0", "weights/0"} {
		files = append(files, release.Resource{Name: name, Digest: sha256.Sum256([]byte(name))})
	}
	return files
}

func manifestOf(tb testing.TB, files []release.Resource) string {
	tb.Helper()
	data, err := release.OMSManifest(release.OMSRoot(files), files)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

func TestOMSRoot(t *testing.T) {
	files := modelFiles()
	var digests []byte
	for _, i := range []int{0, 2, 1} { // weights/0 before weights.d/0
		digests = append(digests, files[i].Digest[:]...)
	}
	want := release.Digest(sha256.Sum256(digests))
	if got := release.OMSRoot(files); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// The root covers digests alone: other names in the same order have it too.
	files[0].Name, files[1].Name, files[2].Name = "a", "c", "b"
	if got := release.OMSRoot(files); got != want {
		t.Errorf("other names: got %s, want %s", got, want)
	}
}

func TestParseOMSManifest(t *testing.T) {
	files := modelFiles()
	good := manifestOf(t, files)
	root, resources, err := release.ParseOMSManifest([]byte(good))
	if err != nil || root != release.OMSRoot(files) {
		t.Fatalf("got root %s, %v", root, err)
	}
	if diff := cmp.Diff(files, resources); diff != "" {
		t.Error(diff)
	}
	other := release.Digest(sha256.Sum256(nil)).String()
	for name, c := range map[string]struct {
		data string
		code release.Code
	}{
		"empty":               {"", release.CodeManifestSize},
		"too large":           {strings.Repeat(" ", release.MaxOMSManifest+1), release.CodeManifestSize},
		"a line feed":         {good + "\n", release.CodeJSONNotCanonical},
		"more":                {good + good, release.CodeJSONSyntax},
		"white space":         {strings.Replace(good, ":", ": ", 1), release.CodeJSONNotCanonical},
		"another root":        {strings.Replace(good, root.String(), other, 1), release.CodeManifestRoot},
		"a changed digest":    {strings.Replace(good, files[1].Digest.String(), other, 1), release.CodeManifestRoot},
		"a file less":         {strings.Replace(good, `{"name":"config.json","sha256":"`+files[0].Digest.String()+`"},`, "", 1), release.CodeManifestRoot},
		"no file":             {`{"resources":[],"root":{"sha256":"` + other + `"}}`, release.CodeListSize},
		"a name twice":        {strings.Replace(good, "weights.d/0", "config.json", 1), ""},
		"another order":       {strings.Replace(good, "config.json", "z", 1), release.CodeListOrder},
		"a member more":       {strings.Replace(good, `"root"`, `"rooms":1,"root"`, 1), release.CodeMemberUnknown},
		"a member less":       {good[:strings.Index(good, `,"root"`)] + "}", release.CodeMemberMissing},
		"a name outside":      {strings.Replace(good, "config.json", "../config.json", 1), release.CodeName},
		"UTF-8":               {strings.Replace(good, "config.json", "ä", 1), ""},
		"a statement instead": {`{"_type":"https://in-toto.io/Statement/v1"}`, release.CodeMemberUnknown},
		"deep":                {strings.Replace(good, `{"name"`, `{"deep":[[[[]]]],"name"`, 1), release.CodeJSONDepth},
	} {
		_, _, err := release.ParseOMSManifest([]byte(c.data))
		got := release.CodeOf(err)
		if err == nil || c.code != "" && got != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
}

// TestOMSManifestBound: as many files as are measured fit, with paths of 70
// characters, and one byte above the bound is refused.
func TestOMSManifestBound(t *testing.T) {
	files := make([]release.Resource, 100_000)
	for i := range files {
		name := strconv.Itoa(i)
		files[i].Name = strings.Repeat("d", 70-1-len(name)) + "/" + name
	}
	data := manifestOf(t, files)
	if len(data) > release.MaxOMSManifest {
		t.Errorf("got %d bytes", len(data))
	}
	if _, resources, err := release.ParseOMSManifest([]byte(data)); err != nil || len(resources) != len(files) {
		t.Errorf("got %d files, %v", len(resources), err)
	}
	for i := range files {
		files[i].Name = strings.Repeat("e", 20) + files[i].Name
	}
	_, err := release.OMSManifest(release.OMSRoot(files), files)
	wantCode(t, err, release.CodeManifestSize)
}

// FuzzParseOMSManifest: what parses is written anew as the same bytes.
func FuzzParseOMSManifest(f *testing.F) {
	f.Add([]byte(manifestOf(f, modelFiles())))
	f.Add([]byte(`{"resources":[],"root":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		root, resources, err := release.ParseOMSManifest(data)
		if err != nil {
			if release.CodeOf(err) == "" {
				t.Fatalf("no code: %v", err)
			}
			return
		}
		again, err := release.OMSManifest(root, resources)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("got %s, %v, want %s", again, err, data)
		}
	})
}
