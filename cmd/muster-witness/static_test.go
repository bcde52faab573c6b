package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStaticBinary: the program is one file that needs nothing of the machine it
// is copied to. What it must not link, the test of the arrows between packages says.
func TestStaticBinary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "muster-witness")
	environment := append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	build := exec.Command("go", "build", "-trimpath", "-o", path, ".")
	build.Env = environment
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v, %s", err, output)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if len(file.Progs) == 0 || len(file.Sections) == 0 {
		t.Fatal("the binary has no program headers or sections to judge it by")
	}
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP || program.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary has a %v segment", program.Type)
		}
	}
	for _, section := range file.Sections {
		if section.Type == elf.SHT_DYNAMIC || section.Type == elf.SHT_DYNSYM || section.Name == ".interp" {
			t.Errorf("the binary has a section %s", section.Name)
		}
	}
	if libraries, err := file.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("the binary needs %v", libraries)
	}

	list := exec.Command("go", "list", "-deps", ".")
	list.Env = environment
	output, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(output), "runtime/cgo\n") {
		t.Error("links cgo")
	}
}
