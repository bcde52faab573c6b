package verify

import (
	"fmt"
	"maps"
	"slices"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// oneRelease finds the release that is judged: the one of highest index. All
// others are older entries of its identity.
func (j *judgement) oneRelease() finding {
	if len(j.releases) == 0 {
		return fail("", "no release")
	}
	judged := j.releases[len(j.releases)-1]
	identity := judged.release().Identity()
	for _, e := range j.releases {
		if other := e.release().Identity(); other != identity {
			return fail("releases of one identity", fmt.Sprintf("index %d is of identity %s, index %d of %s", judged.index, identity, e.index, other))
		}
	}
	j.judged = judged
	r := judged.release()
	return pass("", fmt.Sprintf("%s %s %s at index %d", r.Product, r.Channel, r.Version, judged.index))
}

func (j *judgement) releaseSignatures() finding { return j.signed(j.releases) }
func (j *judgement) imageSignatures() finding   { return j.signed(j.images) }

// signed judges authority, role and signatures of entries, each at its index, and
// that each was issued before its authority expired. Log time may have come to the
// expiry before: that takes the entries that are not in the bundle.
func (j *judgement) signed(entries []*entry) finding {
	return each(entries, fmt.Sprintf("%d entries signed", len(entries)), func(e *entry) error {
		if err := j.chain.CheckSigned(e.index, e.prepared, nil); err != nil {
			return err
		}
		issued, expires := e.prepared.Statement.Issued(), j.chain.At(e.index).Authority.Expires
		if !issued.Before(expires) {
			return release.Refuse(register.CodeAuthorityExpired, "predicate.issued", release.FormatTime(issued),
				"before "+release.FormatTime(expires)+", when its authority expires")
		}
		return nil
	})
}

// each judges entries one by one. One that is refused weighs more than one that
// cannot be judged.
func each(entries []*entry, found string, judge func(*entry) error) finding {
	sum := pass("", found)
	for _, e := range entries {
		if err := judge(e); err != nil {
			sum = refused("", indexed(e.index), err)
			if sum.status == StatusFail {
				break
			}
		}
	}
	return sum
}

// releaseImages compares the release's subjects with the images one to one. A
// release of an image that was not logged before it is void, so the images
// precede every release entry: the oldest, which an age counts from, too.
func (j *judgement) releaseImages() finding {
	r, first := j.judged.release(), j.releases[0].index
	have := make(map[release.Digest]bool, len(j.images))
	for _, e := range j.images {
		digest := e.prepared.Digest
		switch {
		case have[digest]:
			return fail("", "image "+digest.String()+" twice")
		case !slices.Contains(r.Images, digest):
			return fail("", "image "+digest.String()+" is not of the release")
		case e.index > first:
			return fail("images logged before every release of them", fmt.Sprintf("image at index %d, release at index %d", e.index, first))
		}
		have[digest] = true
	}
	for _, digest := range r.Images {
		if !have[digest] {
			return fail("", "no image "+digest.String())
		}
	}
	return pass("", fmt.Sprintf("%d images", len(have)))
}

func (j *judgement) imageStatements() finding {
	return each(j.images, fmt.Sprintf("%d images", len(j.images)), func(e *entry) error {
		// Of measurements that are not read, only whether a profile is missing is not
		// judged: what is read holds together, or the image is void for everyone.
		if err := release.CheckImage(e.image()); err != nil && (e.unread == nil || release.CodeOf(err) != release.CodeProfileMissing) {
			return err
		}
		return e.unread
	})
}

func (j *judgement) osImage() finding {
	count := 0
	for _, e := range j.images {
		if e.image().Kind == release.KindOS {
			count++
		}
	}
	if count == 0 {
		return fail("", "no image of kind os")
	}
	return pass("", fmt.Sprintf("%d images of kind os", count))
}

func (j *judgement) product() finding {
	expected := "one of " + list(j.trust.requirements.Products)
	product := j.judged.release().Product
	for _, e := range j.images {
		if other := e.image().Product; other != product {
			return fail("images of product "+product, indexed(e.index)+" is of "+other)
		}
	}
	if !slices.Contains(j.trust.requirements.Products, product) {
		return fail(expected, product)
	}
	return pass(expected, product)
}

func (j *judgement) channel() finding {
	expected := "one of " + list(j.trust.requirements.Channels)
	channel := j.judged.release().Channel
	if !slices.Contains(j.trust.requirements.Channels, channel) {
		return fail(expected, channel)
	}
	return pass(expected, channel)
}

// channelMode judges the release's channel by the authority in force at the
// release's index.
func (j *judgement) channelMode() finding {
	name := j.judged.release().Channel
	channels := j.chain.At(j.judged.index).Authority.Channels
	at := slices.IndexFunc(channels, func(c release.Channel) bool { return c.Name == name })
	if at < 0 {
		return fail("", "the authority has no channel "+name)
	}
	mode := channels[at].Mode
	for _, e := range j.images {
		if mode == release.ModeProduction && e.image().Mode != release.ModeProduction {
			return fail("production images", indexed(e.index)+" is of mode "+string(e.image().Mode))
		}
	}
	return pass("", "channel "+name+" of mode "+string(mode))
}

func (j *judgement) modes() finding {
	accepted := j.trust.requirements.AcceptedModes()
	expected := "one of " + list(accepted)
	for _, e := range j.images {
		if mode := e.image().Mode; !slices.Contains(accepted, mode) {
			return fail(expected, indexed(e.index)+" is of mode "+string(mode))
		}
	}
	return pass(expected, fmt.Sprintf("%d images", len(j.images)))
}

// struck judges the release and its images by what every authority of the chain
// lists as compromised.
func (j *judgement) struck() finding {
	for _, e := range append([]*entry{j.judged}, j.images...) {
		if by, struck := j.chain.Struck(e.index, e.prepared); struck {
			return fail("", fmt.Sprintf("index %d is struck by the authority at index %d", e.index, by))
		}
	}
	return pass("", "nothing struck")
}

func (j *judgement) notAfter() finding {
	notAfter := j.judged.release().NotAfter
	expected := "now before " + release.FormatTime(notAfter)
	found := "now " + release.FormatTime(j.now)
	return j.before(notAfter, expected, found)
}

// minimumSecurityVersion asks for nothing of images that the release does not
// have, and says so: a name may be mistyped.
func (j *judgement) minimumSecurityVersion() finding {
	minimum := j.trust.requirements.MinimumSecurityVersion
	rules := j.trust.requirements.CmdlineRules
	of := make(map[string]bool)
	for _, e := range j.images {
		image := e.image()
		if uki := image.Measurements.TPM2UKI; uki != nil && uint64(uki.CmdlineRules) < rules {
			return fail(fmt.Sprintf("rules of the command line of version %d at least", rules), fmt.Sprintf("%s: version %d", indexed(e.index), uki.CmdlineRules))
		}
		name := string(image.Kind) + "/" + image.Name
		least, ok := minimum[name]
		if ok && image.SecurityVersion < least {
			return fail(fmt.Sprintf("%s at least %d", name, least), fmt.Sprintf("%d", image.SecurityVersion))
		}
		of[name] = ok
	}
	found := fmt.Sprintf("%d minimums", len(minimum))
	for _, name := range slices.Sorted(maps.Keys(minimum)) {
		if !of[name] {
			found += ", this release has no " + name
		}
	}
	return pass("", found)
}

// list joins accepted values for a message.
func list[T ~string](values []T) string {
	if len(values) == 0 {
		return "none at all"
	}
	text := ""
	for i, value := range values {
		if i > 0 {
			text += ", "
		}
		text += string(value)
	}
	return text
}
