package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/process"
)

// servers are the witnesses and logs of one test, by the directory of their data.
type servers struct {
	mu      sync.Mutex
	running map[string]*process.Server
}

// start runs a program of ours, whose data directory is the word after --data,
// until the test ends, and returns its URL.
func (s *servers) start(tb testing.TB, directory string, words ...string) string {
	tb.Helper()
	name := ""
	for i, word := range words[:len(words)-1] {
		if word == "--data" {
			name = words[i+1]
		}
	}
	command := exec.Command(filepath.Join(programs, words[0]), words[1:]...)
	command.Dir = directory
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	server, err := process.Start(ctx, name, filepath.Join(directory, name+".output"), command)
	if err != nil {
		tb.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.running = map[string]*process.Server{}
	}
	s.running[name] = server
	return server.URL
}

// stopOne stops the server of a data directory; it must end well.
func (s *servers) stopOne(tb testing.TB, name string) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	server, ok := s.running[name]
	if !ok {
		tb.Fatalf("no server runs in %s", name)
	}
	delete(s.running, name)
	if err := server.Stop(); err != nil {
		tb.Errorf("%v", err)
	}
}

// stop stops all that still run.
func (s *servers) stop(tb testing.TB) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, server := range s.running {
		if err := server.Stop(); err != nil {
			tb.Errorf("%v", err)
		}
	}
	s.running = nil
}
