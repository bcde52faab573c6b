package roll

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/muster-log/muster/release"
)

// The alarms of a signer; docs/roll.md says what each means and what to do.
const (
	// AlarmLogAway: the log cannot be reached.
	AlarmLogAway release.Code = "log-away"
	// AlarmCatchingUp: the log has more entries than could be read in one step.
	AlarmCatchingUp release.Code = "catching-up"
	// AlarmCheckpointOld: the newest checkpoint was cosigned too long ago. The log
	// hides newer ones, or its witnesses are away.
	AlarmCheckpointOld release.Code = "checkpoint-old"
	// AlarmOlderThanSigned: the log shows less than what a roll was signed of.
	AlarmOlderThanSigned release.Code = "older-than-signed"
	// AlarmSignedOtherwise: what was computed is not what was signed for the same size.
	AlarmSignedOtherwise release.Code = "signed-otherwise"
	// AlarmLogLarge: the log has nearly as many entries, or bytes of them, as are followed
	// at most (Config.MaxEntries, Config.MaxBytes).
	AlarmLogLarge release.Code = "log-large"
	// AlarmVoid: the log holds entries that break its rules. They have no effect.
	AlarmVoid release.Code = "void-entries"
	// AlarmClock: the log's time is ahead of this machine's clock.
	AlarmClock release.Code = "clock-behind"
	// AlarmAuthorityExpires: the authority expires within 30 days, and rolls with it.
	AlarmAuthorityExpires release.Code = "authority-expires"
	// AlarmWithdrawalOverdue: a withdrawal is not in the log five minutes after it was
	// handed in.
	AlarmWithdrawalOverdue release.Code = "withdrawal-overdue"
	// AlarmWithdrawalRefused: a withdrawal is not admitted any more and must be signed
	// again, under the authority now in force.
	AlarmWithdrawalRefused release.Code = "withdrawal-refused"
	// AlarmRollRefused: the log refuses a roll that was signed.
	AlarmRollRefused release.Code = "roll-refused"
	// AlarmRollWaiting: a roll is due for five minutes, and the log does not show it.
	AlarmRollWaiting release.Code = "roll-waiting"
	// AlarmRollOld: the newest roll in the log is older than twice the schedule. It stops
	// no roll, but the signer is not ready.
	AlarmRollOld release.Code = "roll-old"
	// AlarmState: the state directory cannot be written.
	AlarmState release.Code = "state-directory"
	// AlarmWitness: a witness cosigned a smaller checkpoint after a larger one, and
	// counts no more.
	AlarmWitness release.Code = "witness-lied"
)

// Alarm is something that a person must look at. It is raised again at every step
// until it is over.
type Alarm struct {
	// Code is one of those above, of package audit, or of package register.
	Code release.Code `json:"code"`
	// Product is empty where all are concerned.
	Product string `json:"product,omitempty"`
	// Stops: no roll is signed, of the product or at all.
	Stops  bool      `json:"stops"`
	Since  time.Time `json:"since"`
	Detail string    `json:"detail"`
}

// repeatAlarm is how often an alarm that goes on is logged again.
const repeatAlarm = 10 * time.Minute

type alarmKey struct {
	code    release.Code
	product string
	subject release.Digest // of a withdrawal
}

type raised struct {
	Alarm
	logged time.Time
	again  bool // raised in this step
}

// alarms are those of the last step. Raising one logs it at once, as an error.
type alarms struct {
	logger *slog.Logger
	raised map[alarmKey]*raised
}

func (a *alarms) raise(now time.Time, key alarmKey, stops bool, detail string) {
	one := a.raised[key]
	if one == nil {
		one = &raised{Alarm: Alarm{Code: key.code, Product: key.product, Since: now}}
		a.raised[key] = one
	}
	one.again, one.Stops, one.Detail = true, stops, detail
	if one.logged.IsZero() || now.Sub(one.logged) >= repeatAlarm {
		one.logged = now
		level := slog.LevelWarn
		text := "alarm"
		if stops {
			level, text = slog.LevelError, "no roll is signed"
		}
		a.logger.Log(context.Background(), level, text, "code", key.code, "product", key.product, "detail", detail, "since", one.Since)
	}
}

// settle ends the alarms that the step did not raise again.
func (a *alarms) settle() {
	for key, one := range a.raised {
		if !one.again {
			a.logger.Info("alarm is over", "code", key.code, "product", key.product, "since", one.Since)
			delete(a.raised, key)
		}
		one.again = false
	}
}

// stops reports whether an alarm of this step forbids a roll of the product.
func (a *alarms) stops(product string) bool {
	for _, one := range a.raised {
		if one.again && one.Stops && (one.Product == "" || one.Product == product) {
			return true
		}
	}
	return false
}

// list returns the alarms, those that stop first.
func (a *alarms) list() []Alarm {
	list := []Alarm{}
	for _, one := range a.raised {
		list = append(list, one.Alarm)
	}
	slices.SortFunc(list, func(x, y Alarm) int {
		if x.Stops != y.Stops {
			if x.Stops {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(x.Code, y.Code), cmp.Compare(x.Product, y.Product), x.Since.Compare(y.Since), cmp.Compare(x.Detail, y.Detail))
	})
	return list
}
