package log_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/cosign"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// L4: one witness of the policy is down, then another, then they return.
func TestL4WitnessesAreDownAndReturn(t *testing.T) {
	f := newFixture(t)
	f.witnesses[2].Stop()
	f.open()
	f.published(0) // two of three suffice

	f.witnesses[1].Stop()
	old, _ := f.Checkpoint()
	entry, digest := f.issuer.Image()
	receipt := f.submit(entry) // durable all the same
	f.eventually("a status that names who is missing", func() bool {
		status := f.Status()
		return !status.Quorum && strings.Contains(status.Problem, "w2") && strings.Contains(status.Problem, "w3") && status.Size == 2 && status.Published == 1
	})
	if anchor, _ := f.Checkpoint(); !bytes.Equal(anchor.Note, old.Note) {
		t.Errorf("published without a quorum:\n%s", anchor.Note)
	}
	if _, err := f.Entry(t.Context(), receipt.Index); !errors.Is(err, log.ErrNotPublished) {
		t.Errorf("entry: got %v, want ErrNotPublished", err)
	}
	if _, err := f.Proof(t.Context(), receipt.Index); !errors.Is(err, log.ErrNotPublished) {
		t.Errorf("proof: got %v, want ErrNotPublished", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := f.WaitPublished(short, receipt.Index); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait: got %v", err)
	}
	if again, ok := f.Lookup(digest); !ok || again.Index != receipt.Index {
		t.Errorf("look-up: got %+v, %t", again, ok)
	}
	// Back-off: while they are away they are not asked at every turn.
	for _, witness := range f.Status().Witnesses {
		if witness.Name != "w1" && witness.RetryAt.IsZero() {
			t.Errorf("%s is down and not left alone", witness.Name)
		}
	}

	f.witnesses[1].Start()
	f.published(receipt.Index) // by itself
	f.eventually("a status without a problem", func() bool { s := f.Status(); return s.Quorum && s.Problem == "" })
}

// L5: a restart at every point between the append and the serving.
func TestL5RestartBetweenTheSteps(t *testing.T) {
	for _, c := range []struct {
		name   string
		broken func(f *fixture)
		mend   func(f *fixture)
	}{
		{"after the append, before the mark",
			func(f *fixture) {
				f.storage.HighWater.OnStore(func([]byte) (bool, error) { return false, errDisk })
			},
			func(f *fixture) { f.storage.HighWater.OnStore(nil) }},
		{"after the mark, before the quorum",
			func(f *fixture) { f.witnesses[0].Stop(); f.witnesses[1].Stop() },
			func(f *fixture) { f.witnesses[0].Start(); f.witnesses[1].Start() }},
		{"after the quorum, before the anchor",
			func(f *fixture) { f.storage.OnPut(func(log.Anchor) (bool, error) { return false, errDisk }) },
			func(f *fixture) { f.storage.OnPut(nil) }},
		{"after the anchor, before it is served",
			func(f *fixture) { f.storage.OnPut(func(log.Anchor) (bool, error) { return true, errDisk }) },
			func(f *fixture) { f.storage.OnPut(nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t).open()
			f.published(0)
			c.broken(f)
			entry, _ := f.issuer.Image()
			receipt := f.submit(entry)
			f.eventually("the failure", func() bool { return f.Status().Problem != "" })
			f.close()
			c.mend(f)
			f.open()
			f.published(receipt.Index)
			if got, err := f.Entry(t.Context(), receipt.Index); err != nil || !bytes.Equal(got, entry) {
				t.Errorf("got %v", err)
			}
			next, _ := f.issuer.Image()
			f.published(f.submit(next).Index)
			for _, witness := range f.Status().Witnesses {
				if witness.Alarm != "" {
					t.Errorf("%s: alarm: %s", witness.Name, witness.Alarm)
				}
			}
		})
	}
}

// L6: the data are restored from an older copy.
func TestL6OlderCopyIsRefused(t *testing.T) {
	build := func(t *testing.T) *fixture {
		f := newFixture(t).open()
		for range 5 {
			entry, _ := f.issuer.Image()
			f.published(f.submit(entry).Index)
		}
		f.close()
		return f
	}
	refuse := func(t *testing.T, f *fixture, says string) {
		t.Helper()
		opened, err := log.Open(t.Context(), f.config())
		if err == nil {
			opened.Close()
			t.Fatal("opened")
		}
		if !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want something about %q", err, says)
		}
	}
	t.Run("data without the mark", func(t *testing.T) {
		f := build(t)
		f.storage.Truncate(3)
		refuse(t, f, "restored from an older copy")
	})
	t.Run("mark without the data", func(t *testing.T) {
		f := build(t)
		old := tlogtest.NewLog(t, origin)
		old.Add(f.storage.Entries()[:2]...)
		f.storage.HighWater.Set(old.Checkpoint(2).Marshal())
		refuse(t, f, "mark was rolled back")
	})
	t.Run("mark gone", func(t *testing.T) {
		f := build(t)
		f.storage.HighWater.Set(nil)
		refuse(t, f, "mark is gone")
	})
	t.Run("mark of another tree", func(t *testing.T) {
		f := build(t)
		other := tlogtest.NewLog(t, origin)
		other.Add([]byte("a"), []byte("b"), []byte("c"), []byte("d"), []byte("e"), []byte("f"))
		f.storage.HighWater.Set(other.Checkpoint(6).Marshal())
		refuse(t, f, "the stored entries have")
	})
	t.Run("mark of another key", func(t *testing.T) {
		f := build(t)
		other := tlogtest.NewLog(t, origin)
		other.Key = tlogtest.Key(t, "someone.example/else", tlog.TypeEd25519)
		other.Add(f.storage.Entries()...)
		f.storage.HighWater.Set(other.Checkpoint(6).Marshal())
		refuse(t, f, "high-water mark")
	})
	// Both are of one old copy, so only the witnesses know: nothing is signed.
	t.Run("data and mark", func(t *testing.T) {
		f := build(t)
		f.storage.Truncate(3)
		old := tlogtest.NewLog(t, origin)
		old.Add(f.storage.Entries()...)
		mark := old.Checkpoint(3).Marshal()
		f.storage.HighWater.Set(mark)
		f.open()
		f.eventually("the refusal", func() bool { return strings.Contains(f.Status().Problem, "restored from an older copy") })
		f.refusesToAdmit()
		if now, _ := f.storage.HighWater.Load(); !bytes.Equal(now, mark) {
			t.Errorf("signed after the roll-back:\n%s", now)
		}
		if !slices.ContainsFunc(f.Status().Witnesses, func(w log.WitnessStatus) bool { return w.Alarm != "" }) {
			t.Error("no alarm")
		}
	})
}

