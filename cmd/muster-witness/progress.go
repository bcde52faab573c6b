package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/muster-log/muster/internal/progress"
)

// progress returns a Reporter that writes one line on standard error, over and over,
// where that is a terminal, and nothing elsewhere.
func (a *app) progress() progress.Reporter {
	file := a.Terminal()
	if file == nil {
		return progress.None()
	}
	return &counter{out: file}
}

// counter writes how much of a piece of work is done.
type counter struct {
	out io.Writer

	mu          sync.Mutex
	what        string
	done, total int64
	written     time.Time
}

func (c *counter) Start(what string, total int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.what, c.total, c.done, c.written = what, total, 0, time.Now()
}

func (c *counter) Add(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += n
	const often = 200 * time.Millisecond
	if time.Since(c.written) < often {
		return
	}
	c.written = time.Now()
	if c.total > 0 {
		fmt.Fprintf(c.out, "\r%s: %d of %d", c.what, c.done, c.total)
	} else {
		fmt.Fprintf(c.out, "\r%s: %d", c.what, c.done)
	}
}

// Done leaves nothing behind on the line.
func (c *counter) Done() { fmt.Fprint(c.out, "\r\x1b[K") }
