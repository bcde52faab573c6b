package build

import (
	"fmt"
	"io/fs"
	"strings"
)

// File is a file or directory of an initrd.
type File struct {
	Name string      // slash-separated path without a slash in front; directories stand before what is in them
	Mode fs.FileMode // permissions, and fs.ModeDir for a directory, fs.ModeSymlink for a link, fs.ModeDevice|fs.ModeCharDevice for a character device
	Data []byte      // of a file, or the target of a link
	// Major and Minor number a character device.
	Major, Minor uint32
}

// CPIO returns a newc cpio archive, uncompressed, of files that all belong to
// root and have the time 0.
//
// Spec: docs.kernel.org/driver-api/early-userspace/buffer-format.html.
func CPIO(files []File) ([]byte, error) {
	var archive []byte
	seen := map[string]bool{}
	for i, file := range append(files[:len(files):len(files)], File{Name: cpioTrailer}) {
		trailer := i == len(files)
		if !trailer && (!fs.ValidPath(file.Name) || strings.ContainsRune(file.Name, 0) || file.Name == cpioTrailer || seen[file.Name]) {
			return nil, fmt.Errorf("name %q of an initrd: want each once, slash-separated, without a slash in front", file.Name)
		}
		seen[file.Name] = true
		mode, err := cpioMode(file.Mode, trailer)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name, err)
		}
		if uint64(len(file.Data)) > 1<<32-1 {
			return nil, fmt.Errorf("%s: %d bytes, want at most 4 GiB", file.Name, len(file.Data))
		}
		inode, links := i+1, 1
		if trailer {
			inode = 0
		}
		if file.Mode.IsDir() {
			links = 2
		}
		// inode, mode, uid, gid, links, time, size, device, its own device, name, checksum
		archive = fmt.Appendf(archive, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
			inode, mode, 0, 0, links, 0, len(file.Data), 0, 0, file.Major, file.Minor, len(file.Name)+1, 0, file.Name)
		archive = pad(archive, 4)
		archive = pad(append(archive, file.Data...), 4)
	}
	return archive, nil
}

const cpioTrailer = "TRAILER!!!"

func cpioMode(mode fs.FileMode, trailer bool) (uint32, error) {
	permissions := uint32(mode.Perm())
	switch {
	case trailer:
		return 0, nil
	case mode.IsDir():
		return 0o040000 | permissions, nil
	case mode.IsRegular():
		return 0o100000 | permissions, nil
	case mode.Type() == fs.ModeSymlink:
		return 0o120000 | 0o777, nil
	case mode.Type() == fs.ModeDevice|fs.ModeCharDevice:
		return 0o020000 | permissions, nil
	}
	return 0, fmt.Errorf("mode %s: want a file, directory, link or character device", mode)
}

// pad fills data up with zeros to a multiple of n bytes.
func pad(data []byte, n int) []byte {
	return append(data, make([]byte, (n-len(data)%n)%n)...)
}
