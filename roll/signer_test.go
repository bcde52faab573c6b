package roll_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/roll"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/web/webtest"
)

// bench is a log behind a proxy that a test can turn, and a roll signer of it.
type bench struct {
	*webtest.Site
	t      *testing.T
	client *remote.Client
	config roll.Config
	log    *bytes.Buffer
	signer *roll.Signer

	mu sync.Mutex
	// turn answers a request instead of the log, and says whether it did.
	turn func(w http.ResponseWriter, r *http.Request) bool
}

func newBench(t *testing.T, changes ...func(*roll.Config)) *bench {
	t.Helper()
	return newBenchOf(t, webtest.New(t, webtest.Options{}), changes...)
}

// newVoid is a bench whose log holds an entry that breaks its rules.
func newVoid(t *testing.T) *bench {
	t.Helper()
	return newBenchOf(t, webtest.New(t, webtest.Options{Entries: [][]byte{[]byte("no envelope")}}))
}

func newBenchOf(t *testing.T, site *webtest.Site, changes ...func(*roll.Config)) *bench {
	t.Helper()
	b := &bench{Site: site, t: t, log: new(bytes.Buffer)}
	target, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		turn := b.turn
		b.mu.Unlock()
		if turn == nil || !turn(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	b.client, err = remote.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.client.Close)
	b.config = roll.Config{Log: b.client, Policy: b.Policy, Authority: b.Authority, Products: []string{webtest.Product},
		Keys: []*release.PrivateKey{releasetest.KeyFromName("roll")}, Every: time.Hour, MaxCheckpointAge: 1000 * time.Hour,
		Directory: t.TempDir(), Poll: 10 * time.Millisecond, Now: b.Now, Logger: slog.New(slog.NewTextHandler(&synced{w: b.log}, nil))}
	for _, change := range changes {
		change(&b.config)
	}
	b.open()
	return b
}

// synced lets several goroutines write.
type synced struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *synced) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(data)
}

