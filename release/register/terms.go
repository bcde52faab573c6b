package register

import (
	"slices"
	"strconv"
	"time"

	"github.com/muster-log/muster/release"
)

// Terms is what a draft can be judged by before it stands in a log: nobody need
// sign what every log under this authority refuses. That a draft passes says
// nothing of what only the log knows.
type Terms struct {
	// Authority is the one in force.
	Authority *release.Authority
	// LogTime is the log's, or a clock, which log time follows; zero: not known.
	LogTime time.Time
	// Images are those that a release may name, by payload digest, as far as they
	// are known.
	Images map[release.Digest]*release.Image
}

// Check judges an image or a release by the rules that a [State] judges it by,
// as far as the terms reach: expiry by issued, a role that covers it, the
// channel, the dates, and of a release the images that are known. Everything
// else passes. The error is a *release.Refusal.
func (t Terms) Check(statement *release.Statement) error {
	if refusal := t.check(statement); refusal != nil {
		return refusal
	}
	return nil
}

func (t Terms) check(statement *release.Statement) *release.Refusal {
	asks, ok := needsOf(statement, nil)
	if !ok {
		return nil
	}
	if refusal := notExpired(t.Authority, statement.Issued().Unix()); refusal != nil {
		return refusal
	}
	if !slices.ContainsFunc(t.Authority.Roles, func(role release.Role) bool { return asks.coveredBy(&role) }) {
		return asks.refuse()
	}
	limits, logTime := t.Authority.Limits, int64(0)
	if !t.LogTime.IsZero() {
		logTime = t.LogTime.Unix()
	}
	switch stated := statement.Predicate.(type) {
	case *release.Image:
		return checkPublishBy(stated, limits, logTime)
	case *release.Release:
		mode, refusal := channelMode(t.Authority, stated.Channel)
		if refusal != nil {
			return refusal
		}
		if refusal := checkNotAfter(stated, limits, logTime); refusal != nil {
			return refusal
		}
		return t.checkImages(stated, mode)
	}
	return nil
}

// checkImages judges the images that are known; whether there is one of kind os,
// if all of them are.
func (t Terms) checkImages(stated *release.Release, mode release.Mode) *release.Refusal {
	known, hasOS := 0, false
	for i, digest := range stated.Images {
		named, ok := t.Images[digest]
		if !ok {
			continue
		}
		known++
		if refusal := checkNamedImage(subjectMember(i), stated.Product, mode, named.Product, named.Mode == release.ModeProduction, ""); refusal != nil {
			return refusal
		}
		hasOS = hasOS || named.Kind == release.KindOS
	}
	if known == len(stated.Images) && !hasOS {
		return refuseNoOS()
	}
	return nil
}

// channelMode returns the mode of a channel of an authority.
func channelMode(authority *release.Authority, name string) (release.Mode, *release.Refusal) {
	i := slices.IndexFunc(authority.Channels, func(channel release.Channel) bool { return channel.Name == name })
	if i < 0 {
		return "", release.Refuse(CodeChannelNotListed, "predicate.channel", name, "a channel of the authority in force")
	}
	return authority.Channels[i].Mode, nil
}

// checkNamedImage judges product and mode of an image that a release names;
// where says in which place of the log it is, if it is known.
func checkNamedImage(member, product string, mode release.Mode, of string, production bool, where string) *release.Refusal {
	if of != product {
		return release.Refuse(CodeImageOfOtherProduct, member, "an image of "+of, "one of "+product)
	}
	if mode == release.ModeProduction && !production {
		return release.Refuse(CodeImageNotProduction, member, "an image of another mode"+where, "one of mode production, like its channel")
	}
	return nil
}

func refuseNoOS() *release.Refusal {
	return release.Refuse(CodeNoOSImage, "subject", "no image of kind os", "at least one")
}

func checkPublishBy(stated *release.Image, limits release.Limits, logTime int64) *release.Refusal {
	return checkDeadline("predicate.publishBy", stated.PublishBy, stated.Issued, logTime, limits.PublishWithinDays, CodePublishByPassed, CodePublishByTooFar)
}

func checkNotAfter(stated *release.Release, limits release.Limits, logTime int64) *release.Refusal {
	return checkDeadline("predicate.notAfter", stated.NotAfter, stated.Issued, logTime, limits.ReleaseDays, CodeNotAfterPassed, CodeNotAfterTooFar)
}

// checkDeadline judges publishBy or notAfter: after issued and log time, and at
// most so many days after issued.
func checkDeadline(member string, deadline, issued time.Time, logTime int64, days int, passed, tooFar release.Code) *release.Refusal {
	at, from := deadline.Unix(), issued.Unix()
	if start := max(from, logTime); at <= start {
		return refuseTime(passed, member, at, "after issued and log time", start)
	}
	if at > from+int64(days)*day {
		return refuseTime(tooFar, member, at, "at most "+strconv.Itoa(days)+" days after issued", from)
	}
	return nil
}

// notExpired judges that at a time an authority may still admit more than its
// successor and withdrawals.
func notExpired(authority *release.Authority, now int64) *release.Refusal {
	if expires := authority.Expires.Unix(); now >= expires {
		return refuseTime(CodeAuthorityExpired, "predicate.authority", now, "before the authority expires; sign its next version; it expired", expires)
	}
	return nil
}

func subjectMember(i int) string { return "subject[" + strconv.Itoa(i) + "]" }