// A log of which only an old copy is left, from before its first publication,
// looks like a new one: no mark, no anchors. It signs what it holds, which its
// witnesses know, and no more.
func TestL6OldestCopyLooksLikeANewLog(t *testing.T) {
	f := newFixture(t).open()
	for range 5 {
		entry, _ := f.issuer.Image()
		f.published(f.submit(entry).Index)
	}
	f.close()
	oldest := f.storage.Entries()[:1]
	f.storage = logtest.NewStorage()
	if _, err := f.storage.Append(t.Context(), func(uint64) ([][]byte, error) { return oldest, nil }); err != nil {
		t.Fatal(err)
	}
	f.open()
	f.eventually("the refusal", func() bool { return strings.Contains(f.Status().Problem, "restored from an older copy") })
	f.refusesToAdmit()
	note, err := f.storage.HighWater.Load()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := tlog.ParseCheckpoint(note)
	if err != nil {
		t.Fatal(err)
	}
	if leaf := tlog.LeafHash(oldest[0]); signed.Size != 1 || signed.Root != leaf {
		t.Errorf("signed size %d with another root than that of entry 0", signed.Size)
	}
}

// Witnesses that hold another tree stop a running log: it signs and admits
// nothing more until they confirm what it signed.
func TestWitnessesThatHoldAnotherTreeStopARunningLog(t *testing.T) {
	f := newFixture(t).open()
	entry, _ := f.issuer.Image()
	f.published(f.submit(entry).Index)

	// Somebody else who has the key shows the witnesses another history.
	fork := tlogtest.NewLog(t, origin)
	fork.Key = f.key
	fork.Add(f.storage.Entries()...)
	fork.Add([]byte("another history"))
	size := fork.Size()
	checkpoint := tlog.Checkpoint{Origin: origin, Size: size, Root: fork.Root(size)}
	line, err := f.key.SignNote(checkpoint.Text())
	if err != nil {
		t.Fatal(err)
	}
	note := tlog.Note{Text: checkpoint.Text(), Signatures: []tlog.NoteSignature{line}}
	for _, witness := range f.witnesses {
		// The slowest of three may still be on its way to the last checkpoint.
		f.eventually("the other history", func() bool { return addCheckpoint(t, witness.URL, size-1, fork.Consistency(size-1, size), note) })
	}
	next, _ := f.issuer.Image()
	f.submit(next)
	f.eventually("the stop", func() bool { return !f.Status().Quorum })
	f.eventually("refusing to admit", func() bool {
		more, _ := f.issuer.Image()
		_, err := f.Submit(t.Context(), more)
		return errors.Is(err, log.ErrRolledBack) && errors.Is(err, log.ErrUnavailable)
	})
}

