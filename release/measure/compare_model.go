package measure

import (
	"context"
	"crypto/sha256"
	"slices"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// model compares the list of a model's files with those of its image, or with its
// artifacts where it has no image and they are the files. image is the path of the
// image that was found.
func (c *comparer) model(stated *release.OMS, image string) error {
	const profile = release.ProfileOMS
	var measured []release.Resource
	var err error
	name := ""
	switch {
	case c.image.Measurements.Verity == nil:
		if measured, err = c.asFiles(); err != nil {
			return err
		}
		if stated.Resources != nil && !slices.ContainsFunc(measured, func(r release.Resource) bool {
			return slices.ContainsFunc(stated.Resources, func(s release.Resource) bool { return s.Name == r.Name })
		}) {
			c.notMeasured(member(profile), "no artifact has the name of a file of the model")
			return nil
		}
	case image == "":
		c.notMeasured(member(profile), "no image was found that could hold the files")
		return nil
	default:
		for _, file := range c.files {
			if file.path == image {
				name = file.name
			}
		}
		if measured, err = hashImage(c.ctx, image, c.report); err != nil {
			why, failed := judged(err)
			if failed != nil {
				return failed
			}
			c.notMeasured(member(profile), "the files of the image cannot be listed: "+why)
			return nil
		}
	}
	c.take(compareFiles(stated, name, measured))
	return nil
}

// asFiles are the artifacts as the files of a model.
func (c *comparer) asFiles() ([]release.Resource, error) {
	var files []release.Resource
	for _, file := range c.files {
		artifact, err := hashArtifact(c.ctx, file.path, c.report)
		if err != nil {
			return nil, err
		}
		c.hashed[file.path] = artifact
		files = append(files, release.Resource{Name: file.name, Digest: artifact.Digest})
	}
	return files, nil
}

// compareFiles compares a list of files with those that were measured.
func compareFiles(stated *release.OMS, file string, measured []release.Resource) *attempt {
	const profile = release.ProfileOMS
	a := &attempt{}
	a.value(member(profile, "root"), file, stated.Root.String(), release.OMSRoot(measured).String())
	if stated.Manifest != nil {
		text := ""
		list, err := release.OMSManifest(release.OMSRoot(measured), measured)
		if err == nil {
			text = release.Digest(sha256.Sum256(list)).String()
		} else {
			text = "no list: " + err.Error()
		}
		a.value(member(profile, "manifest"), file, stated.Manifest.String(), text)
		return a
	}
	of := make(map[string]release.Digest, len(measured))
	for _, r := range measured {
		of[r.Name] = r.Digest
	}
	resources := member(profile, "resources")
	before := len(a.differences)
	for _, r := range stated.Resources {
		got, there := of[r.Name]
		delete(of, r.Name)
		switch {
		case !there:
			a.differences = append(a.differences, Difference{resources, file, quotePath(r.Name) + " " + r.Digest.String(), quotePath(r.Name) + " is not there"})
		case got != r.Digest:
			a.differences = append(a.differences, Difference{resources, file, quotePath(r.Name) + " " + r.Digest.String(), quotePath(r.Name) + " " + got.String()})
		}
	}
	for _, r := range measured {
		if got, extra := of[r.Name]; extra {
			a.differences = append(a.differences, Difference{resources, file, "no file " + quotePath(r.Name), quotePath(r.Name) + " " + got.String()})
		}
	}
	if len(a.differences) == before {
		a.agreed = append(a.agreed, resources)
	}
	return a
}

// maxOverlap bounds the bytes of all files of an image, as a multiple of its own:
// files may have several names, and more than this only in an image that was made
// to cost time.
const maxOverlap = 4

// hashImage lists and hashes all files of an erofs image without compression.
func hashImage(ctx context.Context, path string, report progress.Reporter) ([]release.Resource, error) {
	image, err := open(path)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	held, err := readErofs(image, image.size())
	if err != nil {
		return nil, at(path, image.truncated(err))
	}
	total := int64(0)
	for _, file := range held {
		if file.size > maxOverlap*image.size()-total {
			return nil, at(path, refuse(CodeErofs, "", "its files have more than %d times the bytes of the image", maxOverlap))
		}
		total += file.size
	}
	report.Start("files of the image", total)
	defer report.Done()
	files := make([]release.Resource, len(held))
	err = forEach(ctx, len(held), func(ctx context.Context, reader *stream, i int) error {
		digest := sha256.New()
		for _, part := range held[i].ranges {
			if err := reader.hash(ctx, digest, image, part.offset, part.size, report); err != nil {
				return image.truncated(err)
			}
		}
		files[i] = release.Resource{Name: held[i].name, Digest: release.Digest(digest.Sum(nil))}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return files, image.unchanged()
}
