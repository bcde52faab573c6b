package roll_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/roll"
	rollremote "github.com/muster-log/muster/roll/remote"
	"github.com/muster-log/muster/web/webtest"
)

// checkpointFails makes the checkpoint's file one that cannot be written, until the
// returned function puts back what was there.
func (b *bench) checkpointFails() func() {
	b.t.Helper()
	path := filepath.Join(b.config.Directory, "checkpoint")
	kept, err := os.ReadFile(path)
	if err == nil {
		err = os.Remove(path)
	}
	// A directory in the file's place cannot be replaced by a file.
	if err == nil {
		err = os.MkdirAll(filepath.Join(path, "x"), 0o700)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return func() {
		b.t.Helper()
		if err := os.RemoveAll(path); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(path, kept, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// spooled wants so many files in the spool.
func (b *bench) spooled(want int) {
	b.t.Helper()
	if files, err := os.ReadDir(filepath.Join(b.config.Directory, "withdrawals")); err != nil || len(files) != want {
		b.t.Errorf("the spool holds %v, %v; want %d files", files, err, want)
	}
}

// TestForgottenOnceDurable: a withdrawal that is in the log is forgotten only once the
// checkpoint that covers it is on disk: a log that shows less after a crash gets no roll
// without it.
func TestForgottenOnceDurable(t *testing.T) {
	tests := map[string]func(b *bench, entry []byte){
		"handed in before it was logged": func(b *bench, entry []byte) {
			b.hand(entry, rollremote.StateWaiting)
			b.Submit(entry)
			b.step()
		},
		// It is acknowledged, so it must be on disk: that the log holds it, no
		// checkpoint on disk says.
		"handed in after it was logged": func(b *bench, entry []byte) {
			b.Submit(entry)
			b.step()
			b.hand(entry, rollremote.StateWaiting)
			b.step()
		},
	}
	for name, hand := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			_, _, approved := b.Recipe()
			b.wantRolls(1, approved)
			b.step()
			old, err := b.client.Checkpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			entry, digest := b.Sign(b.Withdrawal(approved))
			restore := b.checkpointFails()
			hand(b, entry)
			b.wantAlarm(roll.AlarmState, true)
			b.wantAlarmNot(roll.AlarmWithdrawalRefused)
			b.spooled(1)

			// The machine falls over; the log shows what it showed before.
			restore()
			b.shut(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/checkpoint" {
					return false
				}
				w.Header().Set("Content-Type", "text/plain")
				_, err := w.Write(old)
				return err == nil
			})
			b.Advance(2 * time.Hour)
			signed := b.signer.Status().Products[0].Signed.Digest
			b.restart()
			b.step()
			b.wantAlarm(roll.AlarmWithdrawalOverdue, true)
			if got := b.signer.Status().Products[0].Signed.Digest; got != signed {
				t.Errorf("signed the roll %s, which lists what was withdrawn", got)
			}
			b.set(nil)
			b.wantRolls(2)
			b.spooled(0)
			b.hand(entry, rollremote.StateLogged)
			if told, _ := b.signer.Withdrawal(digest); told.Index == nil {
				t.Errorf("got %+v", told)
			}
			b.wantNoAlarm()
		})
	}
}

// hand hands a withdrawal in, and wants it in that state.
func (b *bench) hand(entry []byte, want rollremote.State) {
	b.t.Helper()
	got, err := b.signer.Hand(b.t.Context(), entry)
	if err != nil {
		b.t.Fatal(err)
	}
	if got.State != want {
		b.t.Fatalf("got %+v, want it %s", got, want)
	}
}

// another withdraws once more, under the authority in force.
func (b *bench) another(target release.Digest) *release.Withdrawal {
	stated := b.Withdrawal(target)
	stated.Note, stated.Authority = "never again", b.InForce
	return stated
}

