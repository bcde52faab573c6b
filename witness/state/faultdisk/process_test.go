package faultdisk_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state/faultdisk"
	"github.com/muster-log/muster/witness/witnesstest"
)

// victimName is the name under which the test binary runs as a witness that
// kills itself; victimLeaves how far the logs of it can grow.
const (
	victimName   = "witness-that-is-killed"
	victimLeaves = 12
)

// order is what a victim reads from its standard input.
type order struct {
	Directory string
	Step      int
	Together  bool
	Keys      []byte
	LogKeys   []string
}

func TestMain(m *testing.M) {
	if os.Args[0] != victimName {
		os.Exit(m.Run())
	}
	if err := victim(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// victim is a witness in a process of its own, up to the step at which it
// sends itself SIGKILL. What leaves it it writes to its standard output, a
// line each, before it does anything else.
func victim() error {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	keys, err := witness.ParseKeys(o.Keys)
	if err != nil {
		return err
	}
	s := &site{tb: new(failing), keys: keys, now: firstDay}
	var mu sync.Mutex
	output := json.NewEncoder(os.Stdout)
	s.said = func(note []byte) {
		mu.Lock()
		defer mu.Unlock()
		if err := output.Encode(note); err != nil {
			panic(err)
		}
	}
	for i, text := range o.LogKeys {
		log := witnesstest.NewLog(s.tb, originOf(i), victimLeaves)
		if log.Key, err = tlog.ParseSigningKey(text); err != nil {
			return err
		}
		s.histories = append(s.histories, newHistory(log, victimLeaves))
	}
	disk, err := faultdisk.New(o.Directory, 1, faultdisk.Fault{Effect: faultdisk.Kill, Step: o.Step})
	if err != nil {
		return err
	}
	disk.OnKill(func() {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	})
	l, err := s.start(disk)
	if err != nil {
		return err
	}
	l.work(3, o.Together)
	return l.serving.Close()
}

// failing ends the victim where a test would end.
type failing struct{ testing.TB }

func (*failing) Helper()                           {}
func (*failing) Error(args ...any)                 { panic(fmt.Sprint(args...)) }
func (*failing) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (*failing) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (*failing) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// TestKillOfAProcess kills a real process with SIGKILL in each of its steps,
// and compares what came out of it with what is on the disk.
func TestKillOfAProcess(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2, victimLeaves)
	ready := s.ready()
	most := 0
	for step := 1; ; step++ {
		c := &course{site: s.again(t), seed: uint64(step), directory: copyOf(t, ready)}
		killed := c.kill(step, step%2 == 0)
		largest, _ := c.histories[0].largest()
		most = max(most, largest)
		if c.last(); t.Failed() {
			t.Fatalf("killed at step %d", step)
		}
		if !killed {
			t.Logf("%d steps", step-1)
			break
		}
	}
	if most < 3 {
		t.Errorf("no process cosigned beyond size %d before it was killed, want 3", most)
	}
}

// kill runs a victim and keeps what left it.
func (c *course) kill(step int, together bool) (killed bool) {
	c.tb.Helper()
	o := order{Directory: c.directory, Step: step, Together: together, Keys: c.keys.Marshal()}
	byOrigin := make(map[string]*history)
	for _, h := range c.histories {
		o.LogKeys = append(o.LogKeys, h.honest().Key.String())
		byOrigin[h.origin] = h
	}
	input, err := json.Marshal(o)
	if err != nil {
		c.tb.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		c.tb.Fatal(err)
	}
	process := &exec.Cmd{Path: program, Args: []string{victimName}, Stderr: os.Stderr}
	stdin, err := process.StdinPipe()
	if err != nil {
		c.tb.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		c.tb.Fatal(err)
	}
	if err := process.Start(); err != nil {
		c.tb.Fatal(err)
	}
	if _, err := stdin.Write(input); err != nil {
		c.tb.Error(err)
	}
	stdin.Close()
	lines := bufio.NewReader(stdout)
	for {
		// Of a line that the end of the process cut off nobody makes anything.
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var note []byte
		if err := json.Unmarshal(line, &note); err != nil {
			c.tb.Fatal(err)
		}
		checkpoint, err := tlog.ParseCheckpoint(note)
		if err != nil {
			c.tb.Fatal(err)
		}
		if _, err := byOrigin[checkpoint.Origin].add(note, c.keys.Verifiers()); err != nil {
			c.tb.Error(err)
		}
	}
	err = process.Wait()
	exit, failed := errors.AsType[*exec.ExitError](err)
	if failed && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		c.tb.Fatal(err)
	}
	return false
}
