//go:build system

package tpm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealBootsInWebAssembly judges real boots as a browser would.
func TestRealBootsInWebAssembly(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	runner := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "go_js_wasm_exec")
	command := exec.Command("go", "test", "-count=1", "-v", "-exec", runner, "-run", "^TestRealBoots$", ".")
	command.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestRealBoots ") {
		t.Errorf("TestRealBoots did not run:\n%s", out)
	}
}
