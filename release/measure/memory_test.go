package measure

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/progress"
)

const (
	sparseModel = 256 << 20 // bytes
	maxHeap     = 16 << 20  // bytes in use at any time: far below 64 MiB, whatever the size
)

// newSparse makes a directory with one file that takes no room on the disk.
func newSparse(tb testing.TB, size int64) string {
	tb.Helper()
	dir := tb.TempDir()
	path := filepath.Join(dir, "weights.bin")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// peakHeap returns the most bytes that the heap had in objects, live and dead,
// while work ran.
func peakHeap(work func()) uint64 {
	runtime.GC()
	peak, stop, stopped := uint64(0), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	work()
	close(stop)
	<-stopped
	return peak
}

// TestFlatMemory: a model that is hashed, put into an image, hashed into a tree
// and read back takes less memory than a hundredth of it.
func TestFlatMemory(t *testing.T) {
	dir := newSparse(t, sparseModel)
	peak := peakHeap(func() {
		if _, err := Model(context.Background(), ModelOptions{Dir: dir, Image: filepath.Join(t.TempDir(), "image")}, progress.None()); err != nil {
			t.Error(err)
		}
	})
	if peak > maxHeap {
		t.Errorf("a model of %d MiB took %d MiB of heap, want at most %d", sparseModel>>20, peak>>20, maxHeap>>20)
	}
	t.Logf("%.1f MiB of heap for %d MiB", float64(peak)/(1<<20), sparseModel>>20)
}
