package roll_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/roll"
	rollremote "github.com/muster-log/muster/roll/remote"
	"github.com/muster-log/muster/roll/server"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/web/webtest"
)

// run runs the signer until it returns true from done, or fails.
func (b *bench) run(done func() bool) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.signer.Run(ctx); err != nil {
			b.t.Error(err)
		}
	})
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Errorf("it did not come about: %+v\n%s", b.signer.Status(), b.log)
			break
		}
	}
	cancel()
	running.Wait()
}

// door serves the signer, and returns a client of it.
func (b *bench) door() *rollremote.Client {
	b.t.Helper()
	listening := httptest.NewServer(server.New(b.signer, nil))
	b.t.Cleanup(listening.Close)
	client, err := rollremote.New(listening.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	return client
}

// posts answers every submission in the log's place.
func posts(answer func(w http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		answer(w)
		return true
	}
}

// TestWithdrawal: handed in over HTTP, submitted by the signer, and the next roll does
// not list what it withdraws.
func TestWithdrawal(t *testing.T) {
	b := newBench(t)
	client := b.door()
	_, _, approved := b.Recipe()
	entry, _ := b.Sign(b.Withdrawal(approved))
	_, err := client.Hand(t.Context(), entry)
	if status, ok := errors.AsType[*rollremote.StatusError](err); !ok || status.Code != "not-ready" || status.Refused() {
		t.Fatalf("got %v, want not-ready before the log was read", err)
	}
	b.wantRolls(1, approved)
	got, err := client.Hand(t.Context(), entry)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != rollremote.StateWaiting || !got.HandedIn.Equal(b.Now()) || got.Deadline.Sub(got.HandedIn) != 5*time.Minute || got.Target != approved {
		t.Errorf("got %+v", got)
	}
	b.run(func() bool {
		_, newest := b.rolls()
		return newest != nil && len(newest.Live) == 0
	})
	b.step()
	got, err = client.Hand(t.Context(), entry)
	if err != nil || got.State != rollremote.StateLogged || got.Index == nil || got.Target != approved || got.Product != webtest.Product {
		t.Fatalf("handed in again: %+v, %v", got, err)
	}
	if files, err := os.ReadDir(filepath.Join(b.config.Directory, "withdrawals")); err != nil || len(files) != 0 {
		t.Errorf("the spool holds %v, %v", files, err)
	}
	b.wantNoAlarm()
}

// TestHidden: a log that does not take a withdrawal, or takes it and does not show it,
// gets no roll once five minutes have passed, also over a restart; when it is in, rolls
// go on.
func TestHidden(t *testing.T) {
	tests := map[string]func(w http.ResponseWriter){
		"refused": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			w.Write([]byte(`{"code":"threshold-missed"}`))
		},
		"hidden": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			json.NewEncoder(w).Encode(map[string]any{"index": 5, "digest": strings.Repeat("0", 64)})
		},
		"unavailable": func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			_, _, approved := b.Recipe()
			b.wantRolls(1, approved)
			var submitted sync.Once
			tried := make(chan struct{})
			b.set(posts(func(w http.ResponseWriter) {
				answer(w)
				submitted.Do(func() { close(tried) })
			}))
			entry, digest := b.Sign(b.Withdrawal(approved))
			if _, err := b.signer.Hand(b.t.Context(), entry); err != nil {
				t.Fatal(err)
			}
			b.run(func() bool {
				select {
				case <-tried:
					return true
				default:
					return false
				}
			})
			b.wantNoAlarm()
			handed := b.Now()
			b.Advance(5*time.Minute - time.Second)
			b.step()
			b.wantNoAlarm()
			b.Advance(time.Second)
			b.step()
			b.wantAlarm(roll.AlarmWithdrawalOverdue, true)

			// A roll that is due now is not signed: the log cannot take what there is not.
			signed := b.signer.Status().Products[0].Signed.Digest
			b.Advance(2 * time.Hour)
			b.restart()
			b.step()
			b.wantAlarm(roll.AlarmWithdrawalOverdue, true)
			status := b.signer.Status()
			if status.Products[0].Signed.Digest != signed || !status.Products[0].Stopped {
				t.Errorf("a roll was signed that does not cover the withdrawal: %+v", status.Products[0])
			}
			if len(status.Withdrawals) != 1 || !status.Withdrawals[0].HandedIn.Equal(handed) {
				t.Errorf("got %+v, want it handed in at %s", status.Withdrawals, handed)
			}
			b.set(nil)
			b.run(func() bool {
				told, _ := b.signer.Withdrawal(digest)
				return told.State == rollremote.StateLogged
			})
			b.wantRolls(2)
			b.wantNoAlarm()
		})
	}
}

// TestAnotherProductGoesOn: an overdue withdrawal stops the rolls of its product alone.
func TestAnotherProductGoesOn(t *testing.T) {
	b := newBench(t, func(c *roll.Config) { c.Products = append(c.Products, "acme/other") })
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.set(posts(func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }))
	entry, _ := b.Sign(b.Withdrawal(approved))
	if _, err := b.signer.Hand(b.t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	b.Advance(6 * time.Minute)
	b.step()
	status := b.signer.Status()
	if !status.Products[0].Stopped || status.Products[1].Stopped || status.Ready {
		t.Errorf("got %+v", status)
	}
}