// TestNotGivenUpForAnother: a withdrawal that is not admitted any more is not given up
// because its target is withdrawn, by one that was not signed in its place: what lifts
// that one would be live, with this one forgotten.
func TestNotGivenUpForAnother(t *testing.T) {
	tests := map[string]func(b *bench, submit, hand func()){
		"logged before": func(b *bench, submit, hand func()) { submit(); b.step(); hand() },
		"logged before, under an earlier authority": func(b *bench, submit, hand func()) { submit(); b.Rotate(); b.step(); hand() },
		"logged after, under the same authority":    func(b *bench, submit, hand func()) { hand(); submit(); b.step() },
	}
	for name, order := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			os, model, approved := b.Recipe()
			b.wantRolls(1, approved)
			var lifted, digest release.Digest
			order(b, func() {
				var entry []byte
				entry, lifted = b.Sign(b.Withdrawal(approved))
				b.Submit(entry)
			}, func() {
				var entry []byte
				entry, digest = b.Sign(b.another(approved))
				b.hand(entry, rollremote.StateWaiting)
			})
			b.Rotate()
			b.step()
			b.restart()
			b.step()
			b.wantAlarm(roll.AlarmWithdrawalRefused, false)
			rolls, _ := b.rolls()

			again := b.Release("2026.11", os, model)
			again.Reinstates, again.NotAfter, again.Authority = []release.Digest{lifted}, again.NotAfter.Add(24*time.Hour), b.InForce
			renewal, renewed := b.Sign(again)
			b.Submit(renewal)
			b.Advance(10 * time.Minute)
			b.step()
			b.step()
			b.wantAlarm(roll.AlarmWithdrawalRefused, true)
			if _, newest := b.rolls(); len(newest.Live) != 0 {
				t.Errorf("a roll lists %v, reinstated is %s", newest.Live, renewed)
			}
			if told, _ := b.signer.Withdrawal(digest); told.State != rollremote.StateRefused || told.Code != register.CodeAuthorityNotInForce {
				t.Errorf("got %+v", told)
			}

			// Signed again under the new authority, it ends what waits.
			inPlace, _ := b.Sign(b.another(approved))
			b.Submit(inPlace)
			b.wantRolls(len(rolls)) // which list nothing already
			b.spooled(0)
			b.wantNoAlarm()
		})
	}
}

// TestGivenUpOnceDurable: a withdrawal that another one took the place of is forgotten
// only once the checkpoint that covers that one is on disk.
func TestGivenUpOnceDurable(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	entry, _ := b.Sign(b.Withdrawal(approved))
	b.hand(entry, rollremote.StateWaiting)
	b.Rotate()
	b.step()
	b.wantAlarm(roll.AlarmWithdrawalRefused, false)
	restore := b.checkpointFails()
	again, _ := b.Sign(b.another(approved))
	b.Submit(again)
	b.step()
	b.wantAlarm(roll.AlarmState, true)
	b.spooled(1)
	restore()
	b.step()
	b.spooled(0)
	b.wantNoAlarm()
}

// TestGivenUpOfAnImage: a withdrawal of an image is not covered by one of the release
// that names it, though nothing is live since, but by one of the image.
func TestGivenUpOfAnImage(t *testing.T) {
	b := newBench(t)
	os, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	entry, _ := b.Sign(b.Withdrawal(os))
	b.hand(entry, rollremote.StateWaiting)
	b.Rotate()
	ofRelease, _ := b.Sign(b.another(approved))
	b.Submit(ofRelease)
	b.step()
	b.wantAlarm(roll.AlarmWithdrawalRefused, false)
	b.spooled(1)
	ofImage, _ := b.Sign(b.another(os))
	b.Submit(ofImage)
	b.step()
	b.spooled(0)
	b.wantNoAlarm()
}

// TestNotGivenUpWhileLive: what is live since the entry that ended it is struck is not
// covered, though a newer withdrawal covers that entry.
func TestNotGivenUpWhileLive(t *testing.T) {
	b := newBench(t)
	os, model, approved := b.Recipe()
	b.wantRolls(1, approved)
	entry, _ := b.Sign(b.Withdrawal(approved))
	b.hand(entry, rollremote.StateWaiting)
	b.Rotate()
	inPlace, lifted := b.Sign(b.another(approved))
	b.Submit(inPlace)
	renew := func(days int, signers []string, reinstates ...release.Digest) (uint64, release.Digest) {
		stated := b.Release("2026.11", os, model)
		stated.Reinstates, stated.NotAfter, stated.Authority = reinstates, stated.NotAfter.Add(time.Duration(days)*24*time.Hour), b.InForce
		renewal, digest := b.Sign(stated, signers...)
		return b.Submit(renewal), digest
	}
	_, live := renew(1, []string{"rel2", "rel3"}, lifted)
	from, _ := renew(2, []string{"rel1", "rel2"}) // ends it, and is struck
	b.Rotate(func(a *release.Authority) {
		stolen := releasetest.KeyFromName("rel1").Key().ID()
		delete(a.Keys, stolen)
		for i, role := range a.Roles {
			a.Roles[i].Keys = slices.DeleteFunc(role.Keys, func(id release.KeyID) bool { return id == stolen })
		}
		a.Compromised = []release.Compromised{{KeyID: stolen, Origin: webtest.Origin, From: from}}
	})
	b.wantRolls(2, live)
	b.wantAlarm(roll.AlarmWithdrawalRefused, false)
	b.spooled(1)
}
