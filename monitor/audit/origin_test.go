package audit_test

import (
	"testing"
	"time"

	"github.com/muster-log/muster/monitor/audit"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// TestOtherLogOfThePolicy: a policy may name several logs. What a follower follows is one
// of them: another one's checkpoint is refused, though its signature and its witnesses
// are good, and though its tree extends the one that was followed.
func TestOtherLogOfThePolicy(t *testing.T) {
	s := newServer(t, 5)
	first := s.log
	other := tlogtest.NewLog(t, "log.example/other")
	for index := range first.Size() {
		other.Add(first.Entry(index))
	}
	other.Add([]byte("one more"))
	s.policy = tlogtest.Policy(t, 2, s.witnesses, first, other)
	f := s.follower(t, audit.Options{})
	if _, err := f.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := f.Checkpoint()
	s.become(other)
	shown := s.publish(start.Add(time.Minute))
	// The policy accepts it: one who begins with it follows it.
	if _, err := s.follower(t, audit.Options{}).Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	failure := refused(t, f, audit.CodeOtherOrigin)
	if failure.Kept != kept || failure.Shown == nil || failure.Shown.Origin != shown.Origin || failure.Evidence != nil {
		t.Errorf("got %+v, want it about %s beside %s, with no evidence: no log signed both", failure, shown.Origin, kept.Origin)
	}
	if f.Checkpoint() != kept || f.State().Size() != 5 {
		t.Errorf("what was followed changed: size %d of %s", f.State().Size(), f.Checkpoint().Origin)
	}
	s.become(first)
	s.grow(2)
	s.publish(start.Add(2 * time.Minute))
	if _, err := f.Update(t.Context()); err != nil || f.State().Size() != 7 {
		t.Errorf("its own log again: size %d, %v", f.State().Size(), err)
	}
}