func (b *bench) open() {
	b.t.Helper()
	signer, err := roll.Open(b.config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.signer = signer
	b.t.Cleanup(func() { signer.Close() })
}

// restart closes the signer and opens it again in the same directory.
func (b *bench) restart() {
	b.t.Helper()
	if err := b.signer.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

func (b *bench) set(turn func(w http.ResponseWriter, r *http.Request) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn = turn
}

// step steps, and waits until the log has published what was submitted.
func (b *bench) step() {
	b.t.Helper()
	if err := b.signer.Step(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.signer.WaitSubmitted()
}

// rolls returns the indices of the rolls that the log admitted, and the newest one.
func (b *bench) rolls() (indices []uint64, newest *release.Roll) {
	b.t.Helper()
	var entries []register.Record
	b.Log.View(func(state *register.State) {
		for index := range state.Size() {
			record, _ := state.Entry(index)
			entries = append(entries, record)
		}
	})
	for _, record := range entries {
		if record.Type != release.TypeRoll {
			continue
		}
		if record.Status != register.StatusAdmitted {
			b.t.Errorf("the roll at %d is %s", record.Index, record.Status)
		}
		indices = append(indices, record.Index)
		b.WaitPublished(record.Index + 1)
		entry, err := b.client.Entry(b.t.Context(), record.Digest.String())
		if err != nil {
			b.t.Fatal(err)
		}
		envelope, err := release.ParseEnvelope(entry)
		if err != nil {
			b.t.Fatal(err)
		}
		statement, err := release.ParseStatement(envelope.Payload)
		if err != nil {
			b.t.Fatal(err)
		}
		newest = statement.Predicate.(*release.Roll)
	}
	return indices, newest
}

// wantRolls steps twice and wants so many rolls, the newest with this list.
func (b *bench) wantRolls(count int, live ...release.Digest) {
	b.t.Helper()
	b.step()
	b.step()
	indices, newest := b.rolls()
	if len(indices) != count {
		b.t.Fatalf("got %d rolls, want %d\n%+v\n%s", len(indices), count, b.signer.Status(), b.log)
	}
	if count > 0 && !slices.Equal(newest.Live, live) {
		b.t.Errorf("the roll lists %v, want %v", newest.Live, live)
	}
}

// wantAlarm wants an alarm at the last step, and that it stops rolls or not.
func (b *bench) wantAlarm(code release.Code, stops bool) {
	b.t.Helper()
	status := b.signer.Status()
	for _, alarm := range status.Alarms {
		if alarm.Code == code {
			if alarm.Stops != stops {
				b.t.Errorf("alarm %s: stops is %v, want %v: %s", code, alarm.Stops, stops, alarm.Detail)
			}
			if stops && status.Ready {
				b.t.Errorf("ready with alarm %s", code)
			}
			if !strings.Contains(b.log.String(), "code="+string(code)) {
				b.t.Errorf("alarm %s was not logged:\n%s", code, b.log)
			}
			return
		}
	}
	b.t.Fatalf("no alarm %s: %+v", code, status.Alarms)
}

func (b *bench) wantNoAlarm() {
	b.t.Helper()
	if status := b.signer.Status(); len(status.Alarms) > 0 || !status.Ready {
		b.t.Errorf("ready %v, alarms %+v", status.Ready, status.Alarms)
	}
}

// TestRolls: a roll at every change of what is live, at every new authority, on
// schedule, and at no other time.
func TestRolls(t *testing.T) {
	b := newBench(t)
	b.wantRolls(0)
	b.wantNoAlarm()
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.wantRolls(1, approved) // its own entry is no change
	b.Advance(59 * time.Minute)
	b.wantRolls(1, approved)
	b.Advance(time.Minute)
	b.wantRolls(2, approved)
	withdrawal, _ := b.Sign(b.Withdrawal(approved))
	b.Submit(withdrawal)
	b.wantRolls(3) // of nothing
	b.Rotate()
	b.wantRolls(4)
	_, newest := b.rolls()
	if newest.Authority != b.InForce || newest.Issued != b.Now() || newest.Rules != release.RollRules || newest.Origin != webtest.Origin {
		t.Errorf("got %+v", newest)
	}
	b.wantNoAlarm()
	if status := b.signer.Status(); status.Products[0].Newest.Size != newest.Size || status.Products[0].Signed.Size != newest.Size {
		t.Errorf("got %+v", status.Products[0])
	}
}

// TestRotationTakesTheKey: under an authority in which the signer's key has no roll
// role nothing is signed, loudly.
func TestRotationTakesTheKey(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.Rotate(func(a *release.Authority) {
		a.Roles = slices.DeleteFunc(a.Roles, func(r release.Role) bool { return r.Name == release.RoleRoll })
	})
	b.wantRolls(1, approved)
	b.wantAlarm(register.CodeRoleDoesNotCover, true)
}

// TestAuthorityExpires: alarm a month ahead, and no roll afterwards.
func TestAuthorityExpires(t *testing.T) {
	b := newBench(t)
	b.Rotate(func(a *release.Authority) { a.Expires = b.Now().Add(20 * 24 * time.Hour) })
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.wantAlarm(roll.AlarmAuthorityExpires, false)
	b.Advance(20 * 24 * time.Hour)
	b.wantRolls(1, approved)
	b.wantAlarm(register.CodeAuthorityExpired, true)
}

// TestFrozen: of a checkpoint that no witness saw for long nothing is signed.
func TestFrozen(t *testing.T) {
	b := newBench(t, func(c *roll.Config) { c.MaxCheckpointAge = 0 })
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.Advance(61 * time.Minute)
	b.wantRolls(1, approved)
	b.wantAlarm(roll.AlarmCheckpointOld, true)
	b.Submit(second(b.Sign(b.Model("another", "1"))))
	b.wantRolls(2, approved)
	b.wantNoAlarm()
}

func second(entry []byte, _ release.Digest) []byte { return entry }

// TestRestart: the state directory keeps a second process out, and what the log showed
// before a restart it must show after it.
func TestRestart(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	if _, err := roll.Open(b.config); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("a second signer took the directory: %v", err)
	}
	b.restart()
	b.wantRolls(1, approved)
	b.wantNoAlarm()

	old, err := b.client.CheckpointAt(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/checkpoint" {
			w.Header().Set("Content-Type", "text/plain")
			w.Write(old)
			return true
		}
		return false
	})
	b.restart()
	b.step()
	b.wantAlarm("older-checkpoint", true)
}

// TestRace: two signers of one product may both be right; neither gets stuck.
func TestRace(t *testing.T) {
	b := newBench(t)
	other := b.config
	other.Directory = t.TempDir()
	rival, err := roll.Open(other)
	if err != nil {
		t.Fatal(err)
	}
	defer rival.Close()
	_, _, approved := b.Recipe()
	var both sync.WaitGroup
	for _, signer := range []*roll.Signer{b.signer, rival} {
		both.Go(func() {
			for range 5 {
				if err := signer.Step(t.Context()); err != nil {
					t.Error(err)
				}
				signer.WaitSubmitted()
			}
		})
	}
	both.Wait()
	indices, newest := b.rolls()
	if len(indices) == 0 || len(indices) > 2 || !slices.Equal(newest.Live, []release.Digest{approved}) {
		t.Fatalf("got rolls at %v, the newest of %v", indices, newest)
	}
	if b.step(); !b.signer.Status().Ready {
		t.Errorf("%+v", b.signer.Status().Alarms)
	}
}

