package register

import (
	"slices"
	"testing"

	"github.com/muster-log/muster/release"
)

const successorOrigin = "log2.example/acme"

// retiredChain returns the authority entries of a log whose third version names
// another origin, years after the first.
func retiredChain(t *testing.T) (*testLog, [][]byte) {
	l := newLog(t)
	l.admit(l.image())
	l.now = t0.Add(300 * oneDay)
	l.admit(l.authority())
	l.admit(l.image())
	l.now = t0.Add(1500 * oneDay) // long after version 2 has expired
	l.admit(l.authority(func(a *release.Authority) { a.Origin = successorOrigin }))
	return l, [][]byte{l.entries[0], l.entries[2], l.entries[4]}
}

func TestL8NothingAfterTheAuthorityThatRetiresTheLog(t *testing.T) {
	l, _ := retiredChain(t)
	if index, retired := l.Retired(); !retired || index != 4 {
		t.Fatalf("retired: %d, %v", index, retired)
	}
	l.refuse(CodeLogRetired, l.image())
	l.refuse(CodeLogRetired, l.authority())
	l.refuse(CodeLogRetired, l.roll())
	first, _ := l.Entry(1)
	l.refuse(CodeLogRetired, l.withdrawal(first.Digest))
	l.refuseEntry(CodeLogRetired, unknownTypeEntry(t))
	if index, _ := l.Retired(); index != 4 {
		t.Fatalf("retired at %d", index)
	}
}

func TestSuccessorLogBeginsWithTheChain(t *testing.T) {
	_, chain := retiredChain(t)
	l := &testLog{TB: t, State: New(successorOrigin), now: t0}
	for i, entry := range chain {
		if i > 0 {
			l.refuse(CodeSuccessorChain, l.image())
			l.refuse(CodeSuccessorChain, l.roll())
			l.refuseEntry(CodeSuccessorChain, unknownTypeEntry(t))
		}
		// Neither dates, nor expiry, nor origin, nor the clock keep it out.
		l.clockRefuses("", t0.Add(9000*oneDay), entry)
		if outcome := l.apply(entry); outcome.Status != StatusAdmitted {
			t.Fatalf("chain entry %d: %v", i, outcome.Refusal)
		}
		if _, retired := l.Retired(); retired {
			t.Fatal("the chain of the old log retires the new one")
		}
	}
	l.now = t0.Add(1500 * oneDay)
	l.wantLive()
	onThisLog := func(r *release.Roll) { r.Origin = successorOrigin }
	os := l.admit(l.osImage())
	r := l.admit(l.release([]release.Digest{os}))
	l.wantLive(r)
	l.refuse(CodeRollOrigin, l.roll())
	l.admit(l.roll(onThisLog))
	// From here on dates apply, also to authorities.
	l.now = t0.Add(1400 * oneDay)
	l.refuse(CodeIssuedBehindLogTime, l.authority(func(a *release.Authority) { a.Origin = successorOrigin }))
	l.now = t0.Add(1501 * oneDay)
	l.admit(l.authority(func(a *release.Authority) { a.Origin = successorOrigin }))
	l.admit(l.authority(func(a *release.Authority) { a.Origin = "log3.example/acme" }))
	l.refuse(CodeLogRetired, l.image())
}

func TestSuccessorChainIsStillAChain(t *testing.T) {
	_, chain := retiredChain(t)
	l := &testLog{TB: t, State: New(successorOrigin), now: t0}
	l.apply(chain[0])
	l.refuseEntry(CodeVersionNotNext, chain[2])
	l.refuse(CodePreviousRootMissed, l.authority(func(a *release.Authority) { a.Origin = successorOrigin }), "root1")
	l.refuseEntry(CodeAlreadyLogged, chain[0])
	if outcome := l.apply(chain[1]); outcome.Status != StatusAdmitted {
		t.Fatal(outcome.Refusal)
	}
}

