package measure

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// ModelOptions says which model is measured, and of which image it is proved that
// it holds the model. At most one of Image and Existing is set.
type ModelOptions struct {
	Dir      string
	Symlinks Symlinks
	Ignored  []string // slash-separated paths in Dir that are no part of the model
	// Listed are the files that the model must have, no more and no less; else the
	// error has CodeModelFiles, wraps a [*DifferenceError], and no image is made.
	// Empty: any.
	Listed   []release.Resource
	Image    string // the read-only image to make: erofs, and behind it the hash tree
	Replace  bool   // Image may stand, and is replaced; else it is an [*atomicfile.ExistsError]
	Existing VerityOptions
	Salt     []byte // of the hash tree of Image
}

// ModelResult is what a model was measured as.
type ModelResult struct {
	OMS       release.OMS // with Manifest where the resources are too many for an entry
	Resources []release.Resource
	Manifest  []byte             // the statement that Model Signing signs
	List      []byte             // what OMS.Manifest is the SHA-256 of
	Bytes     int64              // of all files
	Files     []release.Artifact // the files, named by their paths
	Image     *VerityResult      // nil: no image was asked for
}

// The bounds of a list of files in an entry. A longer one is kept beside the log.
const (
	maxListed     = 512      // files
	maxListedSize = 24 << 10 // bytes of their names and digests, before base64
)

// Model hashes the files of a model and, where an image is asked for, makes it or
// takes the existing one, reads all files back out of the image through a reader
// of the file system, and compares them with those of the directory.
func Model(ctx context.Context, o ModelOptions, report progress.Reporter) (*ModelResult, error) {
	ignored := slices.Clone(o.Ignored)
	for i, path := range ignored {
		ignored[i] = filepath.ToSlash(filepath.Clean(path))
	}
	slices.Sort(ignored)
	files, err := listModel(o.Dir, o.Symlinks, ignored)
	if err != nil {
		return nil, err
	}
	result := &ModelResult{}
	var names []string
	var sizes []int64
	for _, file := range files {
		names, sizes = append(names, file.name), append(sizes, file.info.Size())
		result.Bytes += file.info.Size()
	}

	var image *imageWriter
	if o.Image != "" {
		if err := checkArtifactName(o.Image); err != nil {
			return nil, err
		}
		layout, err := layoutErofs(names, sizes)
		if err != nil {
			return nil, at(o.Dir, err)
		}
		if image, err = createImage(o.Image, o.Replace, layout); err != nil {
			return nil, err
		}
		defer image.discard()
	}
	if result.Resources, err = hashModel(ctx, o.Dir, files, image, report); err != nil {
		return nil, err
	}
	after, err := listModel(o.Dir, o.Symlinks, ignored)
	if err != nil {
		return nil, err
	}
	if err := sameModel(o.Dir, files, after); err != nil {
		return nil, err
	}
	if len(o.Listed) > 0 {
		if err := CompareModel(o.Listed, result.Resources); err != nil {
			return nil, &Error{Code: CodeModelFiles, Path: o.Dir, Hint: "get the model again, or the list that belongs to it; what is no part of the model is left out with --ignore", Err: err}
		}
	}
	if err := result.describe(o, ignored); err != nil {
		return nil, err
	}
	for i, file := range result.Resources {
		result.Files = append(result.Files, release.Artifact{Name: file.Name, Digest: file.Digest, Size: uint64(sizes[i]), MediaType: MediaTypeFile})
	}
	existing := o.Existing
	if image != nil {
		if _, err := FormatVerity(ctx, FormatOptions{Image: image.file.Name(), Salt: o.Salt}, report); err != nil {
			return nil, err
		}
		existing = VerityOptions{Image: image.file.Name(), Offset: FindOffset}
	}
	if existing.Image == "" {
		return result, nil
	}
	if result.Image, err = Verity(ctx, existing, report); err != nil {
		return nil, err
	}
	if err := compareImage(ctx, existing.Image, result.Resources, report); err != nil {
		return nil, err
	}
	if image != nil {
		result.Image.Artifacts[0].Name = filepath.Base(o.Image)
		return result, image.publish()
	}
	return result, nil
}

// describe fills in what follows from the files' digests.
func (m *ModelResult) describe(o ModelOptions, ignored []string) error {
	name, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	if m.Manifest, err = omsManifest(filepath.Base(name), m.Resources, o.Symlinks != SymlinksRefused, ignored); err != nil {
		return err
	}
	m.OMS.Root = release.OMSRoot(m.Resources)
	if m.List, err = release.OMSManifest(m.OMS.Root, m.Resources); err != nil {
		return at(o.Dir, err)
	}
	if len(m.Resources) <= maxListed && len(m.List) <= maxListedSize {
		m.OMS.Resources = m.Resources
		return nil
	}
	digest := release.Digest(sha256.Sum256(m.List))
	m.OMS.Manifest = &digest
	return nil
}

