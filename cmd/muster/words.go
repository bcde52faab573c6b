package main

import (
	"fmt"
	"slices"
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
		p.field("takes back", "%s", stated.Target)
		p.field("reason", "%s", stated.Reason)
		if stated.Replacement != nil {
			p.field("use instead", "%s", stated.Replacement)
		}
	case *release.Roll:
		p.field("product", "%s", stated.Product)
		p.field("log", "%s at size %d", stated.Origin, stated.Size)
		digestFields(p, "live", stated.Live)
	default:
		p.field("type", "%s (not known to this program)", quote(d.statement.URI))
	}
	if note := d.statement.Note(); note != "" {
		p.field("note", "%s", quote(note))
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
	for _, role := range byDuty(stated.Roles) {
		p.field("role "+string(role.Name), "%d of %d keys%s", role.Threshold, len(role.Keys), scope(role))
		for _, key := range p.names.sorted(role.Keys) {
			p.field("", "%s %s", stated.Keys[key].Format, p.names.of(key))
		}
	}
	for i, bad := range stated.Compromised {
		p.field(first(i, "compromised"), "%s in %s from entry %d", bad.KeyID, bad.Origin, bad.From)
	}
}

// byDuty orders roles as people think of them. In the statement they are a set,
// ordered by its bytes.
func byDuty(roles []release.Role) []release.Role {
	rank := func(role release.Role) int {
		for i, known := range roleDuties {
			if known.name == role.Name {
				return i
			}
		}
		return len(roleDuties)
	}
	sorted := slices.Clone(roles)
	slices.SortStableFunc(sorted, func(x, y release.Role) int { return rank(x) - rank(y) })
	return sorted
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
			p.field("", "%s", quote(url))
		}
	}
	p.field("publish by", "%s", release.FormatTime(stated.PublishBy))
	describeMeasurements(p, stated.Measurements)
	digestFields(p, "provenance", stated.Provenance)
}

func describeMeasurements(p *page, m release.Measurements) {
	if m.TPM2UKI != nil {
		p.field(string(release.ProfileTPM2UKI), "authenticode %s", m.TPM2UKI.Authenticode)
		p.field("", "kernel %s, measured %s", m.TPM2UKI.KernelAuthenticode, m.TPM2UKI.KernelMeasured)
		p.field("", "stub %s, phases %s", quote(m.TPM2UKI.Stub), list(m.TPM2UKI.Phases))
		p.field("", "command line %s", quote(m.TPM2UKI.Cmdline))
		p.field("", "root %s", verityText(m.TPM2UKI.Root))
	}
	if m.Verity != nil {
		p.field(string(release.ProfileVerity), "%s", verityText(*m.Verity))
	}
	if m.OMS != nil {
		p.field(string(release.ProfileOMS), "root %s", m.OMS.Root)
		if m.OMS.Manifest != nil {
			p.field("", "manifest %s", m.OMS.Manifest)
		} else {
			p.field("", "%d files", len(m.OMS.Resources))
		}
	}
	if m.FirmwarePCRs != nil {
		p.field(string(release.ProfileFirmwarePCRs), "%d PCRs, %s", len(m.FirmwarePCRs.PCRs), m.FirmwarePCRs.Basis)
	}
}

func verityText(v release.Verity) string {
	return fmt.Sprintf("%s, %s, %d blocks of %d bytes", v.RootHash, v.FileSystem, v.DataBlocks, v.DataBlockSize)
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
