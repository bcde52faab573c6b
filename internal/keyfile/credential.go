package keyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-log/muster/internal/inputfile"
)

// directoryVariable names where systemd puts a service's credentials.
const directoryVariable = "CREDENTIALS_DIRECTORY"

// CredentialError is a credential that cannot be used as a private key.
type CredentialError struct {
	// Name is the credential's, Path where it was looked for, may be empty.
	Name, Path string
	Err        error
}

func (e *CredentialError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("credential %q: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("credential %q, %s: %v", e.Name, e.Path, e.Err)
}

// Unwrap returns what is wrong with it.
func (e *CredentialError) Unwrap() error { return e.Err }

// CredentialPath is where systemd puts the service's credential of that name
// (LoadCredential=, LoadCredentialEncrypted=): in the directory that
// $CREDENTIALS_DIRECTORY names. Whether it is there is not looked at.
func CredentialPath(name string) (string, error) {
	fail := func(text string) (string, error) { return "", &CredentialError{Name: name, Err: errors.New(text)} }
	if name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsAny(name, "/\x00") {
		return fail("want a name of 1 to 255 bytes without a slash, the one before the colon of LoadCredential=")
	}
	directory := os.Getenv(directoryVariable)
	if directory == "" {
		return fail("$" + directoryVariable + " is not set: systemd sets it for a service with LoadCredential=" + name + ":FILE")
	}
	if !filepath.IsAbs(directory) {
		return fail(fmt.Sprintf("$%s is %q, want an absolute path", directoryVariable, directory))
	}
	return filepath.Join(directory, name), nil
}

// ReadCredential reads a private key of at most limit bytes from the credential
// at a path that [CredentialPath] gave. systemd makes credentials that nobody
// writes: of mode 0400 and the service's user, or of mode 0440 and root, where
// the group's bit stands for an access list that lets in this one user. Any other
// mode or owner is a [*CredentialError]. The directory is the service's own and
// in memory; that is systemd's to see to.
func ReadCredential(path string, limit int64) ([]byte, error) {
	fail := func(err error) ([]byte, error) {
		return nil, &CredentialError{Name: filepath.Base(path), Path: path, Err: err}
	}
	file, info, err := inputfile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(fmt.Errorf("no such credential: the unit needs LoadCredential=%s:FILE: %w", filepath.Base(path), fs.ErrNotExist))
	}
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	if mode := info.Mode().Perm(); mode != 0o400 && mode != 0o440 {
		return fail(fmt.Errorf("mode %04o, want 0400 or 0440 as systemd makes it; think of the key as known if others could read it", mode))
	}
	if owner, group, known := owners(info); known {
		if owner != 0 && owner != os.Geteuid() {
			return fail(fmt.Errorf("it belongs to user %d, want root or the service's own user %d", owner, os.Geteuid()))
		}
		if info.Mode().Perm() == 0o440 && group != 0 && group != os.Getegid() {
			return fail(fmt.Errorf("group %d may read it, want root's or the service's own group %d", group, os.Getegid()))
		}
	}
	data, err := readAll(file, path, limit)
	if err != nil {
		return fail(err)
	}
	return data, nil
}
