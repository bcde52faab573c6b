//go:build unix

// Package process runs servers as child processes for programs that drive the
// real binaries: it waits until a server says where it listens, and ends every
// server that it started, by its own process group and no other.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"
)

const (
	// stopTimeout is how long a server may take to end after SIGTERM. It is then
	// killed, which is reported.
	stopTimeout = 15 * time.Second
	// maxLine bounds what is kept of one line of a server's log, in bytes.
	maxLine = 16 << 10
)

// listening finds the URL in the line of log/slog that a server writes once it
// is bound: msg=listening ... url=http://127.0.0.1:8080.
var listening = regexp.MustCompile(`(?m)^.*\bmsg=listening\b.*?\burl=(\S+).*$`)

// Server is a running server.
type Server struct {
	// Name is what messages call it.
	Name string
	// URL is where it said that it listens.
	URL string

	command *exec.Cmd
	log     *logFile
	ended   chan struct{}
	err     error // of Wait, after ended is closed
}

// Start runs a server and waits until it listens, fails, or ctx ends; after that
// ctx has no effect. Its output goes to the end of the file logPath. The server
// is in a process group of its own, so that a Ctrl-C for the caller does not reach
// it, and on Linux it ends with the thread that called Start: callers that want
// that call runtime.LockOSThread first.
func Start(ctx context.Context, name, logPath string, command *exec.Cmd) (*Server, error) {
	file, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	log := &logFile{file: file, found: make(chan string, 1)}
	command.Stdout, command.Stderr = log, log
	// Nothing holds the pipe open beyond this after the server has ended.
	command.WaitDelay = time.Second
	command.SysProcAttr = attributes()
	if err := command.Start(); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := &Server{Name: name, command: command, log: log, ended: make(chan struct{})}
	go func() {
		s.err = command.Wait()
		file.Close()
		close(s.ended)
	}()
	select {
	case s.URL = <-log.found:
		return s, nil
	case <-s.ended:
		return nil, fmt.Errorf("%s ended before it listened: %w\n%s", name, s.exit(), log.tail())
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("%s does not listen: %w\n%s", name, ctx.Err(), log.tail()), s.Stop())
	}
}

// Ended is closed when the server has ended, for whatever reason.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// Stop asks the server to end with SIGTERM and waits. A server that ended badly,
// or had to be killed, is an error. It may be called more than once.
func (s *Server) Stop() error {
	select {
	case <-s.ended:
		return s.exit()
	default:
	}
	// The child leads its group; the negative id means the group.
	group := -s.command.Process.Pid
	if err := syscall.Kill(group, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	select {
	case <-s.ended:
		return s.exit()
	case <-time.After(stopTimeout):
	}
	if err := syscall.Kill(group, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	<-s.ended
	return fmt.Errorf("%s did not end within %v of SIGTERM and was killed\n%s", s.Name, stopTimeout, s.log.tail())
}

func (s *Server) exit() error {
	if s.err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w\n%s", s.Name, s.err, s.log.tail())
}

// logFile writes a server's output to its file and looks for the line that says
// where it listens.
type logFile struct {
	found chan string

	mu   sync.Mutex
	file *os.File
	last []byte // the last lines, at most maxLine bytes
	told bool
}

func (l *logFile) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = append(l.last, data...)
	if !l.told {
		if end := bytes.LastIndexByte(l.last, '\n'); end >= 0 {
			if match := listening.FindSubmatch(l.last[:end]); match != nil {
				l.told = true
				l.found <- string(match[1])
			}
		}
	}
	if len(l.last) > maxLine {
		l.last = bytes.Clone(l.last[len(l.last)-maxLine:])
	}
	return l.file.Write(data)
}

func (l *logFile) tail() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.last)
}
