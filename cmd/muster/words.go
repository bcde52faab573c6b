package main

import (
	"fmt"
	"strings"

	"github.com/muster-log/muster/release"
)

// describe says in words what the document states: what a signer reads before
// signing. Every member that has an effect in a log is shown.
func (d *document) describe(p *page) {
	p.line("%s %s", d.statement.Type, d.digest())
	switch stated := d.statement.Predicate.(type) {
	case *release.Authority:
		describeAuthority(p, stated)
	case *release.Image:
		describeImage(p, stated)
	case *release.Release:
		describeRelease(p, stated)
	case *release.Withdrawal:
		p.field("product", "%s", stated.Product)
		p.field("takes back", "%s", p.images.of(stated.Target))
		p.field("reason", "%s", stated.Reason)
		if stated.Replacement != nil {
			p.field("use instead", "%s", stated.Replacement)
		}
	case *release.Roll:
		p.field("product", "%s", stated.Product)
		p.field("log", "%s at size %d", stated.Origin, stated.Size)
		p.field("root", "%s", stated.Root)
		digestFields(p, "live", stated.Live)
	default:
		p.field("type", "%s (not known to this program)", quote(d.statement.URI))
	}
	if note := d.statement.Note(); note != "" {
		p.field("note", "%s", quoteWhole(note))
	}
	if d.statement.Type != release.TypeAuthority {
		p.field("authority", "%s", d.statement.Authority())
	}
	if issued := d.statement.Issued(); !issued.IsZero() {
		p.field("issued", "%s", release.FormatTime(issued))
	}
	if len(d.envelope.Signatures) == 0 {
		p.field("signed by", "nobody yet")
	}
	for i, key := range p.names.sorted(d.signers()) {
		p.field(first(i, "signed by"), "%s", p.names.of(key))
	}
}

func describeAuthority(p *page, stated *release.Authority) {
	p.field("log", "%s, version %d", stated.Origin, stated.Version)
	if stated.Previous != nil {
		p.field("previous", "%s", stated.Previous)
	}
	p.field("expires", "%s", release.FormatTime(stated.Expires))
	for i, channel := range stated.Channels {
		p.field(first(i, "channels"), "%s takes images of mode %s", channel.Name, channel.Mode)
	}
	p.field("limits", "an image is published within %d days, a release lasts at most %d days", stated.Limits.PublishWithinDays, stated.Limits.ReleaseDays)
	for _, role := range release.ByDuty(stated.Roles) {
		p.field("role "+string(role.Name), "%d of %s%s", role.Threshold, count(len(role.Keys), "key"), scope(role))
		for _, key := range p.names.sorted(role.Keys) {
			p.field("", "%s %s", stated.Keys[key].Format, p.names.of(key))
		}
	}
	for i, bad := range stated.Compromised {
		p.field(first(i, "compromised"), "%s in %s from entry %d", p.names.of(bad.KeyID), bad.Origin, bad.From)
	}
}

// dutyRank is the place of a role in the order of roleDuties.
func dutyRank(name string) int {
	for i, known := range roleDuties {
		if string(known.name) == name {
			return i
		}
	}
	return len(roleDuties)
}

// scope says to what a role is limited.
func scope(role release.Role) string {
	var text strings.Builder
	for _, limit := range []struct {
		name   string
		values []string
	}{{"products", role.Products}, {"kinds", role.Kinds}, {"channels", role.Channels}} {
		if len(limit.values) > 0 {
			fmt.Fprintf(&text, ", %s %s only", limit.name, strings.Join(limit.values, " "))
		}
	}
	return text.String()
}

func describeImage(p *page, stated *release.Image) {
	p.field("image", "%s/%s %s of %s", stated.Kind, stated.Name, stated.Version, stated.Product)
	p.field("mode", "%s", stated.Mode)
	p.field("security version", "%d", stated.SecurityVersion)
	for i, artifact := range stated.Artifacts {
		p.field(first(i, "artifacts"), "%s, %d bytes, %s", artifact.Name, artifact.Size, artifact.MediaType)
		p.field("", "sha256 %s", artifact.Digest)
		for _, url := range artifact.URLs {
			p.field("", "%s", quoteWhole(url))
		}
	}
	p.field("publish by", "%s", release.FormatTime(stated.PublishBy))
	describeMeasurements(p, stated.Measurements)
	digestFields(p, "provenance", stated.Provenance)
}

func describeRelease(p *page, stated *release.Release) {
	p.field("release", "%s of %s in channel %s", stated.Version, stated.Product, stated.Channel)
	p.field("valid until", "%s", release.FormatTime(stated.NotAfter))
	p.field("identity", "%s", stated.Identity())
	for i, image := range p.images.sorted(stated.Images) {
		p.field(first(i, "images"), "%s", p.images.of(image))
	}
	digestFields(p, "reinstates", stated.Reinstates)
}

func digestFields(p *page, name string, digests []release.Digest) {
	for i, digest := range digests {
		p.field(first(i, name), "%s", digest)
	}
}

// first is the name on the first of several lines, and nothing on the others.
func first(i int, name string) string {
	if i == 0 {
		return name
	}
	return ""
}

func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
