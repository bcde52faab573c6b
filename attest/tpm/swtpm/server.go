package swtpm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout   = 30 * time.Second
	commandTimeout = time.Minute
	maxResponse    = 8192
)

// Server is a running swtpm.
type Server struct {
	socket  string
	command *exec.Cmd
	output  bytes.Buffer
	ended   chan struct{}
	failure error
}

// Start starts swtpm on a directory of its own, which must exist and keeps the TPM's
// state: started again on the same one, it is the same TPM after a reboot, with its
// PCRs reset. It ends with Close, with the context and with the calling program.
func Start(ctx context.Context, directory string) (*Server, error) {
	return StartProgram(ctx, "swtpm", directory)
}

// StartProgram is Start with a program of the caller's in place of the swtpm in PATH.
func StartProgram(ctx context.Context, program, directory string) (*Server, error) {
	s := &Server{socket: filepath.Join(directory, "tpm.sock"), ended: make(chan struct{})}
	if err := socketFits(s.socket); err != nil {
		return nil, err
	}
	if err := os.Remove(s.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	s.command = exec.CommandContext(ctx, program, "socket", "--tpm2", "--tpmstate", "dir="+directory,
		"--server", "type=unixio,path="+s.socket, "--flags", "not-need-init,startup-clear")
	s.command.Stdout, s.command.Stderr = &s.output, &s.output
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("swtpm: %w: is Debian's package swtpm installed?", err)
	}
	go func() {
		s.failure = s.command.Wait()
		close(s.ended)
	}()
	deadline := time.Now().Add(startTimeout)
	for {
		conn, err := net.Dial("unix", s.socket)
		if err == nil {
			conn.Close()
			return s, nil
		}
		select {
		case <-s.ended:
			return nil, fmt.Errorf("swtpm: %w\n%s", s.failure, s.output.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.Close()
			return nil, fmt.Errorf("swtpm: %w\n%s", err, s.output.String())
		}
	}
}

// Address is what package node/tpm opens.
func (s *Server) Address() string { return "unix:" + s.socket }

// Close ends swtpm: the machine's power is cut.
func (s *Server) Close() error {
	s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(startTimeout):
		s.command.Process.Kill()
		<-s.ended
	}
	return nil
}

// Send sends a command: a github.com/google/go-tpm/tpm2/transport.TPM.
func (s *Server) Send(command []byte) ([]byte, error) {
	conn, err := s.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(commandTimeout)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(command); err != nil {
		return nil, err
	}
	response := make([]byte, 10)
	if _, err := io.ReadFull(conn, response); err != nil {
		return nil, fmt.Errorf("swtpm: %w", err)
	}
	size := binary.BigEndian.Uint32(response[2:])
	if size < 10 || size > maxResponse {
		return nil, fmt.Errorf("swtpm: a response of %d bytes", size)
	}
	response = append(response, make([]byte, size-10)...)
	_, err = io.ReadFull(conn, response[10:])
	return response, err
}

// dial asks again while the few places for those who wait are taken.
func (s *Server) dial() (net.Conn, error) {
	for end := time.Now().Add(commandTimeout); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("unix", s.socket)
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(end) {
			return conn, err
		}
	}
}

// socketFits says why a directory's path is too long for a socket.
func socketFits(path string) error {
	if len(path) > 107 || strings.ContainsRune(path, ',') {
		return fmt.Errorf("swtpm: %s: want at most 107 bytes and no comma", path)
	}
	return nil
}