// TestClockBack: a clock that is set back gains nobody time.
func TestClockBack(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	entry, _ := b.Sign(b.Withdrawal(approved))
	if _, err := b.signer.Hand(b.t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	b.Advance(-2 * time.Minute)
	b.step()
	b.wantAlarm(roll.AlarmWithdrawalOverdue, true)
}

// TestRotatedMeanwhile: a withdrawal that the log took not in time, and the authority
// then changed, must be signed again; the new one ends the old one.
func TestRotatedMeanwhile(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	entry, digest := b.Sign(b.Withdrawal(approved))
	if _, err := b.signer.Hand(b.t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	b.Rotate()
	b.step()
	b.wantAlarm(roll.AlarmWithdrawalRefused, false)
	b.Advance(5 * time.Minute)
	b.step()
	b.wantAlarm(roll.AlarmWithdrawalRefused, true)
	if told, _ := b.signer.Withdrawal(digest); told.State != rollremote.StateRefused || told.Code != register.CodeAuthorityNotInForce {
		t.Errorf("got %+v", told)
	}
	again := b.Withdrawal(approved)
	again.Authority = b.InForce
	entry, digest = b.Sign(again)
	if _, err := b.signer.Hand(b.t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	b.run(func() bool {
		told, _ := b.signer.Withdrawal(digest)
		return told.State == rollremote.StateLogged && len(b.signer.Status().Withdrawals) == 0
	})
	b.step()
	b.step()
	b.wantNoAlarm()
	if _, newest := b.rolls(); len(newest.Live) != 0 {
		t.Errorf("the roll lists %v", newest.Live)
	}
}

// TestDrop: an operator gives a withdrawal up, with the signer stopped.
func TestDrop(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	entry, digest := b.Sign(b.Withdrawal(approved))
	if _, err := b.signer.Hand(b.t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	if err := roll.Drop(b.config.Directory, digest); err == nil {
		t.Fatal("dropped under a running signer")
	}
	b.signer.Close()
	if err := roll.Drop(b.config.Directory, release.Digest{1}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := roll.Drop(b.config.Directory, digest); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.step()
	if _, ok := b.signer.Withdrawal(digest); ok {
		t.Error("it waits still")
	}
}

// TestFork: a log that signs two histories ends the signer for good, with evidence.
func TestFork(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.step()
	b.showsFork()
	failure := misbehaved(t, b.signer.Step(t.Context()))
	data, err := os.ReadFile(failure.Path)
	if err != nil {
		t.Fatal(err)
	}
	evidence, err := fork.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := evidence.Verify(b.Policy.LogKeys(webtest.Origin)...); err != nil || evidence.Kind != fork.SameSize {
		t.Errorf("evidence of %s: %v", evidence.Kind, err)
	}
	b.set(nil)
	b.signer.Close()
	_, err = roll.Open(b.config)
	if again := misbehaved(t, err); again.Path != failure.Path {
		t.Errorf("got %s, want %s", again.Path, failure.Path)
	}
}

// TestVoid: a log that let in what breaks its rules raises an alarm; rolls go on.
func TestVoid(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.wantNoAlarm()
	void := newVoid(t)
	void.step()
	void.wantAlarm(roll.AlarmVoid, false)
	if !void.signer.Status().Ready {
		t.Errorf("%+v", void.signer.Status().Alarms)
	}
}

// TestHandedInAtOnce: a withdrawal of what was logged a moment ago, under an authority
// that was logged a moment ago, is taken.
func TestHandedInAtOnce(t *testing.T) {
	b := newBench(t, func(c *roll.Config) { c.Poll = time.Hour })
	client := b.door()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.signer.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()
	for end := time.Now().Add(20 * time.Second); !b.signer.Status().Ready; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not follow the log: %+v\n%s", b.signer.Status(), b.log)
		}
	}
	_, _, approved := b.Recipe()
	b.Rotate()
	stated := b.Withdrawal(approved)
	stated.Authority = b.InForce
	entry, _ := b.Sign(stated)
	got, err := client.Hand(t.Context(), entry)
	if err != nil || got.State != rollremote.StateWaiting {
		t.Errorf("got %+v, %v", got, err)
	}
	entry, _ = b.Sign(&release.Withdrawal{Issued: b.Now(), Authority: b.InForce, Product: webtest.Product, Target: release.Digest{1}, Reason: release.ReasonDefect})
	_, err = client.Hand(t.Context(), entry)
	if status, ok := errors.AsType[*rollremote.StatusError](err); !ok || status.Code != string(register.CodeTargetNotLogged) {
		t.Errorf("got %v", err)
	}
}

// TestWaitingIsSaidOnce: a withdrawal that the log does not take is tried again and
// again, and that is said again only after ten minutes.
func TestWaitingIsSaidOnce(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	var tried atomic.Int32
	b.set(posts(func(w http.ResponseWriter) {
		tried.Add(1)
		w.WriteHeader(http.StatusBadRequest)
	}))
	entry, _ := b.Sign(b.Withdrawal(approved))
	if _, err := b.signer.Hand(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	b.run(func() bool { return tried.Load() >= 3 })
	const said = "a withdrawal could not be submitted"
	if got := strings.Count(b.log.String(), said); got != 1 {
		t.Errorf("said %d times in %d attempts:\n%s", got, tried.Load(), b.log)
	}
	b.Advance(10 * time.Minute)
	tried.Store(0)
	b.run(func() bool { return tried.Load() >= 3 })
	if got := strings.Count(b.log.String(), said); got != 2 {
		t.Errorf("said %d times after ten minutes:\n%s", got, b.log)
	}
}
