// Package muster holds no code: its tests keep what is said of the module as a
// whole, here which package may import which.
package muster_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/muster-log/muster"

// rooms lists what each room may import of this module: itself, what stands
// here, and what those may import in turn, so that arrows point down only. A
// package belongs to the room with the longest name that is its path or a
// folder above it.
var rooms = map[string][]string{
	"cmd/muster":         {"internal/command", "client", "client/memory", "client/record", "client/proxy", "tlog/memory", "monitor", "roll", "roll/server", "log/remote", "verify", "attest/tpm", "attest/snp", "attest/tdx", "release/register", "release/authority", "release/measure", "release/modelsigning", "release/compare", "release/download", "release/foreign", "tlog/policy", "tlog/fork", "tlog/bundle"},
	"cmd/muster-log":     {"internal/command", "web", "storage/embedded", "storage/postgres", "log", "log/remote"},
	"cmd/muster-witness": {"internal/command", "witness/limit", "witness/metrics", "witness/network", "witness/server", "witness/sshagent", "witness/state"},
	"cmd/muster-node":    {"internal/command", "node", "node/gate", "node/server", "tlog/policy", "tlog/bundle"},

	// The guest is a machine for tests: it is built, booted and asked from outside.
	"guest": {"release/build", "client", "client/record", "attest/tpm/swtpm", "node/tpm", "node/images"},

	// The demo runs the programs as a person would, and links none of them.
	"demo": {"release/build", "attest/tpm/swtpm", "verify"},

	"bench": {"web", "storage/embedded", "log", "log/remote", "monitor", "client", "node", "node/gate", "node/server", "attest/tpm/swtpm", "witness/server", "witness/state", "verify", "release/measure"},

	"web":                   {"web/api", "web/pages", "log"},
	"web/api":               {"log"},
	"web/pages":             {"log", "release/compare"},
	"web/browser":           {"verify", "attest/tpm", "tlog/memory"},
	"storage/embedded":      {"log", "storage/index"},
	"storage/postgres":      {"log", "storage/index"},
	"storage/index":         {"log"},
	"log":                   {"release/register", "release/foreign", "tlog/policy", "tlog/bundle", "tlog/fork"},
	"log/remote":            {"tlog/bundle", "tlog/policy"},
	"monitor":               {"monitor/audit", "log/remote", "release/register", "release/foreign", "tlog/policy", "tlog/fork"},
	"monitor/audit":         {"log/remote", "release/register", "release/foreign", "tlog/policy", "tlog/fork"},
	"roll":                  {"roll/remote", "monitor/audit", "log/remote", "release/register", "tlog/policy", "tlog/fork"},
	"roll/remote":           {"release"},
	"roll/server":           {"roll"},
	"client":                {"client/memory", "client/record", "verify", "attest/tpm", "attest/tpm/credential", "attest/snp", "attest/tdx", "log/remote"},
	"client/record":         {"verify", "attest/tpm"},
	"client/proxy":          {"client", "verify"},
	"client/memory":         {"verify", "tlog/memory", "tlog/fork"},
	"node":                  {"client/memory", "verify", "attest/tpm", "node/tpm"},
	"node/gate":             {"node", "node/tpm", "node/images", "verify", "attest/tpm"},
	"node/images":           {"release", "release/measure"},
	"node/server":           {"node", "node/tpm", "log/remote"},
	"node/tpm":              {"attest", "attest/tpm"},
	"witness":               {"tlog", "tlog/fork"},
	"witness/limit":         {"witness"},
	"witness/metrics":       {"witness"},
	"witness/network":       {"witness"},
	"witness/server":        {"witness"},
	"witness/sshagent":      {},
	"witness/state":         {"witness", "witness/state/anchor"},
	"witness/state/anchor":  {"witness"},
	"witness/conformance":   {"witness"},
	"verify":                {"release/register", "tlog/policy", "tlog/bundle", "tlog/fork", "tlog/memory", "attest"},
	"attest":                {},
	"attest/tpm":            {"attest"},
	"attest/tpm/credential": {"attest", "attest/tpm"},
	"attest/tpm/swtpm":      {"attest", "attest/tpm"},
	"attest/snp":            {"attest"},
	"attest/tdx":            {"attest"},
	"release":               {},
	"release/register":      {"release"},
	"release/authority":     {"release", "release/register"},
	"release/measure":       {"release", "attest"},
	"release/modelsigning":  {"release"},
	"release/build":         {"release/measure"},
	"release/compare":       {"release"},
	"release/download":      {"release"},
	"release/foreign":       {"release"},
	"tlog":                  {},
	"tlog/policy":           {"tlog"},
	"tlog/bundle":           {"tlog"},
	"tlog/fork":             {"tlog"},
	"tlog/memory":           {"tlog", "tlog/fork"},
	"internal":              {},
	"internal/command":      {},
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	CgoFiles                           []string
	Standard                           bool
}

