package log

import (
	"context"
	"io"

	"github.com/muster-log/muster/release"
)

// Manifests keeps lists of models' files beside the log, each under its SHA-256:
// what images name in oms/v1 as manifest. It judges nothing; the API lets in only
// what a published image names.
type Manifests interface {
	// Put returns once the data are durable under their digest. The same again
	// changes nothing.
	Put(ctx context.Context, digest release.Digest, data []byte) error

	// Open returns the data; fs.ErrNotExist where there are none. The caller
	// closes it.
	Open(ctx context.Context, digest release.Digest) (io.ReadSeekCloser, error)
}
