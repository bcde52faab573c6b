// Package compare says what differs between two releases, two images or two authorities:
// the images by what they are and not by their digests alone, sections of unified
// kernel images, words of command lines, values of file systems, files of models,
// who signed, and until when.
//
// It is a pure function of statements that somebody else has read and, where that
// matters, proved. What it was not given it names as missing, and does not guess.
package compare

import (
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
)

// Mark says how one thing differs.
type Mark string

// The marks.
const (
	Added   Mark = "added"   // only in the second
	Removed Mark = "removed" // only in the first
	Changed Mark = "changed" // in both, and not the same
)

// Group is what a difference is about.
type Group string

// The groups, in the order in which a comparison lists them: those of a release
// first, then those of each image.
const (
	GroupRelease   Group = "release"
	GroupImages    Group = "images"
	GroupImage     Group = "image"
	GroupArtifacts Group = "artifacts"
	GroupKernel    Group = "unified kernel image"
	GroupSections  Group = "sections"
	GroupCmdline   Group = "command line"
	GroupRoot      Group = "root file system"
	GroupVerity    Group = "read-only image"
	GroupFiles     Group = "files"
	GroupFirmware  Group = "firmware"
)

// Difference is one thing that differs.
type Difference struct {
	Group Group
	// Image is kind/name of the image it is about; empty: about the release.
	Image string
	// What names the thing: a member of the statement in words, a file, a section.
	What string
	Mark Mark
	// Before is what the first has, After what the second has; empty: nothing.
	Before, After string
}

// Comparison is everything that differs.
type Comparison struct {
	Differences []Difference
	// Missing says what could not be compared because it was not given.
	Missing []string
}

// Equal reports that nothing differs, of what was compared.
func (c *Comparison) Equal() bool { return len(c.Differences) == 0 }

// Signed is what stands around a statement.
type Signed struct {
	Digest  release.Digest // payload digest
	Signers []release.KeyID
	// Authority is the version of the authority that it names; 0: not known.
	Authority uint64
}

// Image is an image with what stands around its statement.
type Image struct {
	Signed
	Statement *release.Image
	// Files are those of a model: of the statement, or of the list that is kept
	// beside the log; nil: not given.
	Files []release.Resource
}

// Release is a release with what stands around its statement.
type Release struct {
	Signed
	Statement *release.Release
	// Images are those of its images whose statements are known.
	Images map[release.Digest]*Image
}

// SameIdentity reports that the releases have one identity: a renewal. Nodes that
// run one of them run the other, and need not reboot.
func SameIdentity(before, after *Release) bool {
	return before.Statement.Identity() == after.Statement.Identity()
}

// Releases compares two releases and all their images.
func Releases(before, after *Release) *Comparison {
	c := &comparer{group: GroupRelease}
	x, y := before.Statement, after.Statement
	c.value("product", x.Product, y.Product)
	c.value("channel", x.Channel, y.Channel)
	c.value("version", x.Version, y.Version)
	c.value("issued", release.FormatTime(x.Issued), release.FormatTime(y.Issued))
	c.value("valid until", release.FormatTime(x.NotAfter), release.FormatTime(y.NotAfter))
	c.value("identity", x.Identity().String(), y.Identity().String())
	c.set("reinstates", texts(x.Reinstates), texts(y.Reinstates))
	c.around(before.Signed, after.Signed, x.Authority, y.Authority)
	c.value("note", x.Note, y.Note)
	for _, pair := range c.pair(before, after) {
		c.images(pair[0], pair[1])
	}
	return &c.result
}

// Images compares two images.
func Images(before, after *Image) *Comparison {
	c := &comparer{}
	c.images(before, after)
	return &c.result
}

// name is kind/name.
func (i *Image) name() string { return string(i.Statement.Kind) + "/" + i.Statement.Name }

// pair lists images that were added or removed, and returns those that changed.
// Images of one kind and name are the same thing in another version.
func (c *comparer) pair(before, after *Release) (changed [][2]*Image) {
	c.group = GroupImages
	rest := func(own, other *Release) (known []*Image, unknown []release.Digest) {
		for _, digest := range own.Statement.Images {
			if slices.Contains(other.Statement.Images, digest) {
				continue
			}
			if image := own.Images[digest]; image != nil {
				known = append(known, image)
			} else {
				unknown = append(unknown, digest)
				c.result.Missing = append(c.result.Missing, "what image "+digest.String()+" states")
			}
		}
		slices.SortStableFunc(known, func(a, b *Image) int {
			return strings.Compare(a.name()+" "+a.Statement.Version, b.name()+" "+b.Statement.Version)
		})
		return known, unknown
	}
	old, oldUnknown := rest(before, after)
	young, youngUnknown := rest(after, before)
	for _, image := range old {
		at := slices.IndexFunc(young, func(other *Image) bool { return other.name() == image.name() })
		if at < 0 {
			c.add(image.name(), Removed, image.Statement.Version, "")
			continue
		}
		changed = append(changed, [2]*Image{image, young[at]})
		c.add(image.name(), Changed, image.Statement.Version, young[at].Statement.Version)
		young = slices.Delete(young, at, at+1)
	}
	for _, image := range young {
		c.add(image.name(), Added, "", image.Statement.Version)
	}
	for _, digest := range oldUnknown {
		c.add("an image that is not at hand", Removed, digest.String(), "")
	}
	for _, digest := range youngUnknown {
		c.add("an image that is not at hand", Added, "", digest.String())
	}
	return changed
}

// comparer is a comparison in the making.
type comparer struct {
	group  Group
	image  string
	result Comparison
}

func (c *comparer) add(what string, mark Mark, before, after string) {
	c.result.Differences = append(c.result.Differences, Difference{c.group, c.image, what, mark, before, after})
}

// value compares what both have.
func (c *comparer) value(what, before, after string) {
	if before != after {
		c.add(what, Changed, before, after)
	}
}

// set compares two lists whose order means nothing; what is there twice counts twice.
func (c *comparer) set(what string, before, after []string) {
	after = slices.Clone(after)
	for _, text := range before {
		if at := slices.Index(after, text); at >= 0 {
			after = slices.Delete(after, at, at+1)
		} else {
			c.add(what, Removed, text, "")
		}
	}
	for _, text := range after {
		c.add(what, Added, "", text)
	}
}

// named compares two lists of named values in which each name stands once.
func (c *comparer) named(what func(name string) string, before, after []named) {
	values := make(map[string]string, len(after))
	for _, n := range after {
		values[n.name] = n.value
	}
	seen := make(map[string]bool, len(before))
	for _, n := range before {
		seen[n.name] = true
		if other, ok := values[n.name]; !ok {
			c.add(what(n.name), Removed, n.value, "")
		} else {
			c.value(what(n.name), n.value, other)
		}
	}
	for _, n := range after {
		if !seen[n.name] {
			c.add(what(n.name), Added, "", n.value)
		}
	}
}

type named struct{ name, value string }

// itself is a name that needs no more words.
func itself(name string) string { return name }

// around compares who signed, and under which authority.
func (c *comparer) around(before, after Signed, old, young release.Digest) {
	c.value("authority", authority(before.Authority, old), authority(after.Authority, young))
	c.set("signed by", texts(before.Signers), texts(after.Signers))
}

func texts[T interface{ String() string }](values []T) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = value.String()
	}
	return list
}
