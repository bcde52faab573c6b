//go:build system

package build

import (
	"bytes"
	"os/exec"
	"testing"
)

// TestCPIOProgram: cpio lists what was put in.
func TestCPIOProgram(t *testing.T) {
	archive, err := CPIO(initrd)
	if err != nil {
		t.Fatal(err)
	}
	list := exec.Command("cpio", "--list", "--verbose", "--numeric-uid-gid", "--quiet")
	list.Stdin = bytes.NewReader(archive)
	list.Env = append(list.Environ(), "TZ=UTC", "LC_ALL=C")
	got, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	const want = `drwxr-xr-x   2 0        0               0 Jan  1  1970 dev
crw-------   1 0        0          5,   1 Jan  1  1970 dev/console
-rwxr-xr-x   1 0        0              18 Jan  1  1970 init
lrwxrwxrwx   1 0        0               3 Jan  1  1970 sbin -> bin
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
