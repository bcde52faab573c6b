package pages

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/muster-log/muster/release"
)

// digestsOf lists the payload digests of other entries that a statement names.
func digestsOf(statement *release.Statement) []release.Digest {
	digests := []release.Digest{statement.Authority()}
	switch stated := statement.Predicate.(type) {
	case *release.Authority:
		if stated.Previous != nil {
			digests = append(digests, *stated.Previous)
		}
	case *release.Release:
		digests = append(append(digests, stated.Images...), stated.Reinstates...)
	case *release.Withdrawal:
		digests = append(digests, stated.Target)
		if stated.Replacement != nil {
			digests = append(digests, *stated.Replacement)
		}
	case *release.Roll:
		digests = append(digests, stated.Live...)
	case *release.Finding:
		digests = append(digests, stated.Entry)
	}
	return digests
}

// state puts a statement in words.
func (v *entryView) state(statement *release.Statement, indices map[release.Digest]uint64) {
	link := func(name string, digests ...release.Digest) {
		for i, digest := range digests {
			index, logged := indices[digest]
			v.Facts = append(v.Facts, fact{Name: name, Same: i > 0, Digest: digest.String(), Index: index, Linked: logged})
		}
	}
	v.Note = statement.Note()
	switch stated := statement.Predicate.(type) {
	case *release.Authority:
		v.authority(stated)
		if stated.Previous != nil {
			link("Previous", *stated.Previous)
		}
	case *release.Image:
		v.image(stated)
		link("Provenance", stated.Provenance...)
	case *release.Release:
		v.Release = true
		v.Title = "Release " + stated.Version + " of " + stated.Product
		v.Summary = fmt.Sprintf("Approves %s together, for channel %s of %s.", plural(len(stated.Images), "image", "images"), stated.Channel, stated.Product)
		v.text("Product", stated.Product)
		v.text("Channel", stated.Channel)
		v.text("Version", stated.Version)
		v.Facts = append(v.Facts, fact{Name: "Not after", Time: stated.NotAfter}, fact{Name: "Identity", Digest: stated.Identity().String()})
		link("Reinstates", stated.Reinstates...)
	case *release.Withdrawal:
		v.Title = "Withdrawal in " + stated.Product
		v.Summary = "Takes back an image or a release, earlier and later entries alike."
		v.text("Product", stated.Product)
		link("Takes back", stated.Target)
		v.text("Reason", stated.Reason)
		if stated.Replacement != nil {
			link("Use instead", *stated.Replacement)
		}
	case *release.Roll:
		v.Title = "Roll of " + stated.Product
		v.Summary = fmt.Sprintf("Says what of %s was live when the log had %s: %s.", stated.Product, plural(int(min(stated.Size, 1<<53)), "entry", "entries"), plural(len(stated.Live), "release", "releases"))
		v.text("Product", stated.Product)
		v.text("Log", stated.Origin)
		v.text("Size", strconv.FormatUint(stated.Size, 10))
		v.Facts = append(v.Facts, fact{Name: "Root", Digest: stated.Root.String()})
		link("Live", stated.Live...)
	case *release.Finding:
		v.Title = "Finding by " + stated.Auditor
		v.Summary = "What an auditor says about an entry. This log gives it no effect."
		v.text("Result", stated.Result)
		v.text("Report", stated.Reference)
		link("About", stated.Entry)
	default:
		v.Title = fmt.Sprintf("Entry %d, of an unknown type", v.Index)
		v.Summary = "A statement of a type that this log does not know. It is shown, and has no effect here."
		v.text("Type", statement.URI)
	}
	if issued := statement.Issued(); !issued.IsZero() {
		v.Facts = append(v.Facts, fact{Name: "Issued", Time: issued})
	}
	if authority := statement.Authority(); !authority.IsZero() {
		link("Authority", authority)
	}
}

func (v *entryView) text(name, text string) { v.Facts = append(v.Facts, fact{Name: name, Text: text}) }

func (v *entryView) authority(stated *release.Authority) {
	v.Title = fmt.Sprintf("Authority of %s, version %d", stated.Origin, stated.Version)
	v.Summary = "Says who may log what from the next entry on: the keys, their roles, the channels."
	v.text("Log", stated.Origin)
	v.text("Version", strconv.Itoa(stated.Version))
	v.Facts = append(v.Facts, fact{Name: "Expires", Time: stated.Expires})
	for i, channel := range stated.Channels {
		v.Facts = append(v.Facts, fact{Name: "Channels", Same: i > 0, Text: channel.Name + ", for images of mode " + string(channel.Mode)})
	}
	v.text("Limits", limitsText(stated.Limits))
	for _, role := range stated.Roles {
		v.text("Role "+string(role.Name), fmt.Sprintf("%d of %s must sign%s", role.Threshold, plural(len(role.Keys), "key", "keys"), scope(role)))
		for _, id := range role.Keys {
			v.Facts = append(v.Facts, fact{Name: "Key of role " + string(role.Name), Same: true, Digest: id.String(), Text: string(stated.Keys[id].Format)})
		}
	}
	for i, bad := range stated.Compromised {
		v.Facts = append(v.Facts, fact{Name: "Compromised", Same: i > 0, Digest: bad.KeyID.String(), Text: fmt.Sprintf("in %s from entry %d on", bad.Origin, bad.From)})
	}
}

func limitsText(limits release.Limits) string {
	return fmt.Sprintf("an image is published within %s, a release lasts at most %s", plural(limits.PublishWithinDays, "day", "days"), plural(limits.ReleaseDays, "day", "days"))
}

// scope says to what a role is limited.
func scope(role release.Role) string {
	var text strings.Builder
	for _, limit := range []struct {
		name   string
		values []string
	}{{"products", role.Products}, {"kinds", role.Kinds}, {"channels", role.Channels}} {
		if len(limit.values) > 0 {
			text.WriteString("; " + limit.name + " " + strings.Join(limit.values, ", ") + " only")
		}
	}
	return text.String()
}

func (v *entryView) image(stated *release.Image) {
	v.Title = "Image " + string(stated.Kind) + "/" + stated.Name + " " + stated.Version
	v.Summary = kindText(stated.Kind, stated.Product) + ", " + modeText(stated.Mode) + "."
	v.text("Product", stated.Product)
	v.text("Kind", string(stated.Kind))
	v.text("Name", stated.Name)
	v.text("Version", stated.Version)
	v.text("Mode", string(stated.Mode))
	v.text("Security version", strconv.FormatUint(stated.SecurityVersion, 10))
	v.Facts = append(v.Facts, fact{Name: "Publish by", Time: stated.PublishBy})
	v.Artifacts = stated.Artifacts
	v.Measurements = measurementsOf(stated.Measurements)
}

func kindText(kind release.Kind, product string) string {
	nodes := "nodes of " + product
	switch kind {
	case release.KindOS:
		return "The operating system that " + nodes + " boot"
	case release.KindModel:
		return "A model that " + nodes + " load"
	case release.KindAdapter:
		return "An adapter that " + nodes + " load beside a model"
	case release.KindConfig:
		return "Configuration that " + nodes + " load"
	case release.KindFirmware:
		return "The firmware that " + nodes + " start from"
	}
	return "An image for " + nodes
}

func modeText(mode release.Mode) string {
	switch mode {
	case release.ModeProduction:
		return "for production"
	case release.ModeResearch:
		return "for research: it may show what production must not"
	case release.ModeDebug:
		return "for debugging: it may show everything"
	}
	return "of mode " + string(mode)
}
