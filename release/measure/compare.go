package measure

import (
	"context"
	"errors"
	"fmt"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// Comparison is what came of comparing an image's statement with its files.
type Comparison struct {
	// Agreed are the members of the statement that the files bear out.
	Agreed []string
	// Differences are the members that they do not.
	Differences []Difference
	// NotMeasured are the members that no file shows, or that cannot be read out
	// of these files here.
	NotMeasured []NotMeasured
}

// Difference is a member of a statement that the image's files do not bear out.
type Difference struct {
	Member   string // its path in the statement
	File     string // the name of the artifact it was measured from; empty: of none
	Stated   string
	Measured string
}

// NotMeasured is a member of a statement that was not compared.
type NotMeasured struct {
	Member string
	Why    string
}

// maxCandidates bounds how many artifacts, or pairs of them, are measured for one
// profile: a statement names up to 128, and every one of them may be of terabytes.
const maxCandidates = 8

// Compare measures the files of an image anew and compares what they give with all
// that its statement says of them: size and digest of each artifact, and every
// reference value. paths are those of the artifacts, in their order.
//
// Which artifact is the unified kernel image, which one a file system and which
// one its hash tree, their bytes say. Where several could be meant, the one that
// agrees with the statement counts.
//
// A file that cannot be measured as what the statement says it is, is a difference,
// with the reason for what was measured. The error is that a file cannot be read,
// or changed meanwhile.
func Compare(ctx context.Context, image *release.Image, paths []string, report progress.Reporter) (*Comparison, error) {
	if len(paths) != len(image.Artifacts) {
		return nil, fmt.Errorf("%d paths of %d artifacts", len(paths), len(image.Artifacts))
	}
	c := &comparer{ctx: ctx, image: image, report: report, hashed: map[string]release.Artifact{}}
	for i, path := range paths {
		found, err := classify(path)
		if err != nil {
			return nil, err
		}
		found.name = image.Artifacts[i].Name
		c.files = append(c.files, found)
	}
	if err := c.profiles(); err != nil {
		return nil, err
	}
	if err := c.artifacts(); err != nil {
		return nil, err
	}
	return &c.result, nil
}

// content is what the bytes of a file are.
type content uint8

const (
	contentOther content = iota
	contentPE
	contentFileSystem
	contentHashTree
)

// artifactFile is an artifact as it lies on disk.
type artifactFile struct {
	name    string // of the artifact
	path    string
	content content
	length  int64 // of the file system
}

// classify says what a file is by its first bytes.
func classify(path string) (artifactFile, error) {
	found := artifactFile{path: path}
	file, err := open(path)
	if err != nil {
		return found, err
	}
	defer file.Close()
	head := make([]byte, min(int64(len(superblockMagic)), file.size()))
	if err := readFull(file, head, 0); err != nil {
		return found, file.truncated(err)
	}
	switch {
	case len(head) >= 2 && string(head[:2]) == "MZ":
		found.content = contentPE
	case string(head) == string(superblockMagic):
		found.content = contentHashTree
	default:
		_, length, err := findFileSystem(file)
		if err == nil {
			found.content, found.length = contentFileSystem, length
		} else if _, refused := err.(*Error); !refused {
			return found, file.truncated(err)
		}
	}
	return found, nil
}

// comparer is a comparison in the making.
type comparer struct {
	ctx    context.Context
	image  *release.Image
	files  []artifactFile
	report progress.Reporter
	hashed map[string]release.Artifact // by path: what was hashed on the way
	result Comparison
}

// attempt is what one candidate for a profile came to.
type attempt struct {
	file        string // its path
	agreed      []string
	differences []Difference
}

// value compares one member.
func (a *attempt) value(member, file, stated, measured string) {
	if stated == measured {
		a.agreed = append(a.agreed, member)
		return
	}
	a.differences = append(a.differences, Difference{member, file, stated, measured})
}

// take has an attempt count, and returns the path of its file.
func (c *comparer) take(a *attempt) string {
	c.result.Agreed = append(c.result.Agreed, a.agreed...)
	c.result.Differences = append(c.result.Differences, a.differences...)
	return a.file
}

func (c *comparer) notMeasured(member, why string) {
	c.result.NotMeasured = append(c.result.NotMeasured, NotMeasured{member, why})
}

// member is the path of a profile in a statement, or of a member in it.
func member(profile release.Profile, names ...string) string {
	path := "predicate.measurements." + string(profile)
	for _, name := range names {
		path += "." + name
	}
	return path
}

func (c *comparer) profiles() error {
	m := c.image.Measurements
	if m.TPM2UKI != nil {
		if err := c.os(m.TPM2UKI); err != nil {
			return err
		}
	}
	image := ""
	if m.Verity != nil {
		var err error
		if image, err = c.verity(member(release.ProfileVerity), m.Verity); err != nil {
			return err
		}
	}
	if m.OMS != nil {
		if err := c.model(m.OMS, image); err != nil {
			return err
		}
	}
	if m.FirmwarePCRs != nil {
		c.notMeasured(member(release.ProfileFirmwarePCRs), "read from running machines: no file shows it")
	}
	return nil
}

// artifacts compares size and digest of every artifact. What a profile has hashed
// already is not hashed again.
func (c *comparer) artifacts() error {
	var sum attempt
	for i, stated := range c.image.Artifacts {
		file := c.files[i]
		measured, ok := c.hashed[file.path]
		if !ok {
			var err error
			if measured, err = hashArtifact(c.ctx, file.path, c.report); err != nil {
				return err
			}
		}
		path := fmt.Sprintf("predicate.artifacts[%d]", i)
		sum.value(path+".size", file.name, fmt.Sprint(stated.Size), fmt.Sprint(measured.Size))
		sum.value(path+".sha256", file.name, stated.Digest.String(), measured.Digest.String())
	}
	c.take(&sum)
	return nil
}

// hashArtifact is File without a rule for names: a statement has its own.
func hashArtifact(ctx context.Context, path string, report progress.Reporter) (release.Artifact, error) {
	file, err := open(path)
	if err != nil {
		return release.Artifact{}, err
	}
	defer file.Close()
	report.Start(path, file.size())
	defer report.Done()
	artifact, err := artifactOf(ctx, file, MediaTypeFile, report)
	if err != nil {
		return release.Artifact{}, err
	}
	return artifact, file.unchanged()
}

// judged sorts an error of a measurement: what the file is refused for is returned
// as text, anything else as the error.
func judged(err error) (why string, failed error) {
	if e, ok := errors.AsType[*Error](err); ok && e.Code != CodeChanged {
		return e.Err.Error(), nil
	}
	if refusal, ok := errors.AsType[*release.Refusal](err); ok {
		return refusal.Error(), nil
	}
	return "", err
}
