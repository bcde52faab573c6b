//go:build !linux

package conformance

import "errors"

// limitFileSize needs prlimit(2) of Linux.
func limitFileSize(int, int64) error {
	return errors.New("the file size of another process can be bounded on Linux alone")
}
