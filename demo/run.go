package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/internal/process"
)

const (
	// commandTimeout bounds one command of a person; the longest, a submission,
	// waits for the log and its witnesses.
	commandTimeout = 2 * time.Minute
	// startTimeout bounds how long a server may take until it listens.
	startTimeout = 30 * time.Second
)

// demo is one run.
type demo struct {
	*page
	ctx   context.Context
	bin   string // the directory of the programs
	state string // what is kept from run to run: Debian's packages
	run   string // what this run makes
	model string // the model's directory, given or made
	links bool   // it holds symbolic links

	parts   *parts
	servers []*process.Server // running, in the order of their start
	// addresses keeps the port that each server was given first, for it is part
	// of what witnesses and the log know of each other.
	addresses map[string]string

	sockets  string // a directory with a short name
	vendor   *swtpm.Authority
	node     *machine // the one that serves
	machines []*machine

	// pin is the digest of the first authority.
	pin string
	// The first release; what a thief logged; the release of that.
	first, forged, deceived logged
}

// path is below the run's directory.
func (d *demo) path(elements ...string) string {
	return filepath.Join(append([]string{d.run}, elements...)...)
}

// command is something that a person types.
type command struct {
	who   string // the directory below the run's that they are in
	args  []string
	exit  int            // the exit code that must come
	want  *regexp.Regexp // what the output must hold; nil: anything
	lines int            // how many lines of the output are shown, from the first
	show  *regexp.Regexp // which lines are shown; nil: the first ones
}

// do prints a command, runs it, prints its output shortened and checks how it
// ended. It returns everything that the command printed.
func (d *demo) do(c command) (string, error) {
	d.command(c.who, c.args, "")
	printed, exit, err := d.execute(c.who, c.args)
	name := strings.Join(c.args[:min(3, len(c.args))], " ")
	switch {
	case err != nil:
		return printed, fmt.Errorf("%s: %w\n%s", name, err, printed)
	case exit != c.exit:
		return printed, fmt.Errorf("%s ended with exit code %d, want %d\n%s", name, exit, c.exit, printed)
	case c.want != nil && !c.want.MatchString(printed):
		return printed, fmt.Errorf("%s printed\n%s\nwant it to hold %s", name, printed, c.want)
	case c.show != nil:
		d.matching(printed, c.show)
	default:
		d.output(printed, c.lines)
	}
	if exit != 0 {
		d.output(fmt.Sprintf("(exit code %d)", exit), 1)
	}
	return printed, nil
}

// all runs commands until one fails.
func (d *demo) all(commands ...command) error {
	for _, c := range commands {
		if _, err := d.do(c); err != nil {
			return err
		}
	}
	return nil
}

// execute runs a command line in a directory below the run's.
func (d *demo) execute(who string, args []string) (printed string, exit int, err error) {
	ctx, cancel := context.WithTimeout(d.ctx, commandTimeout)
	defer cancel()
	child := exec.CommandContext(ctx, d.program(args[0]), args[1:]...)
	child.Dir = d.path(who)
	child.Env = d.environment()
	child.WaitDelay = 5 * time.Second
	var output bytes.Buffer
	child.Stdout, child.Stderr = &output, &output
	err = child.Run()
	if ctx.Err() != nil {
		return output.String(), -1, fmt.Errorf("%s: %w", args[0], ctx.Err())
	}
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.Exited() {
		return output.String(), ended.ExitCode(), nil
	}
	return output.String(), 0, err
}

// program finds a program of ours, or one unpacked from Debian's packages, else
// it is one of the system.
func (d *demo) program(name string) string {
	for _, directory := range d.programs() {
		path := filepath.Join(directory, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return name
}

// programs are the directories of programs that come before the system's.
func (d *demo) programs() []string {
	if d.parts == nil {
		return []string{d.bin}
	}
	return []string{d.bin, d.parts.bin}
}

// environment has those directories in its search path.
func (d *demo) environment() []string {
	environment := slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "PATH=") })
	return append(environment, "PATH="+strings.Join(append(d.programs(), os.Getenv("PATH")), string(os.PathListSeparator)))
}

// serve prints the command line of a server and starts it. The argument ADDRESS
// stands for where to listen: a free port at first, later the same one.
func (d *demo) serve(name, who string, args ...string) error {
	address, again := d.addresses[name]
	if !again {
		address = "127.0.0.1:0"
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "ADDRESS", address)
	}
	d.command(who, args, " &")
	child := exec.Command(d.program(args[0]), args[1:]...)
	child.Dir = d.path(who)
	child.Env = d.environment()
	ctx, cancel := context.WithTimeout(d.ctx, startTimeout)
	defer cancel()
	server, err := process.Start(ctx, name, d.path(who, name+".log"), child)
	if err != nil {
		return err
	}
	d.addresses[name] = strings.TrimPrefix(strings.TrimPrefix(server.URL, "http://"), "https://")
	d.servers = append(d.servers, server)
	d.output(fmt.Sprintf("%s listens at %s (its log: %s)", name, server.URL, filepath.Join(who, name+".log")), 1)
	return nil
}

// stopServer ends one server.
func (d *demo) stopServer(name string) error {
	i := slices.IndexFunc(d.servers, func(s *process.Server) bool { return s.Name == name })
	if i < 0 {
		return fmt.Errorf("%s does not run", name)
	}
	server := d.servers[i]
	d.servers = slices.Delete(d.servers, i, i+1)
	return server.Stop()
}

// url is where a server listens.
func (d *demo) url(name string) string { return "http://" + d.addresses[name] }

// stop ends all servers, the last started first.
func (d *demo) stop() error {
	var failed []error
	for _, server := range slices.Backward(d.servers) {
		failed = append(failed, server.Stop())
	}
	d.servers = nil
	return errors.Join(failed...)
}
