package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/keyfile"
	"github.com/muster-log/muster/witness"
)

// maxKeyFile is well above the size of a key file, in bytes.
const maxKeyFile = 16 << 10

// keySource is where the witness's keys are: a file, or a systemd credential,
// which is one that systemd gives to the service alone.
type keySource struct{ file, credential string }

// flags gives a command the flags that name the keys.
func (s *keySource) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.file, "key", "", "the key file, from muster-witness key generate")
	cmd.Flags().StringVar(&s.credential, "key-credential", "", "in place of --key: the name of the systemd credential that holds the key file")
}

// check wants exactly one of the flags.
func (s keySource) check(cmd *cobra.Command) error {
	if s.file != "" && s.credential != "" {
		return command.Usage(cmd, errors.New("--key and --key-credential both name the keys: give one"))
	}
	if s.file == "" && s.credential == "" {
		return command.Usage(cmd, errors.New("missing --key or --key-credential"))
	}
	return nil
}

// anchor is the path of the anchor, which must be outside the data directory:
// the --anchor given, else beside the key file. Beside a credential nothing can
// be kept: it is gone with the service.
func (s keySource) anchor(cmd *cobra.Command, given, data string) (string, error) {
	if err := s.check(cmd); err != nil {
		return "", err
	}
	path := given
	if path == "" && s.file != "" {
		path = s.file + ".anchor"
	}
	if path == "" {
		return "", command.Usage(cmd, errors.New("missing --anchor: with --key-credential no place goes without saying"))
	}
	// What a link leads to is replaced, not the link: it may lead to another disk.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if inside(data, filepath.Dir(path)) {
		return "", command.Usage(cmd, fmt.Errorf("the anchor %s lies in the data directory %s: who restores that takes both back, and nobody notices; give --anchor a place outside", path, data))
	}
	return path, nil
}

// inside reports whether a directory is another one or lies below it, whatever
// symbolic links lead there.
func inside(directory, below string) bool {
	for _, path := range []*string{&directory, &below} {
		if real, err := filepath.EvalSymlinks(*path); err == nil {
			*path = real
		}
		if absolute, err := filepath.Abs(*path); err == nil {
			*path = absolute
		}
	}
	relative, err := filepath.Rel(directory, below)
	return err == nil && filepath.IsLocal(relative)
}

// read reads the keys, and says from which file. An Ed25519 key in an ssh-agent
// is not asked for: see connect.
func (s keySource) read(cmd *cobra.Command) (path string, keys witness.Keys, err error) {
	if err := s.check(cmd); err != nil {
		return "", witness.Keys{}, err
	}
	var data []byte
	if s.credential != "" {
		if path, err = keyfile.CredentialPath(s.credential); err != nil {
			return "", witness.Keys{}, command.Fail(exitcode.Unknown, "no-credential", "", err)
		}
		data, err = keyfile.ReadCredential(path, maxKeyFile)
	} else {
		path = s.file
		data, err = keyfile.Read(path, maxKeyFile)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.credential == "":
		return "", witness.Keys{}, command.Fail(exitcode.Unknown, "no-key-file", "make one with muster-witness key generate", fmt.Errorf("key file: %w", err))
	case errors.Is(err, fs.ErrPermission):
		return "", witness.Keys{}, command.Fail(exitcode.Unknown, "key-file-permission", "run as the owner of the key file, or let systemd give it to the service: LoadCredential= and --key-credential", fmt.Errorf("key file: %w", err))
	case err != nil:
		return "", witness.Keys{}, fmt.Errorf("key file: %w", err)
	}
	if keys, err = witness.ParseKeys(data); err != nil {
		return "", witness.Keys{}, fmt.Errorf("key file %s: %w", path, err)
	}
	return path, keys, nil
}
