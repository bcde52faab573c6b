package release_test

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
)

const goodCommand = `{"arguments":["--listen","127.0.0.1:8080"],"command":"/usr/bin/model-server","environment":{"OMP_NUM_THREADS":"8"},"gid":990,"uid":990}`

func TestCommand(t *testing.T) {
	c, err := release.ParseCommand([]byte(goodCommand + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &release.Command{Path: "/usr/bin/model-server", Arguments: []string{"--listen", "127.0.0.1:8080"}, Environment: map[string]string{"OMP_NUM_THREADS": "8"}, UserID: 990, GroupID: 990}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if data, err := c.Marshal(); err != nil || string(data) != goodCommand {
		t.Errorf("got %s (%v), want %s", data, err, goodCommand)
	}
	// The page shows the very file.
	page, err := os.ReadFile("../docs/formats/command.md")
	if err != nil || !bytes.Contains(page, []byte(goodCommand)) {
		t.Errorf("docs/formats/command.md does not show it (%v)", err)
	}
	c.Directory = "/srv"
	data, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := release.ParseCommand(data); err != nil || again.Directory != "/srv" {
		t.Errorf("got %+v (%v)", again, err)
	}
}

func TestCommandRefused(t *testing.T) {
	replace := func(old, new string) string {
		changed := strings.Replace(goodCommand, old, new, 1)
		if changed == goodCommand {
			t.Fatalf("%q is not in the file", old)
		}
		return changed
	}
	for name, text := range map[string]string{
		"nothing":                   "",
		"a list":                    "[]",
		"two line feeds":            goodCommand + "\n\n",
		"a space":                   replace(":", ": "),
		"an unknown member":         replace(`"gid"`, `"extra":1,"gid"`),
		"a member twice":            replace(`"gid":990`, `"gid":990,"gid":990`),
		"no command":                replace(`"command":"/usr/bin/model-server",`, ""),
		"no arguments":              replace(`"arguments":["--listen","127.0.0.1:8080"],`, ""),
		"no environment":            replace(`"environment":{"OMP_NUM_THREADS":"8"},`, ""),
		"no user":                   replace(`,"uid":990`, ""),
		"no group":                  replace(`"gid":990,`, ""),
		"a relative path":           replace("/usr/bin", "usr/bin"),
		"a path that leads up":      replace("/usr/bin", "/usr/../bin"),
		"a path with two slashes":   replace("/usr/bin", "/usr//bin"),
		"a path with NUL":           replace("model-server", `model\u0000server`),
		"an argument that is one":   replace(`"--listen"`, "1"),
		"too many arguments":        replace(`"--listen"`, strings.Repeat(`"a",`, 256)+`"a"`),
		"a long argument":           replace("--listen", strings.Repeat("a", 4097)),
		"a variable of the linker":  replace("OMP_NUM_THREADS", "LD_PRELOAD"),
		"a variable in lower case":  replace("OMP_NUM_THREADS", "path"),
		"a variable with an equals": replace("OMP_NUM_THREADS", "A=B"),
		"a variable without name":   replace("OMP_NUM_THREADS", ""),
		"a user that is no number":  replace(`"uid":990`, `"uid":"990"`),
		"a user below zero":         replace(`"uid":990`, `"uid":-1`),
		"the user who is none":      replace(`"uid":990`, `"uid":4294967295`),
		"a relative directory":      strings.TrimSuffix(goodCommand, "}") + `,"workingDirectory":"srv"}`,
		"64 KiB and more":           replace("--listen", strings.Repeat("a", release.MaxCommandFile)),
	} {
		if _, err := release.ParseCommand([]byte(text)); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add([]byte(goodCommand))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := release.ParseCommand(data)
		if err != nil {
			return
		}
		if again, err := c.Marshal(); err != nil || !bytes.Equal(again, bytes.TrimSuffix(data, []byte("\n"))) {
			t.Errorf("%q is read, and written as %q (%v)", data, again, err)
		}
	})
}
