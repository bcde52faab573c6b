package measure

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// The media types of artifacts.
const (
	// MediaTypeFile is that of a file about which nothing else is known, and of
	// file system images, which have none of their own.
	MediaTypeFile = "application/octet-stream"
	// MediaTypeEFI is that of a unified kernel image.
	MediaTypeEFI = "application/efi"
)

// File measures a file as an artifact. Its name is the last part of the path.
func File(ctx context.Context, path, mediaType string, report progress.Reporter) (release.Artifact, error) {
	if err := checkArtifactName(path); err != nil {
		return release.Artifact{}, err
	}
	file, err := open(path)
	if err != nil {
		return release.Artifact{}, err
	}
	defer file.Close()
	report.Start(filepath.Base(path), file.size())
	defer report.Done()
	artifact, err := artifactOf(ctx, file, mediaType, report)
	if err != nil {
		return release.Artifact{}, err
	}
	return artifact, file.unchanged()
}

// artifactOf hashes an open file; the caller checks afterwards that it did not change.
func artifactOf(ctx context.Context, file *source, mediaType string, report progress.Reporter) (release.Artifact, error) {
	digest, err := newStream().sum(ctx, file, 0, file.size(), report)
	if err != nil {
		return release.Artifact{}, file.truncated(err)
	}
	return release.Artifact{Name: filepath.Base(file.path), Digest: digest, Size: uint64(file.size()), MediaType: mediaType}, nil
}

// artifactName is what an artifact's file may be called (docs/formats): its name
// becomes the end of a URL.
var artifactName = regexp.MustCompile(`^[A-Za-z0-9._+~-]{1,128}$`)

// checkArtifactName is called before long work.
func checkArtifactName(path string) error {
	if name := filepath.Base(path); !artifactName.MatchString(name) {
		return &Error{Code: CodeName, Path: path, Hint: "rename it: letters, digits and . _ + ~ -, at most 128", Err: errors.New("its name cannot be an artifact's")}
	}
	return nil
}
