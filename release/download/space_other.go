//go:build !linux && !darwin

package download

// freeSpace cannot tell here: a write that fails does.
func freeSpace(string) (uint64, bool) { return 0, false }
