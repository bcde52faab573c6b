package witnesstest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Process is a program that serves, started by Launch.
type Process struct {
	// Said is what the pattern's group matched.
	Said string

	command *exec.Cmd
	output  chan string
}

// ErrRefused: a program ended by itself instead of serving. What it wrote is in
// the text of the error.
var ErrRefused = errors.New("it refused to start")

// patience is how long a program may take until it serves.
const patience = time.Minute

// Launch starts a program and waits until a line that it writes to standard
// error matches the pattern, which has one group.
func Launch(command *exec.Cmd, pattern *regexp.Regexp) (*Process, error) {
	stderr, err := command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	// One that neither serves nor ends is ended.
	late := time.AfterFunc(patience, func() { command.Process.Kill() })
	defer late.Stop()
	lines := bufio.NewReader(stderr)
	var said strings.Builder
	for {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if found := pattern.FindStringSubmatch(line); found != nil {
			p := &Process{Said: found[1], command: command, output: make(chan string, 1)}
			go func() {
				rest, _ := io.ReadAll(lines)
				p.output <- string(rest)
			}()
			return p, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s", errors.Join(command.Wait(), ErrRefused), strings.TrimSpace(said.String()))
		}
	}
}

// PID is the process's id.
func (p *Process) PID() int { return p.command.Process.Pid }

// End sends a signal and waits until the process has ended. The error is that it
// did not end well, after another signal than SIGKILL. Once is enough.
func (p *Process) End(signal syscall.Signal) error {
	if p.command.ProcessState != nil {
		return nil
	}
	if err := p.command.Process.Signal(signal); err != nil {
		return err
	}
	said := <-p.output
	if err := p.command.Wait(); err != nil && signal != syscall.SIGKILL {
		return fmt.Errorf("%w: %s", err, said)
	}
	return nil
}
