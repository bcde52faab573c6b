package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/verify"
)

// verdictWords says a verdict in words: what was judged, each check, the result.
func verdictWords(p *page, v *verify.Verdict) {
	if v.Judged.Release != nil {
		p.line("release %s of %s in channel %s", v.Judged.Release.Version, v.Judged.Release.Product, v.Judged.Release.Channel)
		p.field("digest", "%s", v.Judged.Digest)
		p.field("log", "%s, entry %d of %d", quote(v.Judged.Origin), v.Judged.Index, v.Judged.Size)
		if authority := v.Judged.Authority; authority != nil {
			p.field("authority", "version %d", authority.Version)
		}
		if !v.Judged.Witnessed.IsZero() {
			p.field("witnessed", "since %s", release.FormatTime(v.Judged.Witnessed))
		}
		if roll := v.Judged.Roll; roll != nil {
			age := "without its anchor, so of no age"
			if !roll.Since.IsZero() {
				age = "its age is " + roll.Age.Round(time.Second).String()
			}
			p.field("roll", "entry %d, of size %d, issued %s, %s", roll.Index, roll.Roll.Size, release.FormatTime(roll.Roll.Issued), age)
		}
		for i, image := range v.Judged.Images {
			p.field(first(i, "images"), "%s/%s %s, %s", image.Image.Kind, image.Image.Name, image.Image.Version, image.Digest)
		}
	}
	machineWords(p, v)
	p.line("checks")
	for _, check := range v.Checks {
		found := check.Found
		if check.Status == verify.StatusFail && check.Expected != "" {
			found = fmt.Sprintf("got %s, want %s", orNothing(found), check.Expected)
		}
		if v.Result == verify.Unknown && check.Decisive() {
			found += " (required: this makes the result unknown)"
		}
		p.row("  "+string(check.Status), string(check.Code), found)
	}
	switch v.Result {
	case verify.Pass:
		p.line("result: pass, about the %s", v.About)
	case verify.Fail:
		p.line("result: fail, do not use this %s", v.About)
	default:
		p.line("result: unknown, a required check could not be made")
	}
	if !v.Deadline.IsZero() {
		p.line("this verdict ends at %s", release.FormatTime(v.Deadline))
	}
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// assuranceWords says against whom evidence of a level holds.
func assuranceWords(level string) string {
	provider, virtual := strings.CutPrefix(level, string(verify.AssuranceVTPM))
	switch {
	case virtual:
		return "a TPM that " + provider + " emulates: as good as its word"
	case level == string(verify.AssuranceTEE):
		return "holds against the operator and the hypervisor, not against attacks on the memory bus"
	case level == string(verify.AssuranceTPM):
		return "holds against the network and mistakes; whoever has the board or the hypervisor can forge it"
	case level == string(verify.AssuranceTest):
		return "a root of trust that you named: for tests, it holds against nobody"
	}
	return "nothing is known of any machine"
}
