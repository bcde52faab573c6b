package measure

import (
	"fmt"
	"strings"
)

// Code is the stable reason of an Error: lower case words joined by hyphens.
type Code string

// The reasons for which an input is not measured.
const (
	// CodeNotRegular: a path that is a directory, device, socket or pipe.
	CodeNotRegular Code = "not-a-regular-file"
	// CodeNotDirectory: a model that is no directory, or holds no file.
	CodeNotDirectory Code = "not-a-model-directory"
	// CodeChanged: a file that changed while it was read.
	CodeChanged Code = "file-changed"
	// CodeSymlink: a symbolic link that was not to be followed, leads nowhere or round in a circle.
	CodeSymlink Code = "symbolic-link"
	// CodeName: a file name outside printable ASCII.
	CodeName Code = "file-name"
	// CodePE: bytes that are not one well-formed PE32+ image.
	CodePE Code = "pe-form"
	// CodeUKI: a PE image that is not a unified kernel image of the form that the stub reads.
	CodeUKI Code = "uki-form"
	// CodeStub: a stub whose rules of measuring are not known here.
	CodeStub Code = "stub-unknown"
	// CodePhases: boot phases that are not words of the stub's successors in user space.
	CodePhases Code = "phases"
	// CodeVeritySuperblock: no dm-verity superblock where it is looked for, or one that is not understood.
	CodeVeritySuperblock Code = "verity-superblock"
	// CodeVerityTree: a hash tree that is not the tree of its data.
	CodeVerityTree Code = "verity-tree"
	// CodeVerityParameters: parameters that no hash tree can be made with.
	CodeVerityParameters Code = "verity-parameters"
	// CodeFileSystem: a file system that is not known here.
	CodeFileSystem Code = "file-system-unknown"
	// CodeErofs: an erofs image whose files cannot be read without decompression, or not at all.
	CodeErofs Code = "erofs-form"
	// CodeModelImage: an image whose files are not the files of the model.
	CodeModelImage Code = "model-image"
	// CodeModelSize: more or larger files than an image can hold.
	CodeModelSize Code = "model-size"
	// CodeModelFiles: a model whose files are not those of the list it is compared with.
	CodeModelFiles Code = "model-files"
)

// Error says why an input was not measured, and what to do.
type Error struct {
	Code Code
	Path string // the file, as the caller named it or below what he named
	Hint string // what to do; empty: nothing is known
	Err  error  // what is wrong
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return quotePath(e.Path) + ": " + e.Err.Error()
}

// Unwrap returns what is wrong, without the path.
func (e *Error) Unwrap() error { return e.Err }

// refuse makes an Error; the path is put in by who knows it.
func refuse(code Code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// at names the file of an Error that has none.
func at(path string, err error) error {
	if e, ok := err.(*Error); ok && e.Path == "" {
		named := *e
		named.Path = path
		return &named
	}
	return err
}

// quotePath shows a path as it is where that is safe on a terminal.
func quotePath(path string) string {
	if isPrintableASCII(path) {
		return path
	}
	return fmt.Sprintf("%+q", path)
}

func isPrintableASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e }) < 0
}