func (p pkg) path() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

// forTests reports the path of a package that is there for tests: its name ends in
// test. Evidence of nodes ends so too.
func forTests(importPath string) bool {
	name := path.Base(importPath)
	return strings.HasSuffix(name, "test") && name != "attest"
}

func (p pkg) tests() bool { return forTests(p.ImportPath) }

func list(t *testing.T, env []string, args ...string) []pkg {
	t.Helper()
	command := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,TestImports,XTestImports,CgoFiles,Standard"}, args...)...)
	command.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.Bytes())
	}
	var pkgs []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// room returns the room of a path inside the module; empty: it has none.
func room(path string) string {
	found := ""
	for name := range rooms {
		if (path == name || strings.HasPrefix(path, name+"/")) && len(name) > len(found) {
			found = name
		}
	}
	return found
}

// below returns the rooms that a room may import.
func below(name string) map[string]bool {
	all := map[string]bool{name: true, "internal": true}
	var walk func(string)
	walk = func(name string) {
		for _, next := range rooms[name] {
			if !all[next] {
				all[next] = true
				walk(next)
			}
		}
	}
	walk(name)
	return all
}

func TestArrowsPointDown(t *testing.T) {
	for name, next := range rooms {
		for _, other := range next {
			if _, ok := rooms[other]; !ok {
				t.Errorf("the table names room %s under %s, and does not list it", other, name)
			}
			if below(other)[name] {
				t.Errorf("rooms %s and %s may import each other", name, other)
			}
		}
	}
	for _, p := range list(t, nil, "./...") {
		if p.path() == "" {
			continue
		}
		own := room(p.path())
		if own == "" {
			t.Errorf("%s stands in no room: add it to the table, and to the design", p.path())
			continue
		}
		allowed := below(own)
		for _, imported := range p.Imports {
			path, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			if forTests(path) && !p.tests() {
				t.Errorf("%s imports %s, which is for tests", p.path(), path)
				continue
			}
			if !p.tests() && !allowed[room(path)] {
				t.Errorf("%s imports %s: room %s may not", p.path(), path, own)
			}
		}
	}
}

// TestNothingImportsCommands: what two commands share is a package.
func TestNothingImportsCommands(t *testing.T) {
	for _, p := range list(t, nil, "./...") {
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			path, ours := strings.CutPrefix(imported, module+"/cmd/")
			command, _, _ := strings.Cut(path, "/")
			if ours && !strings.HasPrefix(p.path()+"/", "cmd/"+command+"/") {
				t.Errorf("%s imports %s", p.path(), imported)
			}
		}
	}
}

// withoutHTTP are domain packages: state machines whose doors are packages of their own,
// so that what they do is tested, and reused, without a server.
var withoutHTTP = []string{"log", "monitor/audit", "roll", "witness", "witness/state"}

// TestDomainWithoutHTTP: they import nothing of HTTP, and none of the doors.
func TestDomainWithoutHTTP(t *testing.T) {
	found := 0
	for _, p := range list(t, nil, "./...") {
		if !slices.Contains(withoutHTTP, p.path()) {
			continue
		}
		found++
		for _, imported := range p.Imports {
			if imported == "net/http" || strings.HasPrefix(imported, module+"/") && strings.HasSuffix(imported, "/server") {
				t.Errorf("%s imports %s: that belongs in its door", p.path(), imported)
			}
		}
	}
	if found != len(withoutHTTP) {
		t.Errorf("found %d of the packages %v", found, withoutHTTP)
	}
}

// TestLogging: logging is log/slog, and there is no C.
func TestLogging(t *testing.T) {
	for _, p := range list(t, nil, "./...") {
		if slices.Contains(slices.Concat(p.Imports, p.TestImports, p.XTestImports), "log") {
			t.Errorf("%s imports the standard log package: use log/slog", p.path())
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo: %v", p.path(), p.CgoFiles)
		}
	}
}

// beyondStandard names what single packages of the rooms that otherwise depend on
// nothing but Go take besides, each the one thing that the package is about.
var beyondStandard = map[string]string{
	"internal/command":    "github.com/spf13/cobra",
	"internal/ed25519key": "filippo.io/edwards25519",
}

