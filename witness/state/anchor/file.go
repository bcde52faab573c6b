// Package anchor keeps, in a file outside a witness's database, how far each
// log was cosigned at least. A database that holds less is older than what the
// witness has promised.
//
// The file is text, described in docs/formats/witness-anchor.md: a header that
// names the witness, then a line for every advance, appended and synced before
// the cosignature leaves. It is written anew, whole and short, when it is
// opened to be appended to, when it has grown, and after an error: after a
// failed sync nothing more is believed of what a file holds.
package anchor

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/tlog"
)

const (
	// maxFile bounds an anchor that is read, in bytes.
	maxFile = 1 << 30
	// slack is how much may be appended before the file is written anew, in
	// bytes, besides four times its length then.
	slack = 4 << 20
	// temporary is added to the file's name while it is written anew.
	temporary = ".new"
)

// A Handle is an open file.
type Handle interface {
	io.ReadWriteCloser
	Sync() error
}

// A FileSystem is where an anchor lies. [System] is the real one; tests give
// one that fails.
type FileSystem interface {
	OpenFile(path string, flags int, mode fs.FileMode) (Handle, error)
	Rename(from, to string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(path string) error
}

// System is the file system of this machine.
var System FileSystem = system{}

type system struct{}

func (system) OpenFile(path string, flags int, mode fs.FileMode) (Handle, error) {
	if flags == os.O_RDONLY {
		// What is no regular file is refused, and a pipe not waited for.
		file, _, err := inputfile.Open(path)
		if err != nil {
			return nil, err
		}
		return file, nil
	}
	return os.OpenFile(path, flags, mode)
}

func (system) Rename(from, to string) error { return os.Rename(from, to) }

func (system) SyncDir(path string) error { return atomicfile.SyncDir(path) }

// Read reads the anchor of the witness with these keys: the newest record of
// each origin. torn says that the end of the file was what a crash leaves of a
// write that was never answered for. The error wraps [fs.ErrNotExist] if there
// is no file, or is a [*DamageError].
func Read(files FileSystem, path string, keys []tlog.VerifierKey) (records map[string]Record, torn bool, err error) {
	file, err := files.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, false, fmt.Errorf("anchor: %w", err)
	}
	defer file.Close()
	records, torn, err = read(io.LimitReader(file, maxFile), identity(keys))
	if err != nil {
		return nil, false, fmt.Errorf("anchor %s: %w", path, err)
	}
	return records, torn, nil
}

// A File is an anchor that is being advanced, by one goroutine at a time.
type File struct {
	files    FileSystem
	path     string
	identity string
	records  map[string]Record

	// file is open for appending, or nil after an error.
	file Handle
	// links is the chain of checks up to the end of the file.
	links chain
	// size is the file's length, limit the one at which it is written anew.
	size, limit int
}

// Replace writes the anchor of the witness with these keys, whole, in place of
// whatever stands there, and opens it for appending. It is durable when Replace
// returns.
func Replace(files FileSystem, path string, keys []tlog.VerifierKey, records []Record) (*File, error) {
	f := &File{files: files, path: path, identity: identity(keys), records: make(map[string]Record, len(records))}
	for _, record := range records {
		f.records[record.Origin] = record
	}
	if err := f.rewrite(); err != nil {
		return nil, err
	}
	return f, nil
}

// Append adds records, one of an origin at most, and returns nil once they are
// durable. After an error they may be or not; the next Append writes the file
// anew, with what this one was to add.
func (f *File) Append(records []Record) error {
	var lines []byte
	for i, record := range records {
		f.records[record.Origin] = record
		lines = f.links.appendLine(lines, record, i == len(records)-1)
	}
	if f.file == nil || f.size+len(lines) > f.limit {
		return f.rewrite()
	}
	if err := f.write(lines); err != nil {
		// Whatever the file holds now, it is not appended to again.
		f.drop()
		return fmt.Errorf("anchor: %w", err)
	}
	f.size += len(lines)
	return nil
}

func (f *File) write(lines []byte) error {
	if len(lines) > maxWrite {
		return fmt.Errorf("%d bytes are too much for one write", len(lines))
	}
	if _, err := f.file.Write(lines); err != nil {
		return err
	}
	return f.file.Sync()
}

// rewrite writes the file anew, one line an origin, and opens it.
func (f *File) rewrite() error {
	f.drop()
	if err := f.replace(); err != nil {
		f.drop()
		return fmt.Errorf("write the anchor anew: %w", err)
	}
	return nil
}

func (f *File) replace() (err error) {
	content := []byte(version + "\n" + f.identity + "\n")
	f.links = start(f.identity)
	for _, origin := range slices.Sorted(maps.Keys(f.records)) {
		content = f.links.appendLine(content, f.records[origin], true)
	}
	f.size, f.limit = len(content), 5*len(content)+slack
	if f.file, err = f.files.OpenFile(f.path+temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600); err != nil {
		return err
	}
	if _, err := f.file.Write(content); err != nil {
		return err
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	if err := f.files.Rename(f.path+temporary, f.path); err != nil {
		return err
	}
	return f.files.SyncDir(filepath.Dir(f.path))
}

// drop closes the file without believing anything of it.
func (f *File) drop() {
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}

// Close closes the file. What Append has returned nil for stays.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}
