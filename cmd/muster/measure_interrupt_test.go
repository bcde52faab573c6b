package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
)

// TestMeasureInterrupted: a measurement that is told to end says so, and leaves
// no file behind.
func TestMeasureInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	directory := t.TempDir()
	model, image, out := filepath.Join(directory, "model"), filepath.Join(directory, "m.img"), filepath.Join(directory, "m.json")
	if err := os.Mkdir(model, 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(model, "weights"), bytes.Repeat([]byte{1}, 1<<20))
	for _, args := range [][]string{
		{"measure", "model", model, "--image", image, "--out", out},
		{"measure", "file", filepath.Join(model, "weights")},
	} {
		var stdout, stderr bytes.Buffer
		code := run(ctx, args, time.Now, strings.NewReader(""), &stdout, &stderr)
		if code != exitcode.Unknown || stderr.String() != "muster: interrupted, nothing written\n" || stdout.Len() > 0 {
			t.Errorf("%v: got %d, %q, %q", args, code, stdout.String(), stderr.String())
		}
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v, want the model alone", left, err)
	}
}
