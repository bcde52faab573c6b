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
	if err := checkMode(info.Mode().Perm()); err != nil {
		return fail(err)
	}
	if owner, group, known := owners(info); known {
		if err := checkOwner(info.Mode().Perm(), owner, group, os.Geteuid(), os.Getegid()); err != nil {
			return fail(err)
		}
	}
	data, err := readAll(file, path, limit)
	if err != nil {
		return fail(err)
	}
	return data, nil
}

// checkMode wants a mode that systemd makes.
func checkMode(mode fs.FileMode) error {
	if mode != 0o400 && mode != 0o440 {
		return fmt.Errorf("mode %04o, want 0400 or 0440 as systemd makes it; think of the key as known if others could read it", mode)
	}
	return nil
}

// checkOwner wants a file of root or of the user that the process runs as, and
// no group that can read it but those two's.
func checkOwner(mode fs.FileMode, owner, group, user, userGroup int) error {
	if owner != 0 && owner != user {
		return fmt.Errorf("it belongs to user %d, want root or the service's own user %d", owner, user)
	}
	if mode&0o040 != 0 && group != 0 && group != userGroup {
		return fmt.Errorf("group %d may read it, want root's or the service's own group %d", group, userGroup)
	}
	return nil
}
