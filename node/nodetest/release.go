package nodetest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/measure"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

// Images are files by their names, by KIND/NAME of the images that hold them.
type Images map[string]map[string]string

// Make measures images for real, logs them with an operating system whose values are
// stated, and releases them, live in a roll. It returns the directory of the images,
// as KIND/NAME, too. The log is one of a test's own.
func Make(t testing.TB, authority *swtpm.Authority, images Images, changes ...func(*release.Image)) (*Release, string) {
	t.Helper()
	const origin = "log.example/node"
	directory := t.TempDir()
	issuer := logtest.NewIssuer(t, origin)
	l := tlogtest.NewLog(t, origin)
	l.Add(issuer.Authority)
	entries := []uint64{0}
	var digests []release.Digest
	add := func(change func(*release.Image)) {
		entry, digest := issuer.Image(append([]func(*release.Image){change}, changes...)...)
		entries, digests = append(entries, l.Add(entry)), append(digests, digest)
	}
	add(logtest.OS)
	for name, files := range images {
		kind, measured := makeImage(t, directory, name, files)
		add(func(image *release.Image) {
			image.Kind, image.Name = kind, filepath.Base(name)
			image.Measurements.OMS, image.Measurements.Verity = &measured.OMS, &measured.Image.Measurement
			image.Artifacts = measured.Image.Artifacts
			for i := range image.Artifacts {
				image.Artifacts[i].URLs = []string{"https://dl.example/" + image.Artifacts[i].Name}
			}
		})
	}
	approved, digest := issuer.Release("1", digests...)
	entries = append(entries, l.Add(approved))
	var witnesses []tlogtest.Witness
	var at []tlogtest.At
	for _, name := range []string{"w1", "w2", "w3"} {
		witness := tlogtest.NewWitness(t, name, "operator of "+name, tlog.TypeCosignatureEd25519)
		witnesses, at = append(witnesses, witness), append(at, witness.At(issuer.Issued()))
	}
	anchor := l.Checkpoint(l.Size(), at...)
	entries = append(entries, l.Add(issuer.Roll(anchor.Checkpoint, []release.Digest{digest})))
	data, err := l.Bundle(l.Checkpoint(l.Size(), at...), []*tlog.SignedCheckpoint{anchor}, entries...).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	trusted := tlogtest.Policy(t, 2, witnesses, l)
	hours, err := verify.ParseDuration("1h")
	if err != nil {
		t.Fatal(err)
	}
	requirements := &verify.Requirements{
		Authority: issuer.Digest, Products: []string{logtest.Product}, Channels: []string{"stable"},
		RollMaxAge: hours, CheckpointMaxAge: hours, Operators: tlogtest.Operators(witnesses...), LogOperator: "the log's operator",
		Assurance: []verify.Assurance{verify.AssuranceTest}, TestRoots: []release.Digest{release.Digest(attest.DigestOf(authority.Root()))},
		Firmware: verify.FirmwareNotChecked,
	}
	r := &Release{Bundle: data, Policy: trusted.Marshal(), Time: issuer.Issued().Add(time.Minute)}
	if r.Requirements, err = requirements.Marshal(); err != nil {
		t.Fatal(err)
	}
	r.judge(t)
	return r, directory
}

func makeImage(t testing.TB, directory, name string, files map[string]string) (release.Kind, *measure.ModelResult) {
	t.Helper()
	source := t.TempDir()
	for file, data := range files {
		if err := os.WriteFile(filepath.Join(source, file), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(directory, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	measured, err := measure.Model(t.Context(), measure.ModelOptions{Dir: source, Image: path}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	return release.Kind(filepath.Dir(name)), measured
}
