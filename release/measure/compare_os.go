package measure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
)

// os compares the values of a unified kernel image and of its root file system.
func (c *comparer) os(stated *release.TPM2UKI) error {
	const profile = release.ProfileTPM2UKI
	var best *attempt
	for _, file := range c.candidates(contentPE) {
		a, err := c.uki(file, stated)
		if err != nil {
			return err
		}
		if best = better(best, a); len(best.differences) == 0 {
			break
		}
	}
	if best == nil {
		best = &attempt{differences: []Difference{{member(profile), "", "a unified kernel image", "no artifact is one"}}}
	}
	c.take(best)
	c.notMeasured(member(profile, "phases"), "what user space measures while it boots: no file shows it")
	c.notMeasured(member(profile, "cmdlineRules"), "which rules the signer judged the command line by: no file shows it")
	_, err := c.verity(member(profile, "root"), &stated.Root)
	return err
}

// candidates are the artifacts whose bytes are of a kind, those before that are
// said to be of its media type.
func (c *comparer) candidates(kind content) []artifactFile {
	type ranked struct {
		artifactFile
		rank int
	}
	var found []ranked
	for i, file := range c.files {
		if file.content == kind {
			rank := 1
			if kind == contentPE && c.image.Artifacts[i].MediaType == MediaTypeEFI {
				rank = 0
			}
			found = append(found, ranked{file, rank})
		}
	}
	slices.SortStableFunc(found, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	var files []artifactFile
	for _, file := range found[:min(len(found), maxCandidates)] {
		files = append(files, file.artifactFile)
	}
	return files
}

// better returns the attempt with fewer differences, the first of two alike.
func better(a, b *attempt) *attempt {
	if a == nil || len(b.differences) < len(a.differences) {
		return b
	}
	return a
}

// uki measures an artifact as the unified kernel image of the statement.
func (c *comparer) uki(found artifactFile, stated *release.TPM2UKI) (*attempt, error) {
	const profile = release.ProfileTPM2UKI
	file, err := open(found.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	result, err := measureUKI(c.ctx, file, c.report)
	if err == nil {
		err = file.unchanged()
	} else {
		err = file.truncated(err)
	}
	if err != nil {
		why, err := judged(err)
		return &attempt{file: found.path, differences: []Difference{{member(profile), found.name, "a unified kernel image", why}}}, err
	}
	c.hashed[found.path] = result.Artifacts[0]
	a, measured := &attempt{file: found.path}, &result.Measurement
	for _, v := range []struct{ name, stated, measured string }{
		{"authenticode", stated.Authenticode.String(), measured.Authenticode.String()},
		{"kernelAuthenticode", stated.KernelAuthenticode.String(), measured.KernelAuthenticode.String()},
		{"kernelMeasured", stated.KernelMeasured, measured.KernelMeasured},
		{"stub", stated.Stub, measured.Stub},
		{"cmdline", stated.Cmdline, measured.Cmdline},
		{"initrd", stated.Initrd.String(), measured.Initrd.String()},
		{"pcr9", strings.Join(stated.PCR9, " "), strings.Join(measured.PCR9, " ")},
		{"sections", sectionNames(stated.Sections), sectionNames(measured.Sections)},
	} {
		a.value(member(profile, v.name), found.name, v.stated, v.measured)
	}
	for i, section := range stated.Sections {
		at := slices.IndexFunc(measured.Sections, func(s release.Section) bool { return s.Name == section.Name })
		if at < 0 {
			continue // the difference of names says so
		}
		a.value(member(profile, fmt.Sprintf("sections[%d]", i)), found.name, section.Name+" "+section.Digest.String(), section.Name+" "+measured.Sections[at].Digest.String())
	}
	return a, nil
}

func sectionNames(sections []release.Section) string {
	names := make([]string, len(sections))
	for i, section := range sections {
		names[i] = section.Name
	}
	return strings.Join(names, " ")
}

// verity compares the values of a file system under dm-verity, and returns the
// path of the artifact that was taken for it; empty: none was.
func (c *comparer) verity(prefix string, stated *release.Verity) (string, error) {
	var best *attempt
	tried := 0
	for _, file := range c.candidates(contentFileSystem) {
		options, err := c.trees(file, stated)
		if err != nil {
			return "", err
		}
		for _, o := range options {
			if tried++; tried > maxCandidates {
				break
			}
			a, err := c.tree(prefix, file, o, stated)
			if err != nil {
				return "", err
			}
			if best = better(best, a); len(best.differences) == 0 {
				return c.take(best), nil
			}
		}
	}
	if best == nil {
		best = &attempt{differences: []Difference{{prefix, "", "a file system under dm-verity", "no artifact holds an erofs, squashfs or ext4 file system"}}}
	}
	return c.take(best), nil
}

// trees are the places where the hash tree of a file system may be: where the
// statement says in the file itself, behind the file system, or another artifact.
func (c *comparer) trees(found artifactFile, stated *release.Verity) ([]VerityOptions, error) {
	file, err := open(found.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var options []VerityOptions
	offsets := []int64{roundUp(found.length, defaultBlockSize)}
	if stated.HashOffset >= stated.HashBlockSize && stated.HashOffset <= uint64(file.size()) {
		offsets = append(offsets, int64(stated.HashOffset-stated.HashBlockSize))
	}
	slices.Sort(offsets)
	for _, offset := range slices.Compact(offsets) {
		magic := make([]byte, len(superblockMagic))
		if offset+superblockSize > file.size() {
			continue
		}
		if err := readFull(file, magic, offset); err != nil {
			return nil, file.truncated(err)
		}
		if string(magic) == string(superblockMagic) {
			options = append(options, VerityOptions{Image: found.path, Offset: offset})
		}
	}
	for _, other := range c.candidates(contentHashTree) {
		options = append(options, VerityOptions{Image: found.path, Hash: other.path, Offset: FindOffset})
	}
	if options == nil { // to say what is missing
		options = append(options, VerityOptions{Image: found.path, Offset: FindOffset})
	}
	return options, nil
}

// tree measures a file system with one hash tree as the one of the statement.
func (c *comparer) tree(prefix string, found artifactFile, o VerityOptions, stated *release.Verity) (*attempt, error) {
	result, err := Verity(c.ctx, o, c.report)
	if err != nil {
		why, err := judged(err)
		return &attempt{file: found.path, differences: []Difference{{prefix, found.name, "root hash " + stated.RootHash, why}}}, err
	}
	c.hashed[o.Image] = result.Artifacts[0]
	if o.Hash != "" {
		c.hashed[o.Hash] = result.Artifacts[1]
	}
	a, measured := &attempt{file: found.path}, &result.Measurement
	for _, v := range []struct {
		name             string
		stated, measured any
	}{
		{"rootHash", stated.RootHash, measured.RootHash},
		{"salt", stated.Salt, measured.Salt},
		{"algorithm", stated.Algorithm, measured.Algorithm},
		{"dataBlockSize", stated.DataBlockSize, measured.DataBlockSize},
		{"hashBlockSize", stated.HashBlockSize, measured.HashBlockSize},
		{"dataBlocks", stated.DataBlocks, measured.DataBlocks},
		{"hashOffset", stated.HashOffset, measured.HashOffset},
		{"fileSystem", stated.FileSystem, measured.FileSystem},
	} {
		a.value(prefix+"."+v.name, found.name, fmt.Sprint(v.stated), fmt.Sprint(v.measured))
	}
	return a, nil
}
