package register_test

import (
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// TestTerms: a draft is refused for what the authority alone says, and each
// bound itself is within.
func TestTerms(t *testing.T) {
	issued := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	authority := &release.Authority{Version: 1, Expires: issued.AddDate(1, 0, 0),
		Roles:    []release.Role{{Name: release.RoleImage, Kinds: []string{"os"}}, {Name: release.RoleRelease, Channels: []string{"stable", "gone"}}},
		Channels: []release.Channel{{Name: "stable", Mode: release.ModeProduction}}, Limits: release.Limits{PublishWithinDays: 7, ReleaseDays: 30}}
	osImage, model := release.Digest{1}, release.Digest{2}
	images := map[release.Digest]*release.Image{
		osImage: {Product: "acme/ai", Kind: release.KindOS, Mode: release.ModeProduction},
		model:   {Product: "acme/ai", Kind: release.KindModel, Mode: release.ModeResearch},
	}
	stated := func(change func(*release.Release)) *release.Statement {
		r := &release.Release{Issued: issued, Product: "acme/ai", Channel: "stable", NotAfter: issued.AddDate(0, 0, 30), Images: []release.Digest{osImage}}
		change(r)
		return &release.Statement{Type: release.TypeRelease, Predicate: r}
	}
	image := func(change func(*release.Image)) *release.Statement {
		i := &release.Image{Issued: issued, Product: "acme/ai", Kind: release.KindOS, PublishBy: issued.AddDate(0, 0, 7)}
		change(i)
		return &release.Statement{Type: release.TypeImage, Predicate: i}
	}
	late := issued.AddDate(0, 0, 10)
	for name, test := range map[string]struct {
		statement *release.Statement
		logTime   time.Time
		want      release.Code
	}{
		"release":               {stated(func(*release.Release) {}), issued, ""},
		"channel":               {stated(func(r *release.Release) { r.Channel = "gone" }), issued, register.CodeChannelNotListed},
		"role":                  {stated(func(r *release.Release) { r.Channel = "other" }), issued, register.CodeRoleDoesNotCover},
		"lasts too long":        {stated(func(r *release.Release) { r.NotAfter = r.NotAfter.Add(time.Second) }), issued, register.CodeNotAfterTooFar},
		"ended":                 {stated(func(r *release.Release) { r.NotAfter = late }), late, register.CodeNotAfterPassed},
		"log time not known":    {stated(func(r *release.Release) { r.NotAfter = late }), time.Time{}, ""},
		"no os":                 {stated(func(r *release.Release) { r.Channel, r.Images = "stable", nil }), issued, register.CodeNoOSImage},
		"one image not known":   {stated(func(r *release.Release) { r.Images = []release.Digest{{3}} }), issued, ""},
		"image of another mode": {stated(func(r *release.Release) { r.Images = []release.Digest{osImage, model} }), issued, register.CodeImageNotProduction},
		"other product":         {stated(func(r *release.Release) { r.Product = "acme/other" }), issued, register.CodeImageOfOtherProduct},
		"authority expired":     {stated(func(r *release.Release) { r.Issued = authority.Expires }), issued, register.CodeAuthorityExpired},
		"image":                 {image(func(*release.Image) {}), issued, ""},
		"published too late":    {image(func(i *release.Image) { i.PublishBy = late }), issued, register.CodePublishByTooFar},
		"published in the past": {image(func(i *release.Image) { i.PublishBy = issued }), issued, register.CodePublishByPassed},
		"kind without role":     {image(func(i *release.Image) { i.Kind = release.KindModel }), issued, register.CodeRoleDoesNotCover},
	} {
		t.Run(name, func(t *testing.T) {
			err := register.Terms{Authority: authority, LogTime: test.logTime, Images: images}.Check(test.statement)
			if got := release.CodeOf(err); got != test.want || (err == nil) != (test.want == "") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