// TestC5ReleaseReplayedIntoASecondLog: the authority of a log lets nothing into
// a log of another origin.
func TestC5ReleaseReplayedIntoASecondLog(t *testing.T) {
	first := newLog(t)
	os := first.admit(first.osImage())
	first.admit(first.release([]release.Digest{os}))
	l := &testLog{TB: t, State: New("log.example/copy"), now: t0}
	for i, entry := range first.entries {
		if i == 0 {
			l.apply(entry)
			continue
		}
		l.refuseEntry(CodeSuccessorChain, entry)
	}
	l.wantLive()
}

func TestStrikesOfTheOldLogDoNotActInTheSuccessor(t *testing.T) {
	old := newLog(t)
	old.strikes(0, "rel1")
	old.admit(old.authority(func(a *release.Authority) { a.Origin = successorOrigin }))
	l := &testLog{TB: t, State: New(successorOrigin), now: t0}
	for _, entry := range old.entries {
		l.apply(entry)
	}
	os := l.admit(l.osImage())
	l.wantLive(l.admit(l.release([]release.Digest{os}), "rel1", "rel2"))
}

func TestOriginIsLearntFromEntry0(t *testing.T) {
	l := &testLog{TB: t, State: New(""), now: t0}
	l.admit(l.authority())
	if l.Origin() != testOrigin {
		t.Fatalf("learnt %q", l.Origin())
	}
	l.admit(l.roll())
}

// TestChainJudgesWithoutTheOtherEntries: a verifier has the authorities, their
// indices and a few entries.
func TestChainJudgesWithoutTheOtherEntries(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	l.admit(l.release([]release.Digest{os}))
	l.admit(l.roll())
	l.admit(l.authority(func(a *release.Authority) { strikeKey(a, "rel1", 2) }))
	l.admit(l.withdrawal(os))
	prepared := make([]*Prepared, len(l.entries))
	for i, entry := range l.entries {
		p, err := Prepare(entry, nil)
		if err != nil {
			t.Fatal(err)
		}
		prepared[i] = p
	}
	c := NewChain(testOrigin)
	for _, index := range []uint64{0, 4} {
		if err := c.Add(index, prepared[index]); err != nil {
			t.Fatalf("authority at %d: %v", index, err)
		}
	}
	for _, index := range []uint64{1, 2, 3} {
		if err := c.CheckSigned(index, prepared[index], nil); err != nil {
			t.Errorf("index %d: %v", index, err)
		}
	}
	if err := c.CheckSigned(5, prepared[5], prepared[1].Statement); err != nil {
		t.Errorf("withdrawal: %v", err)
	}
	if got := release.CodeOf(c.CheckSigned(5, prepared[1], nil)); got != CodeAuthorityNotInForce {
		t.Errorf("at another index: code %q", got)
	}
	if got := release.CodeOf(c.CheckSigned(5, prepared[5], nil)); got != CodeTypeNotAdmitted {
		t.Errorf("a withdrawal without its target: code %q", got)
	}
	if by, struck := c.Struck(2, prepared[2]); !struck || by != 4 {
		t.Errorf("the release: %d, %v", by, struck)
	}
	if _, struck := c.Struck(1, prepared[1]); struck {
		t.Error("the image is struck")
	}
	roll := prepared[3].Statement.Predicate.(*release.Roll)
	if err := c.CheckRoll(3, roll); err != nil {
		t.Error(err)
	}
	if got := release.CodeOf(c.CheckRoll(5, roll)); got != CodeRollAuthority {
		t.Errorf("a roll across a rotation: code %q", got)
	}
	if err := c.Add(5, prepared[1]); err == nil {
		t.Error("an image was added to the chain")
	}
	var links []uint64
	for _, link := range c.Links() {
		links = append(links, link.Index)
	}
	if !slices.Equal(links, []uint64{0, 4}) {
		t.Errorf("links: %v", links)
	}
}
