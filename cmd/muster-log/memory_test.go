package main

import (
	"runtime"
	"testing"
)

// The collector must count the ballast, and it must not be collected itself.
func TestHeapFloor(t *testing.T) {
	layBallast()
	for range 2 {
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.NextGC < 2*heapFloor {
		t.Errorf("the next collection is at %d bytes, want at least %d", stats.NextGC, 2*heapFloor)
	}
}
