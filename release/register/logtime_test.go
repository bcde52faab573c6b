package register

import (
	"testing"
	"time"

	"github.com/muster-log/muster/release"
)

func issued(at time.Time) func(*release.Image) {
	return func(i *release.Image) {
		i.Issued = at
		i.PublishBy = at.Add(20 * oneDay)
	}
}

func TestLogTimeIsTheGreatestIssuedOfWhatIsNotVoid(t *testing.T) {
	l := newLog(t)
	if !l.LogTime().Equal(t0) {
		t.Fatalf("after entry 0: %s", l.LogTime())
	}
	l.admit(l.image(issued(t0.Add(oneDay))))
	l.admit(l.image(issued(t0.Add(time.Hour))))
	if want := t0.Add(oneDay); !l.LogTime().Equal(want) {
		t.Fatalf("got %s, want %s", l.LogTime(), want)
	}
	l.refuse(CodeThresholdMissed, l.release([]release.Digest{l.admit(l.osImage(issued(t0.Add(oneDay))))}, func(r *release.Release) {
		r.Issued = t0.Add(30 * oneDay)
		r.NotAfter = t0.Add(60 * oneDay)
	}), "rel1")
	if want := t0.Add(oneDay); !l.LogTime().Equal(want) {
		t.Fatalf("a void entry moved log time to %s", l.LogTime())
	}
}

func TestLogTimeCountsStruckEntries(t *testing.T) {
	l := newLog(t)
	l.admit(l.image(issued(t0.Add(20 * oneDay))))
	l.now = t0.Add(19 * oneDay)
	l.admit(l.authority(func(a *release.Authority) { strikeKey(a, "ci", 1) }))
	if record, _ := l.Entry(1); !record.Struck {
		t.Fatal("the image is not struck")
	}
	if want := t0.Add(20 * oneDay); !l.LogTime().Equal(want) {
		t.Fatalf("got %s, want %s", l.LogTime(), want)
	}
}

func TestIssuedBehindLogTime(t *testing.T) {
	l := newLog(t)
	l.admit(l.image(issued(t0.Add(20 * oneDay))))
	l.refuse(CodeIssuedBehindLogTime, l.image(func(i *release.Image) {
		issued(t0.Add(13*oneDay - time.Second))(i)
	}))
	l.admit(l.image(issued(t0.Add(13 * oneDay))))
	// An authority has no other bound behind.
	l.now = t0.Add(13*oneDay - time.Second)
	l.refuse(CodeIssuedBehindLogTime, l.authority())
	l.now = t0.Add(13 * oneDay)
	l.admit(l.authority())
}

func TestIssuedAheadOfLogTime(t *testing.T) {
	l := newLog(t)
	l.refuse(CodeIssuedAheadOfLogTime, l.image(issued(t0.Add(92*oneDay+time.Second))))
	l.admit(l.image(issued(t0.Add(92 * oneDay))))
}

func TestIssuedOfAuthorityAheadOfLogTime(t *testing.T) {
	l := newLog(t)
	l.now = t0.Add(5*365*oneDay + time.Second)
	l.refuse(CodeIssuedAheadOfLogTime, l.authority())
	l.now = t0.Add(5 * 365 * oneDay)
	l.admit(l.authority())
	if !l.LogTime().Equal(l.now) {
		t.Fatalf("log time %s, want %s", l.LogTime(), l.now)
	}
}

func TestAdmissionComparesWithTheClock(t *testing.T) {
	l := newLog(t)
	at := t0.Add(10 * oneDay)
	entry := l.entry(l.image(issued(at)))
	l.clockRefuses(CodeIssuedAheadOfClock, at.Add(-5*time.Minute-time.Second), entry)
	l.clockRefuses("", at.Add(-5*time.Minute), entry)
	l.clockRefuses("", at.Add(7*oneDay), entry)
	l.clockRefuses(CodeIssuedBehindClock, at.Add(7*oneDay+time.Second), entry)

	// A replay reads no clock: what was admitted stands for ever.
	if outcome := l.apply(entry); outcome.Status != StatusAdmitted {
		t.Fatal(outcome.Refusal)
	}
}

func TestAdmissionOfEntry0ReadsNoClock(t *testing.T) {
	l := &testLog{TB: t, State: New(testOrigin), now: t0}
	entry := l.entry(l.authority())
	l.clockRefuses("", t0.Add(1000*oneDay), entry)
	l.clockRefuses("", t0.Add(-1000*oneDay), entry)
}

func TestAfterExpiryOnlyAuthorityAndWithdrawals(t *testing.T) {
	expires := t0.Add(30 * oneDay)
	l := newLog(t, func(a *release.Authority) { a.Expires = expires })
	os := l.admit(l.osImage())
	model := l.admit(l.image())
	l.admit(l.release([]release.Digest{os, model}))

	// The entry's own issued decides ...
	l.refuse(CodeAuthorityExpired, l.image(issued(expires)))
	l.admit(l.image(issued(expires.Add(-time.Second))))
	// ... and so does log time, which a withdrawal moves past expires.
	l.now = expires
	l.admit(l.withdrawal(model))
	l.now = expires.Add(-time.Second)
	l.refuse(CodeAuthorityExpired, l.image())
	l.refuse(CodeAuthorityExpired, l.release([]release.Digest{os}))
	l.refuse(CodeAuthorityExpired, l.roll())
	l.admit(l.withdrawal(os))
	l.now = expires.Add(oneDay)
	l.admit(l.authority())
	l.admit(l.image())
	l.admit(l.roll())
}

func TestDeadlines(t *testing.T) {
	publish := func(at time.Time) func(*release.Image) { return func(i *release.Image) { i.PublishBy = at } }
	until := func(at time.Time) func(*release.Release) { return func(r *release.Release) { r.NotAfter = at } }

	l := newLog(t)
	os := l.admit(l.osImage())
	l.refuse(CodePublishByPassed, l.image(publish(t0)))
	l.admit(l.image(publish(t0.Add(time.Second))))
	l.refuse(CodePublishByTooFar, l.image(publish(t0.Add(30*oneDay+time.Second))))
	l.admit(l.image(publish(t0.Add(30 * oneDay))))

	l.refuse(CodeNotAfterPassed, l.release([]release.Digest{os}, until(t0)))
	l.refuse(CodeNotAfterTooFar, l.release([]release.Digest{os}, until(t0.Add(90*oneDay+time.Second))))
	l.admit(l.release([]release.Digest{os}, until(t0.Add(90*oneDay))))

	// Also after log time, where that is later than issued.
	l.admit(l.image(issued(t0.Add(2 * oneDay))))
	l.refuse(CodePublishByPassed, l.image(publish(t0.Add(2*oneDay))))
	l.admit(l.image(publish(t0.Add(2*oneDay + time.Second))))
	other := l.admit(l.osImage())
	l.refuse(CodeNotAfterPassed, l.release([]release.Digest{other}, until(t0.Add(2*oneDay))))
	l.admit(l.release([]release.Digest{other}, until(t0.Add(2*oneDay+time.Second))))
}
