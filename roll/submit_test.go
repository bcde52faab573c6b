package roll_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/roll"
	"github.com/muster-log/muster/web/webtest"
)

// grows has the log grow by what makes no roll due.
func (b *bench) grows(name string) {
	b.t.Helper()
	entry, _ := b.Sign(b.Model(name, "1"))
	b.Submit(entry)
}

// TestKeptOut: a log that grows and keeps every roll out is noticed, whatever it answers,
// though a new roll is signed at every size; and rolls go on meanwhile.
func TestKeptOut(t *testing.T) {
	tests := map[string]struct {
		answer  func(w http.ResponseWriter)
		refused bool
	}{
		"says that it took it": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"index":4,"digest":"`+release.Digest{1}.String()+`"}`)
		}, false},
		"says that another one was faster": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"code":"roll-size-back"}`)
		}, true},
		"refuses it": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) }, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(c *roll.Config) { c.Every = 15 * time.Minute })
			_, _, approved := b.Recipe()
			b.wantRolls(1, approved)
			b.set(posts(test.answer))
			b.Advance(15 * time.Minute)
			var signed []release.Digest
			for minutes := 0; minutes <= 16; minutes += 2 {
				b.grows(fmt.Sprint("m", minutes))
				b.step()
				signed = append(signed, b.signer.Status().Products[0].Signed.Digest)
				switch {
				case minutes < 2:
					b.wantNoAlarm() // another signer's roll may be on its way
				case minutes < 6:
					b.wantAlarmNot(roll.AlarmRollWaiting)
				default:
					b.wantAlarm(roll.AlarmRollWaiting, false)
				}
				if minutes >= 2 && test.refused {
					b.wantAlarm(roll.AlarmRollRefused, false)
				} else {
					b.wantAlarmNot(roll.AlarmRollRefused)
				}
				// Twice 15 minutes after the newest in the log.
				if minutes <= 14 {
					b.wantAlarmNot(roll.AlarmRollOld)
				} else {
					b.wantAlarm(roll.AlarmRollOld, false)
				}
				if status := b.signer.Status(); status.Ready != (minutes <= 14) || status.Products[0].Stopped {
					t.Errorf("after %d minutes: got ready %v, %+v", minutes, status.Ready, status.Products[0])
				}
				b.Advance(2 * time.Minute)
			}
			if got := len(slices.Compact(signed)); got != len(signed) {
				t.Errorf("%d rolls were signed, want one at each of %d sizes", got, len(signed))
			}
			b.set(nil)
			b.wantRolls(2, approved)
			b.wantNoAlarm()
		})
	}
}

// TestFirstKeptOut: a log that never showed a roll is held to the same.
func TestFirstKeptOut(t *testing.T) {
	b := newBench(t)
	b.Recipe()
	b.set(posts(func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }))
	if err := b.signer.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Advance(2 * time.Hour)
	if err := b.signer.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantAlarmNot(roll.AlarmRollOld)
	b.Advance(time.Second)
	if err := b.signer.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantAlarm(roll.AlarmRollOld, false)
	b.wantAlarm(roll.AlarmRollWaiting, false)
	if b.signer.Status().Ready {
		t.Error("ready, and there is no roll")
	}
}

// held is a log that holds submissions.
type held struct {
	arrived, gone chan string // products of the rolls
}

// hold has the log hold every submission until its sender ends it.
func (b *bench) hold() *held {
	h := &held{arrived: make(chan string, 16), gone: make(chan string, 16)}
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		entry, err := io.ReadAll(r.Body)
		if err != nil {
			b.t.Error(err)
			return true
		}
		decoded, err := register.Decode(entry)
		if err != nil {
			b.t.Error(err)
			return true
		}
		product := "a withdrawal"
		if stated, ok := decoded.Statement.Predicate.(*release.Roll); ok {
			product = fmt.Sprint(stated.Product, " ", len(stated.Live))
		}
		h.arrived <- product
		<-r.Context().Done()
		h.gone <- product
		return true
	})
	return h
}

// take waits for so many, and returns them in order.
func take(t *testing.T, from chan string, count int) []string {
	t.Helper()
	var list []string
	for range count {
		select {
		case one := <-from:
			list = append(list, one)
		case <-time.After(20 * time.Second):
			t.Fatalf("got %v, want %d", list, count)
		}
	}
	slices.Sort(list)
	return list
}

