package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A check is one demand on a witness.
type check struct {
	// name begins with the case that the check belongs to: "W1.".
	name string
	// beyond: no specification asks for it, or none with a MUST. A foreign
	// witness that does not meet it has not failed; ours has.
	beyond bool
	run    func(*T)
}

// verdict is what a check found.
type verdict int

const (
	passed verdict = iota
	failed
	// notApplicable: the check cannot be made of this witness, or nothing asks
	// this of it.
	notApplicable
)

func (v verdict) String() string { return [...]string{"pass", "FAIL", "n/a"}[v] }

// result is a verdict with what was got and wanted, or the reason of n/a.
type result struct {
	verdict verdict
	detail  string
}

// A program is a witness implementation under test.
type program interface {
	// name is what the table calls it.
	name() string
	// foreign: it is not ours, so only what is specified counts as failed.
	foreign() bool
	// install makes a witness with keys and state of its own under the
	// directory, and does not start it.
	install(t testing.TB, directory string) instance
}

// T is what a check reports to. It is a [testing.TB], so that what makes logs
// for tests serves here; it needs no running test, because the table is made
// outside of one.
type T struct {
	// The embedded interface is nil: it gives T the method that keeps others
	// from being one. What is not defined below is not to be called.
	testing.TB

	check   check
	program program
	shared  instance

	mu       sync.Mutex
	problems []string
	reason   string // of n/a
	cleanups []func()
	context  context.Context
	logs     int
}

// Name implements [testing.TB], as do the others without a comment.
func (t *T) Name() string             { return t.check.name }
func (t *T) Helper()                  {}
func (t *T) Context() context.Context { return t.context }
func (t *T) FailNow()                 { runtime.Goexit() }
func (t *T) Cleanup(f func())         { t.cleanups = append(t.cleanups, f) }

// Failed implements [testing.TB].
func (t *T) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.problems) > 0
}

// problem notes what was got and wanted.
func (t *T) problem(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.problems, text) {
		t.problems = append(t.problems, text)
	}
}

func (t *T) Error(args ...any)                 { t.problem(strings.TrimSuffix(fmt.Sprintln(args...), "\n")) }
func (t *T) Errorf(format string, args ...any) { t.problem(fmt.Sprintf(format, args...)) }
func (t *T) Fatal(args ...any)                 { t.Error(args...); t.FailNow() }
func (t *T) Fatalf(format string, args ...any) { t.Errorf(format, args...); t.FailNow() }

// TempDir returns a directory with a short path: sockets lie in it, whose
// paths the kernel bounds at 108 bytes.
func (t *T) TempDir() string {
	directory, err := os.MkdirTemp("", "w")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

// notApplicable ends the check with the reason why it cannot be made.
func (t *T) notApplicable(format string, args ...any) {
	t.reason = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// cannot is an instance's answer for what its program cannot do: the reason.
type cannot string

func (c cannot) Error() string { return string(c) }

// can ends the check as not applicable if the error says that the program
// cannot do this, and as failed for every other one.
func (t *T) can(err error) {
	t.Helper()
	if reason := cannot(""); errors.As(err, &reason) {
		t.notApplicable("%v", reason)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// judge makes a check of a program. shared is a running witness that checks
// use together, a log or more each.
func judge(c check, of program, shared instance) result {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	t := &T{check: c, program: of, shared: shared, context: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for len(t.cleanups) > 0 {
				last := len(t.cleanups) - 1
				cleanup := t.cleanups[last]
				t.cleanups = t.cleanups[:last]
				cleanup()
			}
		}()
		defer func() {
			if panicked := recover(); panicked != nil {
				t.problem(fmt.Sprintf("panic: %v\n%s", panicked, debug.Stack()))
			}
		}()
		c.run(t)
	}()
	<-done
	detail := strings.Join(t.problems, "; ")
	switch {
	case len(t.problems) == 0 && t.reason == "":
		return result{}
	case len(t.problems) == 0:
		return result{notApplicable, t.reason}
	case c.beyond && of.foreign():
		return result{notApplicable, "nothing specified demands it: " + detail}
	}
	return result{failed, detail}
}

// checks are all of them, in the order of the cases.
func checks() []check {
	var all []check
	for _, some := range [][]check{w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15} {
		all = append(all, some...)
	}
	return all
}
