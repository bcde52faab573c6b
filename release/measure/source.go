package measure

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/muster-log/muster/internal/inputfile"
)

// source is a regular file that is being measured. It remembers what the file
// was when it was opened.
type source struct {
	*os.File
	path string
	info fs.FileInfo
}

// open opens a regular file for reading. Symbolic links are followed: who names
// a path means what it leads to.
func open(path string) (*source, error) {
	file, info, err := inputfile.Open(path)
	if kind, ok := errors.AsType[*inputfile.KindError](err); ok {
		return nil, &Error{Code: CodeNotRegular, Path: path, Hint: "copy its content into a file and measure that", Err: fmt.Errorf("is %s, want a regular file", inputfile.Kind(kind.Mode))}
	}
	if err != nil {
		return nil, err
	}
	return &source{File: file, path: path, info: info}, nil
}

func (s *source) size() int64 { return s.info.Size() }

// unchanged fails if the file, or what its path leads to, is not what was opened:
// in size, time of modification or inode. It is called when everything was read.
func (s *source) unchanged() error {
	held, err := s.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(s.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	what := ""
	switch {
	case err != nil:
		what = "was removed"
	case !os.SameFile(s.info, named):
		what = "was replaced by another file"
	case held.Size() != s.info.Size():
		what = fmt.Sprintf("had %d bytes, then %d,", s.info.Size(), held.Size())
	case !held.ModTime().Equal(s.info.ModTime()):
		what = "was modified"
	default:
		return nil
	}
	return &Error{Code: CodeChanged, Path: s.path, Hint: "stop what writes to it and measure again", Err: fmt.Errorf("%s while it was read", what)}
}

// truncated explains a read that ended before the file's size did.
func (s *source) truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		if changed := s.unchanged(); changed != nil {
			return changed
		}
		return fmt.Errorf("%s: ends before its %d bytes do", quotePath(s.path), s.size())
	}
	return err
}
