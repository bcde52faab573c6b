package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-log/muster/release"
)

// An Opener opens an image that lies at a path, by its statement, and gives its files
// a directory.
type Opener interface {
	// Open returns when the files can be read below directory, which it makes. What an
	// earlier run left there is closed first.
	Open(ctx context.Context, image *release.Image, path, directory string) error
	// Close undoes it; nothing to undo is no error.
	Close(image *release.Image, directory string) error
}

// Name is an image's name in a release: KIND/NAME.
func Name(image *release.Image) string { return string(image.Kind) + "/" + image.Name }

// Loaded reports whether a node loads images of a kind itself: those that firmware
// does not measure.
func Loaded(kind release.Kind) bool {
	switch kind {
	case release.KindModel, release.KindAdapter, release.KindConfig:
		return true
	}
	return false
}

// Find tells where the images of a release lie: given are paths by KIND/NAME, and a
// directory that holds them under those names; either may be missing. The release
// says which are sought. An image that is not found, and a file or a name that is no
// image of the release, is an error.
func Find(wanted []*release.Image, given map[string]string, directory string) (map[string]string, error) {
	found := make(map[string]string, len(wanted))
	for _, image := range wanted {
		name := Name(image)
		path, ok := given[name]
		if !ok && directory != "" {
			path = filepath.Join(directory, filepath.FromSlash(name))
		}
		if path == "" {
			return nil, fmt.Errorf("nothing says where %s of the release lies: name it as %s=PATH", name, name)
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%s of the release: %w", name, err)
		}
		found[name] = path
	}
	for name := range given {
		if _, ok := found[name]; !ok {
			return nil, fmt.Errorf("%s is no image of the release that a node loads", name)
		}
	}
	if directory == "" {
		return found, nil
	}
	return found, filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(directory, path)
		if err != nil {
			return err
		}
		if _, ok := found[filepath.ToSlash(name)]; !ok {
			return fmt.Errorf("%s is no image of the release that a node loads: remove it", path)
		}
		return nil
	})
}

// Directory is where an image's files are, below a root.
func Directory(root string, image *release.Image) (string, error) {
	name := Name(image)
	if !filepath.IsLocal(name) || strings.Contains(name, "..") {
		return "", errors.New("an image's name that leads out of its directory: " + name)
	}
	return filepath.Join(root, filepath.FromSlash(name)), nil
}
