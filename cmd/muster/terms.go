package main

import (
	"fmt"
	"strings"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// checkTerms judges a statement by the authority it is made under, so that nobody
// signs what the log must refuse. Of an authority known by its digest alone
// nothing can be said.
func (a *app) checkTerms(statement *release.Statement, authority *release.Authority) error {
	if authority == nil {
		return nil
	}
	terms := register.Terms{Authority: authority, LogTime: a.now(), Images: map[release.Digest]*release.Image{}}
	for digest, doc := range a.images {
		terms.Images[digest] = doc.statement.Predicate.(*release.Image)
	}
	return terms.Check(statement)
}

// createUnder writes the draft of a statement that the authority can admit.
func (a *app) createUnder(authority *release.Authority, statement *release.Statement, out string, force bool) error {
	if authority == nil {
		a.say("note: of the authority only the digest is given: whether it admits this is not checked; give its file, or --log")
	}
	if err := a.checkTerms(statement, authority); err != nil {
		code := release.CodeOf(err)
		return fail(exitcode.Refused, string(code), termsHint(code, authority), err)
	}
	return a.createDraft(statement, out, force)
}

// termsHint says what to change in a draft that its authority cannot admit.
func termsHint(code release.Code, authority *release.Authority) string {
	switch code {
	case register.CodeChannelNotListed:
		var channels []string
		for _, channel := range authority.Channels {
			channels = append(channels, channel.Name)
		}
		return "the authority's channels: " + strings.Join(channels, ", ")
	case register.CodeNotAfterTooFar, register.CodeNotAfterPassed:
		return fmt.Sprintf("leave out --not-after: then it is as late as the authority allows, %s after --issued", count(authority.Limits.ReleaseDays, "day"))
	case register.CodePublishByTooFar, register.CodePublishByPassed:
		return fmt.Sprintf("leave out --publish-by: then it is as late as the authority allows, %s after --issued", count(authority.Limits.PublishWithinDays, "day"))
	case register.CodeNoOSImage:
		return "name the os image, too: --image"
	case register.CodeImageNotProduction:
		return "measure and state that image with --mode production, or use a channel of its mode"
	case register.CodeAuthorityExpired:
		return "the root keys must sign the authority's next version first"
	case register.CodeRoleDoesNotCover:
		return "see what its roles are limited to: muster authority show"
	}
	return ""
}

// count says a number of things.
func count(n int, thing string) string {
	return fmt.Sprintf("%d %s", n, plural(n, thing))
}

// plural is the word for a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return thing
	}
	return thing + "s"
}
