package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/muster-log/muster/log"
)

const (
	// lookForAlarms is how often a log looks whether its operator must be told
	// something, and repeatAlarm how often that is said again while it lasts.
	lookForAlarms = 5 * time.Second
	repeatAlarm   = 24 * time.Hour
)

// tellAlarms logs what the operator must see to, such as an authority that soon
// expires, and that the log is retired.
func tellAlarms(ctx context.Context, opened *log.Log, logger *slog.Logger) {
	told := make(map[string]time.Time)
	first := func(text string) bool {
		now := time.Now()
		if at, ok := told[text]; ok && now.Sub(at) < repeatAlarm {
			return false
		}
		told[text] = now
		return true
	}
	for ticker := time.NewTicker(lookForAlarms); ; {
		status := opened.Status()
		for _, alarm := range status.Alarms {
			if first(alarm) {
				logger.Warn("alarm", "what", alarm)
			}
		}
		if status.Retired != nil && first("retired") {
			logger.Warn("this log is retired", "index", status.Retired.Index, "successor", status.Retired.Successor, "it", "admits nothing more and goes on publishing what it has")
		}
		select {
		case <-ctx.Done():
			ticker.Stop()
			return
		case <-ticker.C:
		}
	}
}
