package bench

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/node/gate"
	"github.com/muster-log/muster/node/nodetest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/verify"
)

// mapped stands for the device mapper, whose call is not counted: the files are there.
type mapped struct{ command []byte }

func (m mapped) Open(_ context.Context, image *release.Image, _, directory string) error {
	if image.Kind != release.KindConfig {
		return nil
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, release.CommandFile), m.command, 0o644)
}

func (mapped) Close(*release.Image, string) error { return nil }

// BenchmarkGate is the processor time of a gate, from the bundle and the registers to
// the command, with a software TPM whose own time is another process's, and without
// the device mapper. Wanted: below 100 ms.
func BenchmarkGate(b *testing.B) {
	authority, err := swtpm.NewAuthority()
	if err != nil {
		b.Fatal(err)
	}
	command, err := (&release.Command{Path: "/bin/true"}).Marshal()
	if err != nil {
		b.Fatal(err)
	}
	r, images := nodetest.Make(b, authority, nodetest.Images{"model/model": {"weights.bin": "weights"}, "config/config": {release.CommandFile: string(command)}})
	m := nodetest.Start(b, authority, r, swtpm.Boot{Image: r.Image})
	options := gate.Options{
		Registers: m.TPM, EventLog: m.EventLog, Bundle: r.Bundle, Trust: r.Trust, Maximum: time.Hour, Phases: -1, Now: r.Time,
		Opener: mapped{command}, Directory: images, Root: filepath.Join(b.TempDir(), "images"),
	}
	before, passes := processorTime(b), 0
	for b.Loop() {
		result, err := gate.Pass(b.Context(), options)
		if err != nil || result.Verdict.Result != verify.Pass {
			b.Fatalf("%+v %v", result, err)
		}
		passes++
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(time.Millisecond)/float64(passes), "cpu-ms")
	b.ReportMetric(0, "ns/op")
}