// stepOnly steps, and does not wait for what is submitted.
func (b *bench) stepOnly() {
	b.t.Helper()
	start := time.Now()
	if err := b.signer.Step(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	if took := time.Since(start); took > 4*time.Second {
		b.t.Errorf("a step took %s", took)
	}
}

// releaseOf releases the usual images under the name of another product.
func (b *bench) releaseOf(product, version string) {
	b.t.Helper()
	image, model := b.OS("other-os", version), b.Model("other", version)
	image.Product, model.Product = product, product
	osEntry, osDigest := b.Sign(image)
	modelEntry, modelDigest := b.Sign(model)
	stated := b.Release(version, osDigest, modelDigest)
	stated.Product = product
	entry, _ := b.Sign(stated)
	for _, one := range [][]byte{osEntry, modelEntry, entry} {
		b.Submit(one)
	}
}

// TestHeld: a log that holds what is submitted holds up no step: the rolls of all
// products leave at once, one of each product; alarms are judged, and one that forbids a
// roll ends its submission.
func TestHeld(t *testing.T) {
	const other = "acme/other"
	b := newBench(t, func(c *roll.Config) { c.Products = append(c.Products, other) })
	_, _, approved := b.Recipe()
	b.releaseOf(other, "1")
	h := b.hold()
	b.stepOnly()
	if got := take(t, h.arrived, 2); !slices.Equal(got, []string{webtest.Product + " 1", other + " 1"}) {
		t.Fatalf("got %v", got)
	}
	b.grows("another")
	b.stepOnly()
	b.wantNoAlarm()
	// A roll that lists something else takes the place of the one under way.
	b.releaseOf(other, "2")
	b.stepOnly()
	if gone, arrived := take(t, h.gone, 1), take(t, h.arrived, 1); gone[0] != other+" 1" || arrived[0] != other+" 2" {
		t.Errorf("got %s in place of %s", arrived[0], gone[0])
	}

	entry, _ := b.Sign(b.Withdrawal(approved))
	if _, err := b.signer.Hand(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	b.Advance(5 * time.Minute)
	b.stepOnly()
	b.wantAlarm(roll.AlarmWithdrawalOverdue, true)
	if got := take(t, h.gone, 1); got[0] != webtest.Product+" 1" {
		t.Errorf("ended %s, want that of the product whose withdrawal is overdue", got[0])
	}

	b.Submit(entry)
	b.stepOnly()
	b.wantAlarmNot(roll.AlarmWithdrawalOverdue)
	if got := take(t, h.arrived, 1); got[0] != webtest.Product+" 0" {
		t.Errorf("got %s", got[0])
	}
	select {
	case got := <-h.arrived:
		t.Errorf("%s was sent beside one under way", got)
	default:
	}

	// Under a new authority nothing of the one before is true any more.
	b.Rotate()
	b.stepOnly()
	both := []string{webtest.Product + " 0", other + " 2"}
	if got := take(t, h.gone, 2); !slices.Equal(got, both) {
		t.Errorf("ended %v", got)
	}
	if got := take(t, h.arrived, 2); !slices.Equal(got, both) {
		t.Errorf("got %v", got)
	}
}

// TestForkEndsSubmissions: of a log that signed two histories no roll is sent any more,
// not one that is under way either.
func TestForkEndsSubmissions(t *testing.T) {
	b := newBench(t)
	b.Recipe()
	h := b.hold()
	b.stepOnly()
	take(t, h.arrived, 1)
	b.showsFork()
	misbehaved(t, b.signer.Step(t.Context()))
	take(t, h.gone, 1)
}

// TestFasterNotShown: that another signer was faster is believed for as long as the log
// may need to publish that one's roll, however often it is said.
func TestFasterNotShown(t *testing.T) {
	b := newBench(t)
	b.Recipe()
	b.set(posts(func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"code":"roll-size-back"}`)
	}))
	b.step()
	b.step()
	b.wantNoAlarm()
	for range 5 { // each time it is sent and refused again
		b.Advance(10 * time.Second)
		b.step()
		b.wantNoAlarm()
	}
	b.Advance(time.Second)
	b.step()
	b.wantAlarm(roll.AlarmRollRefused, false)
	if got := strings.Count(b.log.String(), "the log refused a roll"); got < 6 {
		t.Errorf("refused %d times:\n%s", got, b.log)
	}
}
