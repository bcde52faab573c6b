package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/witness"
)

// keyMode is a key file's: the owner's alone.
const keyMode = 0o600

// maxKeyFile is well above the size of a key file.
const maxKeyFile = 16 << 10

func (a *app) keyCommand() *cobra.Command {
	return command.Group("key", "the witness's own keys", a.keyGenerateCommand(), a.keyShowCommand())
}

func (a *app) keyGenerateCommand() *cobra.Command {
	var name, path string
	cmd := &cobra.Command{
		Use:   "generate --name NAME --key FILE",
		Short: "make the Ed25519 and the ML-DSA-44 key of a new witness, in one file",
		Args:  command.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := command.Required(cmd, "name", "key"); err != nil {
				return err
			}
			keys, err := witness.GenerateKeys(name)
			if err != nil {
				return command.Usage(cmd, fmt.Errorf("--name %q: %w", name, err))
			}
			if err := createKeyFile(path, keys.Marshal()); err != nil {
				return err
			}
			return a.printKeys(path, keys)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the witness's name, a URL without its scheme, such as witness.example/w1")
	cmd.Flags().StringVar(&path, "key", "", "the key file to write; it must not exist")
	return cmd
}

func (a *app) keyShowCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "show --key FILE",
		Short: "print the verifier keys of a key file",
		Args:  command.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := command.Required(cmd, "key"); err != nil {
				return err
			}
			keys, err := readKeyFile(path)
			if err != nil {
				return err
			}
			return a.printKeys(path, keys)
		},
	}
	cmd.Flags().StringVar(&path, "key", "", "the key file")
	return cmd
}

func (a *app) printKeys(path string, keys witness.Keys) error {
	type key struct {
		Type string `json:"type"`
		VKey string `json:"vkey"`
	}
	result := struct {
		Name string `json:"name"`
		File string `json:"file"`
		Keys []key  `json:"keys"`
	}{Name: keys.Verifiers()[0].Name, File: path}
	for _, verifier := range keys.Verifiers() {
		result.Keys = append(result.Keys, key{verifier.Type.String(), verifier.String()})
	}
	return a.Print(result, func(out io.Writer) error {
		fmt.Fprintf(out, "witness %s, private keys in %s\n", result.Name, path)
		for _, key := range result.Keys {
			fmt.Fprintf(out, "%s\n    %s\n", key.Type, key.VKey)
		}
		return nil
	})
}

// createKeyFile writes a new key file durably and never over another file: a
// witness whose key is lost is another witness.
func createKeyFile(path string, data []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, keyMode)
	if errors.Is(err, fs.ErrExist) {
		return command.Fail(exitcode.Usage, "file-exists", "name another file, or see it with muster-witness key show", fmt.Errorf("key file %s exists and is not overwritten", path))
	}
	if err != nil {
		return fmt.Errorf("make the key file: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(path)
			err = fmt.Errorf("write the key file %s: %w", path, err)
		}
	}()
	// The umask may have taken bits away; the file is made as it shall be.
	if err := file.Chmod(keyMode); err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// readKeyFile reads a key file and refuses one that others can read.
func readKeyFile(path string) (witness.Keys, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return witness.Keys{}, command.Fail(exitcode.Unknown, "no-key-file", "make one with muster-witness key generate", fmt.Errorf("key file: %w", err))
	}
	if err != nil {
		return witness.Keys{}, fmt.Errorf("key file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return witness.Keys{}, fmt.Errorf("key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return witness.Keys{}, fmt.Errorf("key file %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return witness.Keys{}, fmt.Errorf("key file %s has mode %04o, so others than its owner may use it: chmod 600 it, and think of the key as known if they could", path, mode)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return witness.Keys{}, fmt.Errorf("key file: %w", err)
	}
	if len(data) > maxKeyFile {
		return witness.Keys{}, fmt.Errorf("key file %s has more than %d bytes: not a key file", path, maxKeyFile)
	}
	keys, err := witness.ParseKeys(data)
	if err != nil {
		return witness.Keys{}, fmt.Errorf("key file %s: %w", path, err)
	}
	return keys, nil
}