// TestStandardLibraryOnly: rooms that depend on nothing but Go.
func TestStandardLibraryOnly(t *testing.T) {
	for _, p := range list(t, nil, "./...") {
		if own := room(p.path()); own != "internal" && own != "attest" {
			continue
		}
		for _, imported := range p.Imports {
			domain, _, _ := strings.Cut(imported, "/")
			if strings.Contains(domain, ".") && !strings.HasPrefix(imported, module+"/internal/") && !strings.HasPrefix(imported, module+"/attest") && imported != beyondStandard[p.path()] {
				t.Errorf("%s imports %s, want the standard library only", p.path(), imported)
			}
		}
	}
}

const (
	tessera = "github.com/transparency-dev/tessera"
	echo    = "github.com/labstack/echo"
	pgx     = "github.com/jackc/pgx"
	rekor   = "github.com/sigstore/rekor"
	sqlite  = "github.com/ncruces/go-sqlite3"
)

// TestLinks: what must not be linked, however far down.
func TestLinks(t *testing.T) {
	wasm := []string{"GOOS=js", "GOARCH=wasm"}
	tests := []struct {
		of     string
		but    []string // packages of the tree that are not meant
		env    []string
		within []string // module rooms that must not be linked
		refuse []string
	}{
		{of: "./verify", refuse: []string{"net/http", rekor, tessera, pgx, echo, sqlite},
			within: []string{"witness", "log", "storage", "web", "attest/snp", "attest/tdx", "cmd"}},
		{of: "./verify", env: wasm, refuse: []string{"net/http", "os/exec"}},
		{of: "./release/...", but: []string{"release/foreign", "release/download"}, refuse: []string{"net/http", rekor}, within: []string{"tlog", "log", "storage", "web"}},
		{of: "./release/foreign", refuse: []string{tessera, pgx, echo, sqlite}, within: []string{"tlog", "log", "storage", "web"}},
		{of: "./tlog/...", refuse: []string{"net/http"}, within: []string{"release", "log", "storage", "web"}},
		{of: "./cmd/muster-witness", refuse: []string{pgx, echo, tessera, rekor}, within: []string{"log", "storage", "web", "release", "verify"}},
		{of: "./cmd/muster", refuse: []string{pgx, echo, tessera, sqlite}},
		{of: "./log", refuse: []string{tessera, echo, pgx, sqlite}},
		{of: "./client/memory", refuse: []string{"net/http", rekor, tessera, pgx, echo, sqlite}},
		{of: "./client", refuse: []string{rekor, tessera, pgx, echo, sqlite}},
		{of: "./node", refuse: []string{rekor, tessera, pgx, echo, sqlite}},
	}
	all := list(t, nil, "./...")
	for _, tt := range tests {
		path, tree := strings.CutSuffix(strings.TrimPrefix(tt.of, "./"), "/...")
		if !slices.ContainsFunc(all, func(p pkg) bool {
			return p.path() == path || tree && strings.HasPrefix(p.path(), path+"/")
		}) {
			continue // a room of the design that is not built yet
		}
		of := []string{"-deps"}
		if tt.but == nil {
			of = append(of, tt.of)
		}
		for _, p := range all {
			if tt.but != nil && !slices.Contains(tt.but, p.path()) && (p.path() == path || strings.HasPrefix(p.path(), path+"/")) {
				of = append(of, p.ImportPath)
			}
		}
		for _, dependency := range list(t, tt.env, of...) {
			if tree && dependency.tests() {
				continue
			}
			for _, refused := range tt.refuse {
				if dependency.ImportPath == refused || strings.HasPrefix(dependency.ImportPath, refused+"/") {
					t.Errorf("%s %v links %s", tt.of, tt.env, dependency.ImportPath)
				}
			}
			for _, refused := range tt.within {
				if p := dependency.path(); !dependency.Standard && strings.HasPrefix(dependency.ImportPath, module) && (p == refused || strings.HasPrefix(p, refused+"/")) {
					t.Errorf("%s %v links %s", tt.of, tt.env, dependency.ImportPath)
				}
			}
		}
	}
}

// TestVerifyBuildsForBrowsers: what a browser runs is what everybody runs.
func TestVerifyBuildsForBrowsers(t *testing.T) {
	command := exec.Command("go", "build", "./verify")
	command.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("go build ./verify for js/wasm: %v\n%s", err, out)
	}
}
