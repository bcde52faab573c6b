package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programs is the directory of the programs under test, built once.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		directory, err := os.MkdirTemp("", "muster-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(directory)
		programs = directory
		build := exec.Command("go", "build", "-o", directory+string(filepath.Separator), ".", "../muster-log", "../muster-witness")
		if output, err := build.CombinedOutput(); err != nil {
			panic(string(output))
		}
		return m.Run()
	}())
}
