package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
)

func authority(version uint64, digest release.Digest) string {
	if version == 0 {
		return digest.String()
	}
	return fmt.Sprintf("version %d, %s", version, digest)
}

// images compares two images. They go by the name of the second.
func (c *comparer) images(before, after *Image) {
	c.image, c.group = after.name(), GroupImage
	x, y := before.Statement, after.Statement
	c.value("product", x.Product, y.Product)
	c.value("kind", string(x.Kind), string(y.Kind))
	c.value("name", x.Name, y.Name)
	c.value("version", x.Version, y.Version)
	c.value("security version", fmt.Sprint(x.SecurityVersion), fmt.Sprint(y.SecurityVersion))
	c.value("mode", string(x.Mode), string(y.Mode))
	c.value("issued", release.FormatTime(x.Issued), release.FormatTime(y.Issued))
	c.value("publish by", release.FormatTime(x.PublishBy), release.FormatTime(y.PublishBy))
	c.set("provenance", texts(x.Provenance), texts(y.Provenance))
	c.around(before.Signed, after.Signed, x.Authority, y.Authority)
	c.value("note", x.Note, y.Note)
	c.set("profile", words(x.Measurements.Profiles()), words(y.Measurements.Profiles()))

	c.group = GroupArtifacts
	c.artifacts(x.Artifacts, y.Artifacts)
	m, n := x.Measurements, y.Measurements
	if m.TPM2UKI != nil && n.TPM2UKI != nil {
		c.kernel(m.TPM2UKI, n.TPM2UKI)
	}
	if m.Verity != nil && n.Verity != nil {
		c.group = GroupVerity
		c.verity(m.Verity, n.Verity)
	}
	if m.OMS != nil && n.OMS != nil {
		c.group = GroupFiles
		c.files(before, after)
	}
	if m.FirmwarePCRs != nil && n.FirmwarePCRs != nil {
		c.group = GroupFirmware
		c.value("basis", m.FirmwarePCRs.Basis, n.FirmwarePCRs.Basis)
		numbers := slices.Collect(maps.Keys(m.FirmwarePCRs.PCRs))
		numbers = slices.AppendSeq(numbers, maps.Keys(n.FirmwarePCRs.PCRs))
		slices.Sort(numbers)
		for _, number := range slices.Compact(numbers) {
			c.set(fmt.Sprintf("PCR %d", number), texts(m.FirmwarePCRs.PCRs[number]), texts(n.FirmwarePCRs.PCRs[number]))
		}
	}
}

func words[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = string(value)
	}
	return list
}

func (c *comparer) artifacts(before, after []release.Artifact) {
	values := func(artifacts []release.Artifact) (list []named) {
		for _, a := range artifacts {
			list = append(list, named{a.Name, fmt.Sprintf("%s, %d bytes, %s", a.Digest, a.Size, a.MediaType)})
		}
		return list
	}
	c.named(itself, values(before), values(after))
	for _, a := range before {
		for _, b := range after {
			if a.Name == b.Name {
				c.set("URL of "+a.Name, a.URLs, b.URLs)
				if slices.Equal(slices.Sorted(slices.Values(a.URLs)), slices.Sorted(slices.Values(b.URLs))) && !slices.Equal(a.URLs, b.URLs) {
					c.add("order of the URLs of "+a.Name, Changed, strings.Join(a.URLs, " "), strings.Join(b.URLs, " "))
				}
			}
		}
	}
}

func (c *comparer) kernel(before, after *release.TPM2UKI) {
	c.group = GroupKernel
	c.value("stub", before.Stub, after.Stub)
	c.value("authenticode", before.Authenticode.String(), after.Authenticode.String())
	c.value("authenticode of the kernel", before.KernelAuthenticode.String(), after.KernelAuthenticode.String())
	c.value("kernel measured", before.KernelMeasured, after.KernelMeasured)
	c.value("initrd", before.Initrd.String(), after.Initrd.String())
	c.value("PCR 9", strings.Join(before.PCR9, " "), strings.Join(after.PCR9, " "))
	c.value("phases", strings.Join(before.Phases, ":"), strings.Join(after.Phases, ":"))

	c.group = GroupSections
	sections := func(list []release.Section) (values []named, names []string) {
		for _, s := range list {
			values, names = append(values, named{s.Name, s.Digest.String()}), append(names, s.Name)
		}
		return values, names
	}
	x, xNames := sections(before.Sections)
	y, yNames := sections(after.Sections)
	c.named(itself, x, y)
	if slices.Equal(slices.Sorted(slices.Values(xNames)), slices.Sorted(slices.Values(yNames))) {
		c.value("order", strings.Join(xNames, " "), strings.Join(yNames, " "))
	}

	c.group = GroupCmdline
	c.value("rules", fmt.Sprint(before.CmdlineRules), fmt.Sprint(after.CmdlineRules))
	c.cmdline(before.Cmdline, after.Cmdline)
	c.group = GroupRoot
	c.verity(&before.Root, &after.Root)
}

