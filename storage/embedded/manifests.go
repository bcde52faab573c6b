package embedded

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
)

// manifests keeps each manifest in a file named by its digest and .json, which
// anybody may read. A file that is damaged is removed by hand and sent again.
type manifests struct{ dir string }

func openManifests(dir string) (log.Manifests, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return manifests{dir}, nil
}

func (m manifests) path(digest release.Digest) string {
	return filepath.Join(m.dir, digest.String()+".json")
}

// Put implements log.Manifests.
func (m manifests) Put(_ context.Context, digest release.Digest, data []byte) error {
	return atomicfile.Write(m.path(digest), data, 0o644)
}

// Open implements log.Manifests.
func (m manifests) Open(_ context.Context, digest release.Digest) (io.ReadSeekCloser, error) {
	return os.Open(m.path(digest))
}
