//go:build system

package bench

import "testing"

// TestWitnessOf10000Logs: following them costs the real process under 100 MiB,
// at any time.
func TestWitnessOf10000Logs(t *testing.T) {
	resident, peak := followMany(t)
	t.Logf("resident %.1f MiB, at most %.1f MiB", resident, peak)
	if resident >= memoryAllowed || peak >= memoryAllowed {
		t.Errorf("resident memory: got %.1f MiB, at most %.1f, want under %d", resident, peak, memoryAllowed)
	}
}