// cmdline compares word by word. A key that stands once in both has changed where
// its value has; words that stand in both and in another order are told as that,
// for the kernel and systemd take the last of several.
func (c *comparer) cmdline(before, after string) {
	if before == after {
		return
	}
	old, young := split(before), split(after)
	count := func(list []string, key string) (n int, word string) {
		for _, w := range list {
			if keyOf(w) == key {
				n, word = n+1, w
			}
		}
		return n, word
	}
	var changed []string
	for _, word := range old {
		key := keyOf(word)
		n, _ := count(old, key)
		if m, other := count(young, key); n == 1 && m == 1 && word != other {
			c.add(key, Changed, word, other)
			changed = append(changed, key)
		}
	}
	rest := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(w string) bool { return slices.Contains(changed, keyOf(w)) })
	}
	told := len(c.result.Differences)
	c.set("word", rest(old), rest(young))
	common := func(list, other []string) (kept []string) {
		for _, w := range list {
			switch {
			case slices.Contains(changed, keyOf(w)):
				kept = append(kept, keyOf(w))
			case slices.Contains(other, w):
				kept = append(kept, w)
			}
		}
		return kept
	}
	x, y := common(old, young), common(young, old)
	if len(x) == len(y) {
		c.value("order", strings.Join(x, " "), strings.Join(y, " "))
	}
	if len(c.result.Differences) == told && len(changed) == 0 {
		c.add("spaces", Changed, before, after)
	}
}

func split(cmdline string) []string {
	return strings.FieldsFunc(cmdline, func(r rune) bool { return r == ' ' })
}

func keyOf(word string) string {
	key, _, _ := strings.Cut(word, "=")
	return key
}

func (c *comparer) verity(before, after *release.Verity) {
	c.value("root hash", before.RootHash, after.RootHash)
	c.value("salt", before.Salt, after.Salt)
	c.value("algorithm", before.Algorithm, after.Algorithm)
	c.value("file system", before.FileSystem, after.FileSystem)
	c.value("data", fmt.Sprintf("%d blocks of %d bytes", before.DataBlocks, before.DataBlockSize), fmt.Sprintf("%d blocks of %d bytes", after.DataBlocks, after.DataBlockSize))
	c.value("hash tree", fmt.Sprintf("blocks of %d bytes, from byte %d", before.HashBlockSize, before.HashOffset), fmt.Sprintf("blocks of %d bytes, from byte %d", after.HashBlockSize, after.HashOffset))
}

// files compares the files of two models. Lists that are kept beside the log and
// not given are compared by their digests.
func (c *comparer) files(before, after *Image) {
	x, y := before.Statement.Measurements.OMS, after.Statement.Measurements.OMS
	c.value("root", x.Root.String(), y.Root.String())
	if sameList(x, y) {
		return
	}
	old, oldKnown := resources(before)
	young, youngKnown := resources(after)
	if !oldKnown || !youngKnown {
		for _, image := range []*Image{before, after} {
			if _, known := resources(image); !known {
				c.result.Missing = append(c.result.Missing, "the list of files "+image.Statement.Measurements.OMS.Manifest.String()+" of "+image.name()+" "+image.Statement.Version)
			}
		}
		c.value("list of files", listText(x), listText(y))
		return
	}
	values := func(list []release.Resource) (values []named) {
		for _, r := range list {
			values = append(values, named{r.Name, r.Digest.String()})
		}
		slices.SortFunc(values, func(a, b named) int { return release.CompareResourceNames(a.name, b.name) })
		return values
	}
	c.named(itself, values(old), values(young))
}

func sameList(x, y *release.OMS) bool {
	return x.Manifest != nil && y.Manifest != nil && *x.Manifest == *y.Manifest
}

// resources returns the files of an image, if they are known.
func resources(image *Image) ([]release.Resource, bool) {
	if stated := image.Statement.Measurements.OMS.Resources; stated != nil {
		return stated, true
	}
	return image.Files, image.Files != nil
}

func listText(m *release.OMS) string {
	if m.Manifest != nil {
		return "beside the log, " + m.Manifest.String()
	}
	return "in the statement"
}