// hashModel hashes all files, and copies them into the image where there is one.
// Large files are begun first, so that the last one does not keep one core alone.
func hashModel(ctx context.Context, dir string, files []modelFile, image *imageWriter, report progress.Reporter) ([]release.Resource, error) {
	total, order := int64(0), make([]int, len(files))
	for i, file := range files {
		total += file.info.Size()
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(min(max(files[b].info.Size()-files[a].info.Size(), -1), 1)) })
	report.Start(fmt.Sprintf("%d files", len(files)), total)
	defer report.Done()

	resources := make([]release.Resource, len(files))
	err := forEach(ctx, len(files), func(ctx context.Context, reader *stream, i int) error {
		i = order[i]
		digest, err := hashModelFile(ctx, reader, filepath.Join(dir, files[i].name), files[i], i, image, report)
		resources[i] = release.Resource{Name: files[i].name, Digest: digest}
		return err
	})
	return resources, err
}

func hashModelFile(ctx context.Context, reader *stream, path string, found modelFile, i int, image *imageWriter, report progress.Reporter) (release.Digest, error) {
	file, err := open(path)
	if err != nil {
		return release.Digest{}, err
	}
	defer file.Close()
	if err := sameModel(filepath.Dir(path), []modelFile{{filepath.Base(path), found.info}}, []modelFile{{filepath.Base(path), file.info}}); err != nil {
		return release.Digest{}, err
	}
	digest, done := sha256.New(), int64(0)
	err = reader.read(ctx, file, 0, file.size(), func(piece []byte) error {
		digest.Write(piece)
		if image != nil {
			if _, err := image.file.WriteAt(piece, image.layout.offsets[i]+done); err != nil {
				return err
			}
		}
		done += int64(len(piece))
		report.Add(int64(len(piece)))
		return nil
	})
	if err != nil {
		return release.Digest{}, file.truncated(err)
	}
	return release.Digest(digest.Sum(nil)), file.unchanged()
}

// forEach calls do for 0 to n-1, from as many goroutines as there are workers.
func forEach(ctx context.Context, n int, do func(ctx context.Context, reader *stream, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(workers(), n) {
		group.Go(func() error {
			reader := newStream()
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := do(ctx, reader, i); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// compareImage proves that an image holds the files of a model and no others.
func compareImage(ctx context.Context, path string, resources []release.Resource, report progress.Reporter) error {
	image, err := open(path)
	if err != nil {
		return err
	}
	defer image.Close()
	held, err := readErofs(image, image.size())
	if err != nil {
		return at(path, image.truncated(err))
	}
	slices.SortFunc(held, func(a, b erofsFile) int { return release.CompareResourceNames(a.name, b.name) })
	differs := func(name, what string) error {
		return &Error{Code: CodeModelImage, Path: path, Hint: "make the image again from this directory", Err: fmt.Errorf("file %s %s", quotePath(name), what)}
	}
	total := int64(0)
	for i, file := range held {
		if i >= len(resources) || release.CompareResourceNames(resources[i].Name, file.name) > 0 {
			return differs(file.name, "is in the image and not in the model")
		}
		if resources[i].Name != file.name {
			return differs(resources[i].Name, "is in the model and not in the image")
		}
		total += file.size
	}
	if len(held) < len(resources) {
		return differs(resources[len(held)].Name, "is in the model and not in the image")
	}

	report.Start("files of the image", total)
	defer report.Done()
	err = forEach(ctx, len(held), func(ctx context.Context, reader *stream, i int) error {
		digest := sha256.New()
		for _, part := range held[i].ranges {
			if err := reader.hash(ctx, digest, image, part.offset, part.size, report); err != nil {
				return image.truncated(err)
			}
		}
		if got := release.Digest(digest.Sum(nil)); got != resources[i].Digest {
			return differs(held[i].name, "has SHA-256 "+got.String()+" in the image and "+resources[i].Digest.String()+" in the model")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return image.unchanged()
}

// imageWriter is an image in a temporary file beside the place where it is to be.
type imageWriter struct {
	file    *os.File
	path    string
	replace bool
	layout  *erofsLayout
	once    sync.Once
}

// createImage begins an image: everything but the files' data.
func createImage(path string, replace bool, layout *erofsLayout) (*imageWriter, error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return nil, err
	}
	w := &imageWriter{file: file, path: path, replace: replace, layout: layout}
	if err = file.Chmod(0o644); err == nil {
		if err = file.Truncate(layout.size); err == nil {
			_, err = file.WriteAt(layout.head, 0)
		}
	}
	if err != nil {
		w.discard()
		return nil, err
	}
	return w, nil
}

// publish makes the image durable under its name. What has got that name since the
// work began stands, unless it may be replaced.
func (w *imageWriter) publish() (err error) {
	w.once.Do(func() {
		defer os.Remove(w.file.Name()) // after a rename there is nothing of this name
		defer w.file.Close()
		if err = w.file.Sync(); err != nil {
			return
		}
		if w.replace {
			err = os.Rename(w.file.Name(), w.path)
		} else if err = os.Link(w.file.Name(), w.path); errors.Is(err, fs.ErrExist) {
			err = &atomicfile.ExistsError{Path: w.path}
		}
		if err == nil {
			err = atomicfile.SyncDir(filepath.Dir(w.path))
		}
	})
	return err
}

// discard removes an image that was not published.
func (w *imageWriter) discard() {
	w.once.Do(func() {
		w.file.Close()
		os.Remove(w.file.Name())
	})
}