// addCheckpoint takes a witness from one size to the next (c2sp.org/tlog-witness)
// and reports whether it cosigned.
func addCheckpoint(t *testing.T, url string, from uint64, proof []tlog.Hash, note tlog.Note) bool {
	t.Helper()
	body := fmt.Sprintf("old %d\n", from)
	for _, hash := range proof {
		body += hash.String() + "\n"
	}
	response, err := http.Post(url+"/add-checkpoint", "text/plain", strings.NewReader(body+"\n"+string(note.Marshal())))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// refusesToAdmit fails unless a submission is refused because of a roll-back.
func (f *fixture) refusesToAdmit() {
	f.t.Helper()
	before := len(f.storage.Entries())
	entry, _ := f.issuer.Image()
	if _, err := f.Submit(f.t.Context(), entry); !errors.Is(err, log.ErrUnavailable) || !errors.Is(err, log.ErrRolledBack) {
		f.t.Errorf("got %v, want %v", err, log.ErrRolledBack)
	}
	if after := len(f.storage.Entries()); after != before {
		f.t.Errorf("%d entries, %d before", after, before)
	}
}

// A witness that lost its state while the log was down is noticed: the newest
// anchor says what it had cosigned.
func TestWitnessThatLostItsStateIsNoticed(t *testing.T) {
	f := newFixture(t).open()
	entry, _ := f.issuer.Image()
	receipt := f.submit(entry)
	f.published(receipt.Index)
	f.eventually("all three", func() bool {
		anchor, _ := f.Checkpoint()
		if bytes.Count(anchor.Note, []byte("\n— witness.example/")) == 3 {
			return true
		}
		more, _ := f.issuer.Image()
		f.published(f.submit(more).Index)
		return false
	})
	f.close()
	lost := f.witnesses[0]
	lost.Forget()
	lost.Add(f.key.Verifier())
	f.open()
	next, _ := f.issuer.Image()
	f.published(f.submit(next).Index)
	f.eventually("the alarm", func() bool { return strings.Contains(f.Status().Witnesses[0].Alarm, "lost state") })
}

// The log signs nothing and admits nothing while its clock is more than five
// minutes ahead of its witnesses' time stamps, or behind log time.
func TestWrongClockStopsSigning(t *testing.T) {
	var shift, read, signed, probed atomic.Int64
	clock := func() time.Time { read.Add(1); return time.Now().Add(time.Duration(shift.Load())) }
	for name, c := range map[string]struct {
		wrong time.Duration
		turns *atomic.Int64 // what the publisher does at every turn that it signs nothing at
	}{
		"ahead of the witnesses": {6 * time.Minute, &probed}, // has the last signed checkpoint confirmed
		"behind log time":        {-6 * time.Minute, &read},  // looks at the clock
	} {
		t.Run(name, func(t *testing.T) {
			shift.Store(0)
			f := newFixture(t)
			f.now, f.republish = clock, 20*time.Millisecond
			f.cosigner = func(group *cosign.Group) log.Cosigner { return &countedProbes{group, &probed} }
			f.storage.HighWater.OnStore(func([]byte) (bool, error) { signed.Add(1); return true, nil }) // once a signature
			f.open()
			f.published(0)
			shift.Store(int64(c.wrong))
			entry, _ := f.issuer.Image()
			f.eventually("the end of admission", func() bool {
				_, err := f.Submit(t.Context(), entry)
				return errors.Is(err, log.ErrUnavailable) && errors.Is(err, log.ErrClock)
			})
			served, _ := f.Checkpoint()
			before, turns := signed.Load(), c.turns.Load()
			f.eventually("further turns of the publisher", func() bool { return c.turns.Load() >= turns+2 })
			if more := signed.Load() - before; more != 0 {
				t.Errorf("signed %d times meanwhile", more)
			}
			if now, _ := f.Checkpoint(); !bytes.Equal(now.Note, served.Note) {
				t.Errorf("published meanwhile:\n%s", now.Note)
			}
			if problem := f.Status().Problem; !strings.Contains(problem, "clock is wrong") {
				t.Errorf("status says %q", problem)
			}
			shift.Store(0)
			f.eventually("admission again", func() bool { _, err := f.Submit(t.Context(), entry); return err == nil })
			f.published(uint64(len(f.storage.Entries()) - 1))
		})
	}
}

// countedProbes counts how often the witnesses are asked to confirm what was
// signed last.
type countedProbes struct {
	*cosign.Group
	probed *atomic.Int64
}

func (c *countedProbes) Probe(ctx context.Context, note []byte, consistency func(context.Context, uint64) ([]tlog.Hash, error)) error {
	c.probed.Add(1)
	return c.Group.Probe(ctx, note, consistency)
}

// L8: every refusal has its code and leaves the log as it was.
func TestL8RefusalsChangeNothing(t *testing.T) {
	f := newFixture(t).open()
	issuer := f.issuer
	osEntry, osDigest := issuer.Image(logtest.OS)
	model := issuer.StateImage()
	modelEntry, modelDigest := issuer.SignImage(model, "ci")
	gone, goneDigest := issuer.Image()
	approved, _ := issuer.Release("1", osDigest, modelDigest)
	for _, entry := range [][]byte{osEntry, modelEntry, gone, approved, issuer.Withdrawal(goneDigest)} {
		f.submit(entry)
	}
	size := uint64(len(f.storage.Entries()))

	image := func(change func(*release.Image)) []byte { entry, _ := issuer.Image(change); return entry }
	signedRelease := func(change func(*release.Release), names ...string) []byte {
		r := issuer.StateRelease("2", osDigest)
		if change != nil {
			change(r)
		}
		if len(names) == 0 {
			names = []string{"rel1", "rel2"}
		}
		entry, _ := issuer.SignRelease(r, names...)
		return entry
	}
	fresh, _ := issuer.Image()
	replace := func(old, new string) []byte { return bytes.Replace(fresh, []byte(old), []byte(new), 1) }
	payload := func(old, new string) []byte {
		envelope, err := release.ParseEnvelope(fresh)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(envelope.Payload), old, new, 1)
		if changed == string(envelope.Payload) {
			t.Fatalf("the payload has no %s", old)
		}
		return releasetest.Sign(t, []byte(changed), "ci")
	}
	twice := func() []byte {
		envelope, err := release.ParseEnvelope(fresh)
		if err != nil {
			t.Fatal(err)
		}
		text := string(fresh)
		at := strings.Index(text, `{"keyid"`)
		end := strings.Index(text[at:], "}") + at + 1
		if len(envelope.Signatures) != 1 || at < 0 {
			t.Fatalf("unexpected envelope %s", text)
		}
		return []byte(text[:end] + "," + text[at:end] + text[end:])
	}
	now := issuer.Issued()
	tests := []struct {
		name  string
		entry []byte
		code  release.Code
	}{
		{"nothing", nil, release.CodeEntrySize},
		{"over 65,535 bytes", append(bytes.Clone(fresh), bytes.Repeat([]byte(" "), 65536-len(fresh))...), release.CodeEntrySize},
		{"a line feed after it", append(bytes.Clone(fresh), '\n'), release.CodeJSONNotCanonical},
		{"white space", replace(":", ": "), release.CodeJSONNotCanonical},
		{"an escape", replace("payload", `p\u0061yload`), release.CodeJSONNotCanonical},
		{"not JSON", []byte("junk"), release.CodeJSONSyntax},
		{"an unknown member", replace(`"payload":`, `"a":1,"payload":`), release.CodeMemberUnknown},
		{"a member twice", replace(`"payloadType":`, `"payload":"","payloadType":`), release.CodeJSONDuplicate},
		{"another payload type", replace("in-toto", "in-tota"), release.CodePayloadType},
		{"invalid UTF-8", replace("in-toto", "in-tot\xff"), release.CodeJSONUTF8},
		{"depth", []byte(strings.Repeat("[", 60000)), release.CodeJSONDepth},
		{"a great number", payload(`"size":4096`, `"size":1e400`), release.CodeJSONNumber},
		{"a member of the payload unknown", payload(`"product":`, `"pa":1,"product":`), release.CodeMemberUnknown},
		{"a name with a segment ..", payload(`"name":"model-`, `"name":"../model-`), release.CodeName},
		{"an http URL", payload(`https://dl.example`, `http://dl.example`), release.CodeURL},
		{"one key twice", twice(), release.CodeSignatureRepeated},
		{"a signature over something else", replace(`"sig":"`, `"sig":"AAAA`)[:len(fresh)], release.CodeJSONSyntax},
		{"too few signatures", signedRelease(nil, "rel1"), register.CodeThresholdMissed},
		{"a signature outside the role", signedRelease(nil, "rel1", "rel2", "ci"), register.CodeSignerOutsideRole},
		{"a key of another role", signedRelease(nil, "ci", "ci2"), register.CodeSignerOutsideRole},
		{"an unknown key", signedRelease(nil, "rel1", "stranger"), register.CodeSignerUnknown},
		{"the same version with other contents", signedRelease(func(r *release.Release) { r.Version = "1" }), register.CodeReleaseTaken},
		{"an image of the same version with other contents", image(func(i *release.Image) { i.Name = model.Name }), register.CodeImageTaken},
		{"a release of an unlogged image", signedRelease(func(r *release.Release) { r.Images = []release.Digest{{1}, osDigest} }), register.CodeImageNotLogged},
		{"a release of a withdrawn image", signedRelease(func(r *release.Release) {
			r.Images = slices.SortedFunc(slices.Values([]release.Digest{osDigest, goneDigest}), release.Digest.Compare)
		}), register.CodeImageWithdrawn},
		{"a withdrawal of nothing", issuer.Withdrawal(release.Digest{1}), register.CodeTargetNotLogged},
		{"an authority its predecessor did not sign", issuer.RotateSigned([]string{"ci", "ci2"}, func(a *release.Authority) {
			a.Roles[0].Keys = a.Roles[1].Keys
		}), register.CodePreviousRootMissed},
		{"issued in the future", image(func(i *release.Image) { i.Issued = now.Add(10 * time.Minute) }), register.CodeIssuedAheadOfClock},
		{"issued a year ago", image(func(i *release.Image) { i.Issued = now.AddDate(-1, 0, 0); i.PublishBy = now.AddDate(-1, 0, 9) }), register.CodeIssuedBehindLogTime},
		{"issued leaping 93 days", image(func(i *release.Image) { i.Issued = now.AddDate(0, 0, 93); i.PublishBy = now.AddDate(0, 0, 100) }), register.CodeIssuedAheadOfLogTime},
		{"notAfter before log time", signedRelease(func(r *release.Release) { r.NotAfter = r.Issued }), register.CodeNotAfterPassed},
		{"publishBy too far", image(func(i *release.Image) { i.PublishBy = now.AddDate(0, 0, 31) }), register.CodePublishByTooFar},
		{"a security version that leaps", image(func(i *release.Image) { i.Name, i.Version, i.SecurityVersion = model.Name, "2", 1002 }), register.CodeSecurityVersionLeaps},
		{"a security version that falls", image(func(i *release.Image) { i.Name, i.Version, i.SecurityVersion = model.Name, "2", 0 }), register.CodeSecurityVersionFalls},
		{"an authority not in force", image(func(i *release.Image) { i.Authority = release.Digest{1} }), register.CodeAuthorityNotInForce},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			receipt, err := f.Submit(t.Context(), test.entry)
			if got := codeOf(t, err); got != test.code {
				t.Errorf("got %s (%v, %+v), want %s", got, err, receipt, test.code)
			}
			if got := uint64(len(f.storage.Entries())); got != size || f.Status().Size != size {
				t.Fatalf("the log has %d entries, want %d", got, size)
			}
		})
	}
	t.Run("anything after the authority that retires the log", func(t *testing.T) {
		f.submit(issuer.Rotate(func(a *release.Authority) { a.Origin = "log.example/next" }))
		_, err := f.Submit(t.Context(), fresh)
		if got := codeOf(t, err); got != register.CodeLogRetired {
			t.Errorf("got %s, want %s", got, register.CodeLogRetired)
		}
		if got := uint64(len(f.storage.Entries())); got != size+1 {
			t.Errorf("the log has %d entries, want %d", got, size+1)
		}
	})
	f.published(size)
}

// L8: a key that the authority in force has removed.
func TestL8RemovedKey(t *testing.T) {
	f := newFixture(t).open()
	rotation := f.issuer.Rotate(func(a *release.Authority) {
		removed := releasetest.KeyFromName("ci").Key().ID()
		a.Roles[1].Keys = slices.DeleteFunc(a.Roles[1].Keys, func(id release.KeyID) bool { return id == removed })
		delete(a.Keys, removed)
	})
	envelope, err := release.ParseEnvelope(rotation)
	if err != nil {
		t.Fatal(err)
	}
	f.submit(rotation)
	image := f.issuer.StateImage()
	image.Authority = envelope.PayloadDigest()
	entry, _ := f.issuer.SignImage(image, "ci")
	_, err = f.Submit(t.Context(), entry)
	if got := codeOf(t, err); got != register.CodeSignerUnknown {
		t.Errorf("got %s, want %s", got, register.CodeSignerUnknown)
	}
	entry, _ = f.issuer.SignImage(image, "ci2")
	f.submit(entry)
}