// TestRollSizeBack: a slower signer's roll is refused, and that is no alarm.
func TestRollSizeBack(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		b.set(nil) // the first roll arrives late: another one is there already
		b.Submit(second(b.Sign(b.Model("another", "1"))))
		b.Submit(second(b.Sign(b.Roll())))
		return false
	})
	b.step()
	b.wantRolls(1, approved)
	b.wantNoAlarm()
	if !strings.Contains(b.log.String(), "roll-size-back") {
		t.Errorf("the race did not happen:\n%s", b.log)
	}
}

// TestRefusedForItsDate: a roll that waited too long is signed again, with the same
// list of the same size.
func TestRefusedForItsDate(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusBadRequest)
			return true
		}
		return false
	})
	b.wantRolls(0)
	b.wantAlarm(roll.AlarmRollRefused, false)
	b.Advance(8 * 24 * time.Hour)
	b.set(nil)
	b.step() // refused for its date
	b.Advance(time.Minute)
	b.wantRolls(1, approved)
	b.wantNoAlarm()
}

// TestMisconfigured: what a signer does not start with.
func TestMisconfigured(t *testing.T) {
	b := newBench(t)
	for name, change := range map[string]func(*roll.Config){
		"no log": func(c *roll.Config) { c.Log = nil }, "no pin": func(c *roll.Config) { c.Authority = release.Digest{} },
		"no witnesses": func(c *roll.Config) {
			none := *c.Policy
			none.Quorum = policy.None
			c.Policy = &none
		},
		"no product": func(c *roll.Config) { c.Products = nil }, "no key": func(c *roll.Config) { c.Keys = nil },
		"no schedule": func(c *roll.Config) { c.Every = 0 }, "no directory": func(c *roll.Config) { c.Directory = "" },
	} {
		config := b.config
		config.Directory = t.TempDir()
		change(&config)
		if _, err := roll.Open(config); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// TestOtherAuthority: a log that begins with another authority gets no roll.
func TestOtherAuthority(t *testing.T) {
	b := newBench(t, func(c *roll.Config) { c.Authority = release.Digest{1} })
	b.Recipe()
	b.wantRolls(0)
	b.wantAlarm("other-authority", true)
}

func misbehaved(t *testing.T, err error) *roll.MisbehavedError {
	t.Helper()
	found, ok := errors.AsType[*roll.MisbehavedError](err)
	if !ok {
		t.Fatalf("got %v, want a *roll.MisbehavedError", err)
	}
	return found
}

// TestAway: a log that does not answer is an alarm, which ends when it answers.
func TestAway(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	b.step()
	b.wantAlarm(roll.AlarmLogAway, true)
	b.set(nil)
	b.step()
	b.wantNoAlarm()
}

// TestUndecided: while an entry cannot be judged, nobody knows what is live.
func TestUndecided(t *testing.T) {
	scratch := webtest.New(t, webtest.Options{})
	entry, _ := scratch.Sign(scratch.OS("node-os", "9"))
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		t.Fatal(err)
	}
	payload := bytes.Replace(envelope.Payload, []byte(`"measurements":{`), []byte(`"measurements":{"tdx-uki/v1":{},`), 1)
	signature, err := releasetest.KeyFromName("ci").Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	changed := release.Envelope{Payload: payload, Signatures: []release.Signature{signature}}
	if entry, err = changed.Marshal(); err != nil {
		t.Fatal(err)
	}
	b := newBenchOf(t, webtest.New(t, webtest.Options{Entries: [][]byte{entry}}))
	os := second(b.Sign(b.OS("node-os", "1")))
	b.Submit(os)
	b.wantRolls(0)
	b.wantAlarm(roll.CodeUndecided, true)
}

// TestRetired: of a log that its authority left nothing is signed any more.
func TestRetired(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.Rotate(func(a *release.Authority) { a.Origin = "log.example/successor" })
	b.wantRolls(1, approved)
	b.wantAlarm(register.CodeLogRetired, true)
	if detail := b.signer.Status().Alarms[0].Detail; !strings.Contains(detail, "its successor log.example/successor") {
		t.Errorf("got %q, want the successor's name", detail)
	}
}

// TestStolenRollKey: once an authority strikes what a stolen key signed, the signer with
// the new key signs at once.
func TestStolenRollKey(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	stolen := releasetest.KeyFromName("roll").Key().ID()
	b.Rotate(func(a *release.Authority) {
		key := releasetest.KeyFromName("another roll").Key()
		delete(a.Keys, stolen)
		a.Keys[key.ID()] = key
		for i, role := range a.Roles {
			if role.Name == release.RoleRoll {
				a.Roles[i].Keys = []release.KeyID{key.ID()}
			}
		}
		a.Compromised = []release.Compromised{{KeyID: stolen, Origin: webtest.Origin, From: 1}}
	})
	b.wantRolls(1, approved)
	b.wantAlarm(register.CodeSignerUnknown, true)
	b.config.Keys = []*release.PrivateKey{releasetest.KeyFromName("another roll")}
	b.restart()
	b.wantRolls(2, approved)
	b.wantNoAlarm()
}
