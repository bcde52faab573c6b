package roll_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/roll"
	"github.com/muster-log/muster/web/webtest"
)

// shut fails the test where anything is submitted; turn, which may be nil, answers the
// rest.
func (b *bench) shut(turn func(w http.ResponseWriter, r *http.Request) bool) {
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			b.t.Error("something was submitted")
			w.WriteHeader(http.StatusBadRequest) // for good, so that it is not tried again
			return true
		}
		return turn != nil && turn(w, r)
	})
}

// wantAlarmNot wants that an alarm is not raised.
func (b *bench) wantAlarmNot(code release.Code) {
	b.t.Helper()
	if alarms := b.signer.Status().Alarms; slices.ContainsFunc(alarms, func(a roll.Alarm) bool { return a.Code == code }) {
		b.t.Errorf("alarm %s: %+v", code, alarms)
	}
}

// TestSignedOtherwise: where another list was signed for the size that the log has, none
// is signed or sent, neither that one nor the one that is true.
func TestSignedOtherwise(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	other := b.Roll()
	if !slices.Equal(other.Live, []release.Digest{approved}) {
		t.Fatalf("%+v lists another release than %s", other, approved)
	}
	other.Live = nil
	entry, digest := b.Sign(other)
	ledger, err := json.Marshal(map[string]any{webtest.Product: map[string]any{"envelope": entry, "at": b.Now()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.config.Directory, "signed.json"), ledger, 0o600); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.shut(nil)
	b.step()
	b.wantAlarm(roll.AlarmSignedOtherwise, true)
	status := b.signer.Status()
	if status.Size != other.Size || !status.Products[0].Stopped || status.Products[0].Signed.Digest != digest {
		t.Errorf("got %+v, want stopped at size %d with %s", status, other.Size, digest)
	}
	// Of a larger size there is no other list: what is true is signed.
	b.set(nil)
	b.Submit(second(b.Sign(b.Model("another", "1"))))
	b.wantRolls(1, approved)
	b.wantNoAlarm()
}

// TestOlderThanSigned: where the log shows less than what was signed, and the checkpoint
// that was kept is lost, the ledger still keeps a smaller size from being signed.
func TestOlderThanSigned(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.Advance(time.Hour)
	b.wantRolls(2, approved)
	signed := b.signer.Status().Products[0].Signed
	old, err := b.client.CheckpointAt(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	b.signer.Close()
	if err := os.Remove(filepath.Join(b.config.Directory, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.shut(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/checkpoint" {
			return false
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Write(old)
		return true
	})
	b.step()
	b.wantAlarm(roll.AlarmOlderThanSigned, true)
	status := b.signer.Status()
	if status.Size != 4 || status.Products[0].Live != 1 || status.Products[0].Newest != nil || !status.Products[0].Stopped || status.Products[0].Signed.Digest != signed.Digest {
		t.Errorf("got %+v at size 4, where a roll is due; want it stopped with %+v", status.Products[0], signed)
	}
	b.set(nil)
	b.wantRolls(2, approved)
	b.wantNoAlarm()
}

// TestCheckpointNotKept: of a checkpoint that could not be written nothing is signed, or
// a restart would not hold the log to it.
func TestCheckpointNotKept(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	// A directory in the file's place cannot be replaced by a file. The rest of the
	// state directory can be written.
	path := filepath.Join(b.config.Directory, "checkpoint")
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.shut(nil)
	b.step()
	b.wantAlarm(roll.AlarmState, true)
	if status := b.signer.Status().Products[0]; status.Signed != nil || !status.Stopped {
		t.Errorf("got %+v, want nothing signed", status)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	b.set(nil)
	b.wantRolls(1, approved)
	b.wantNoAlarm()
}

// TestRollWaiting: a roll that the log says it took and does not show is an alarm after five
// minutes, until it is in the log.
func TestRollWaiting(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.set(posts(func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		w.Write([]byte(`{"index":4,"digest":"` + release.Digest{1}.String() + `"}`))
	}))
	b.step()
	signed := b.signer.Status().Products[0].Signed
	if signed == nil {
		t.Fatalf("no roll was signed: %+v", b.signer.Status())
	}
	b.Advance(5 * time.Minute)
	b.step()
	b.wantNoAlarm()
	b.Advance(time.Second)
	b.step()
	b.wantAlarm(roll.AlarmRollWaiting, false)
	if status := b.signer.Status(); !status.Ready || status.Products[0].Signed.Digest != signed.Digest {
		t.Errorf("got %+v, want it ready with the roll %s", status, signed.Digest)
	}
	b.set(nil)
	b.Advance(time.Minute)
	b.wantRolls(1, approved)
	b.wantNoAlarm()
}

// TestClockBehind: a clock that lies behind log time is an alarm by itself.
func TestClockBehind(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.Advance(-5 * time.Minute)
	b.step()
	b.wantAlarmNot(roll.AlarmClock)
	b.Advance(-time.Second)
	b.step()
	b.wantAlarm(roll.AlarmClock, false)
	b.Advance(time.Second)
	b.step()
	b.wantAlarmNot(roll.AlarmClock)
}
