//go:build system

package verify_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVectorsInWebAssembly judges the vectors as a browser would: TestVectors,
// built for js/wasm and run by node.
func TestVectorsInWebAssembly(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	runner := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "go_js_wasm_exec")
	command := exec.Command("go", "test", "-count=1", "-v", "-exec", runner, "-run", "^TestVectors$", ".")
	command.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestVectors ") {
		t.Errorf("TestVectors did not run:\n%s", out)
	}
}
