package main

import (
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/muster-log/muster/internal/progress"
)

// progress returns a Reporter that draws a bar on standard error where that is a
// terminal, and nothing elsewhere: a bar in a file or a pipe is noise.
func (a *app) progress() progress.Reporter {
	file := a.Terminal()
	if file == nil {
		return progress.None()
	}
	return &bar{out: file}
}

// bar draws one piece of work after the other.
type bar struct {
	out *os.File

	mu  sync.Mutex
	bar *progressbar.ProgressBar
}

func (b *bar) Start(what string, total int64) {
	if total < 0 {
		total = -1 // a spinner
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWriter(b.out),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowTotalBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
	)
}

func (b *bar) Add(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		b.bar.Add64(n)
	}
}

func (b *bar) Done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		b.bar.Finish()
		b.bar = nil
	}
}
