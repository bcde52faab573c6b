package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
)

// maxNamedKeys bounds how many files of a directory are read for their names.
const maxNamedKeys = 1024

// keyNames are what people call keys, by key id. They are the caller's own words:
// no log and no authority holds them.
type keyNames map[release.KeyID]string

// namingKeys gives a group the flag --names.
func (a *app) namingKeys(group *cobra.Command) *cobra.Command {
	group.PersistentFlags().StringVar(&a.namesFrom, "names", "", "a directory of public key files (*.pub): keys are shown with the names of their files")
	group.PersistentPreRunE = func(*cobra.Command, []string) error { return a.loadNames() }
	return group
}

// loadNames reads the directory of --names.
func (a *app) loadNames() error {
	if a.namesFrom == "" {
		return nil
	}
	entries, err := os.ReadDir(a.namesFrom)
	if err != nil {
		return fmt.Errorf("--names: %w", err)
	}
	a.names = keyNames{}
	for _, entry := range entries {
		name, public := strings.CutSuffix(entry.Name(), publicExtension)
		if !public || entry.IsDir() {
			continue
		}
		if len(a.names) >= maxNamedKeys {
			return fmt.Errorf("--names %s: more than %d public keys", a.namesFrom, maxNamedKeys)
		}
		key, err := a.readPublicKey(filepath.Join(a.namesFrom, entry.Name()))
		if err != nil {
			return fmt.Errorf("--names: %w", err)
		}
		a.names[key.ID()] = strings.TrimSuffix(name, ".key")
	}
	return nil
}

// of returns the key id, and after it what the key is called.
func (n keyNames) of(id release.KeyID) string {
	name, ok := n[id]
	if !ok {
		return id.String()
	}
	return id.String() + "  " + plainName(name)
}

// plainName quotes what could be read as something else than a name.
func plainName(name string) string {
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._@+-", r)) {
			return quote(name)
		}
	}
	return name
}

// among returns the names of those keys that have one.
func (n keyNames) among(ids ...[]release.KeyID) map[release.KeyID]string {
	found := map[release.KeyID]string{}
	for _, id := range slices.Concat(ids...) {
		if name, ok := n[id]; ok {
			found[id] = name
		}
	}
	return found
}
