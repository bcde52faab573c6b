//go:build system

package embedded_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/witness/litewitnesstest"
)

// startLitewitness starts litewitness, which knows the log, and returns its policy
// line.
func startLitewitness(t *testing.T, log tlog.VerifierKey) policy.Witness {
	t.Helper()
	// An agent's socket has a short path, and t.TempDir's may be long.
	dir, err := os.MkdirTemp("", "lw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := litewitnesstest.New(t, dir, "litewitness.example/w")
	if err := w.AddLog(log.Name, log); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return policy.Witness{Name: "litewitness", Key: w.Key(), URL: w.URL()}
}

// litewitness, a witness by others, cosigns our log beside our witnesses: a
// quorum of all three needs it.
func TestLitewitnessCosignsOurLog(t *testing.T) {
	key, err := tlog.GenerateSigningKey(peerOrigin, tlog.TypeEd25519)
	if err != nil {
		t.Fatal(err)
	}
	foreign := startLitewitness(t, key.Verifier())
	witnesses := logtest.NewWitnesses(t, 2, key.Verifier())
	trusted := logtest.Policy(t, key.Verifier(), 2, witnesses...)
	trusted.Witnesses = append(trusted.Witnesses, foreign)
	trusted.Groups[0].Members = append(trusted.Groups[0].Members, foreign.Name)
	trusted.Groups[0].Threshold = 3
	if err := trusted.Check(); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, key, trusted)
	for _, more := range []int{1, 5, 300} {
		anchor := s.submit(s.images(more)...)
		signed, err := tlog.ParseCheckpoint(anchor.Note)
		if err != nil {
			t.Fatal(err)
		}
		cosignatures, err := trusted.Verify(signed)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(anchor.Note, []byte("\n— litewitness.example/w ")) || len(cosignatures) < 3 {
			t.Errorf("size %d: %d cosignatures\n%s", signed.Size, len(cosignatures), anchor.Note)
		}
	}
	for _, status := range s.Status().Witnesses {
		if status.Alarm != "" || status.Error != "" {
			t.Errorf("%s: %s %s", status.Name, status.Error, status.Alarm)
		}
	}
}
