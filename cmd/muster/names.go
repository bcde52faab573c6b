package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
)

// maxNamed bounds how many keys or images of a directory are read.
const maxNamed = 1024

// keyNames are what people call keys, by key id. They are the caller's own words:
// no log and no authority holds them.
type keyNames map[release.KeyID]string

// namingKeys gives a group the flag --names.
func (a *app) namingKeys(group *cobra.Command) *cobra.Command {
	group.PersistentFlags().StringVar(&a.namesFrom, "names", "", "a `DIR` of public key files (*.pub): keys are shown with the names of their files")
	group.PersistentPreRunE = func(*cobra.Command, []string) error {
		if err := a.loadNames(); err != nil {
			return err
		}
		return a.loadImages()
	}
	return group
}

// namingImages gives a group, which names keys already, the flag --images.
func (a *app) namingImages(group *cobra.Command) *cobra.Command {
	group.PersistentFlags().StringVar(&a.imagesFrom, "images", "", "a `DIR` of image files (*.json): a release's images are shown with what those state")
	return group
}

// imageNames are what images state of themselves, by payload digest.
type imageNames map[release.Digest]*document

// loadImages reads the directory of --images. Files of other things are passed
// over; a digest is known only from the very statement that it is of.
func (a *app) loadImages() error {
	if a.imagesFrom == "" {
		return nil
	}
	entries, err := os.ReadDir(a.imagesFrom)
	if err != nil {
		return fmt.Errorf("--images: %w", err)
	}
	a.images = imageNames{}
	for _, entry := range entries {
		if entry.IsDir() || filepath.Ext(entry.Name()) != ".json" {
			continue
		}
		if len(a.images) >= maxNamed {
			return fmt.Errorf("--images %s: more than %d images", a.imagesFrom, maxNamed)
		}
		doc, err := a.readDocument(filepath.Join(a.imagesFrom, entry.Name()), "")
		if err == nil && doc.statement.Type == release.TypeImage {
			a.images[doc.digest()] = doc
		}
	}
	return nil
}

// hold reports whether all of the images are known.
func (n imageNames) hold(images []release.Digest) bool {
	return !slices.ContainsFunc(images, func(digest release.Digest) bool { return n[digest] == nil })
}

// sorted orders images by what they state, then by their digests.
func (n imageNames) sorted(images []release.Digest) []release.Digest {
	summaries := map[release.Digest]string{}
	for digest, doc := range n {
		summaries[digest] = doc.summary()
	}
	return sortedBy(images, summaries)
}

// of returns the digest, and after it what the image states.
func (n imageNames) of(digest release.Digest) string {
	if doc, ok := n[digest]; ok {
		return digest.String() + "  " + doc.summary()
	}
	return digest.String()
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
	a.names, a.namedKeys = keyNames{}, map[release.KeyID]release.Key{}
	for _, entry := range entries {
		name, public := strings.CutSuffix(entry.Name(), publicExtension)
		if !public || entry.IsDir() {
			continue
		}
		if len(a.names) >= maxNamed {
			return fmt.Errorf("--names %s: more than %d public keys", a.namesFrom, maxNamed)
		}
		key, err := a.readPublicKey(filepath.Join(a.namesFrom, entry.Name()))
		if err != nil {
			return fmt.Errorf("--names: %w", err)
		}
		a.namedKeys[key.ID()] = key
		a.names[key.ID()] = strings.TrimSuffix(name, ".key")
	}
	return nil
}

// sorted orders keys by what they are called, then by their ids.
func (n keyNames) sorted(keys []release.KeyID) []release.KeyID {
	return sortedBy(keys, n)
}

// sortedBy orders digests by their names, and those of one name, or none, by
// their text.
func sortedBy(digests []release.Digest, names map[release.Digest]string) []release.Digest {
	sorted := slices.Clone(digests)
	slices.SortFunc(sorted, func(x, y release.Digest) int {
		return cmp.Or(strings.Compare(names[x], names[y]), x.Compare(y))
	})
	return sorted
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

// namesOf are the names of the keys that a status speaks of.
func (a *app) namesOf(s *signingStatus) map[release.KeyID]string {
	found := map[release.KeyID]string{}
	for _, role := range s.Roles {
		maps.Insert(found, maps.All(a.names.among(role.Signed, role.Missing)))
	}
	return found
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
