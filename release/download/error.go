package download

import "fmt"

// Code is the stable reason of an Error: lower case words joined by hyphens.
type Code string

// The reasons for which artifacts are not fetched.
const (
	// CodeNames: artifacts whose files cannot stand beside each other.
	CodeNames Code = "artifact-names"
	// CodeSpace: a file system with less room than the artifacts need.
	CodeSpace Code = "no-space"
	// CodeExists: another file than the artifact has its name.
	CodeExists Code = "file-exists"
	// CodeNotRegular: something that is no regular file, or no directory, has a name that is needed.
	CodeNotRegular Code = "not-a-regular-file"
	// CodeBusy: another process is fetching the artifact.
	CodeBusy Code = "download-under-way"
	// CodeNoURL: an artifact without a URL.
	CodeNoURL Code = "no-url"
	// CodeNotFetched: no URL gave the artifact, and none gave another file.
	CodeNotFetched Code = "not-fetched"
	// CodeDigest: a URL gave a file of another SHA-256 or size, and none the artifact.
	CodeDigest Code = "artifact-differs"
)

// Error says why an artifact was not fetched, and what to do.
type Error struct {
	Code Code
	Path string // the file, below the directory that the caller named; may be empty
	Hint string // what to do; empty: nothing is known
	Err  error  // what is wrong
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

// Unwrap returns what is wrong, without the path.
func (e *Error) Unwrap() error { return e.Err }

func refuse(code Code, path, hint, format string, args ...any) *Error {
	return &Error{Code: code, Path: path, Hint: hint, Err: fmt.Errorf(format, args...)}
}
