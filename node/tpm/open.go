package tpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-tpm/tpm2"
)

// DefaultAddress is the kernel's resource manager.
const DefaultAddress = "/dev/tpmrm0"

const (
	// commandTimeout bounds one command over a socket. The kernel bounds those of a
	// device itself, by up to five minutes for the making of a key.
	commandTimeout = time.Minute
	headerSize     = 10
	maxResponse    = 8192 // what the kernel's interface allows at most is 4096
)

// TPM is a TPM. Its methods may be called by several goroutines: one command is
// under way at a time.
type TPM struct {
	mu      sync.Mutex
	address string
	device  *os.File // nil: a socket
	keys    []*AK
}

// Open opens the TPM at an address: the path of a device, or unix: and the path of a
// socket of raw TPM commands, as swtpm has it.
func Open(address string) (*TPM, error) {
	t := &TPM{address: address}
	if _, ok := strings.CutPrefix(address, "unix:"); ok {
		conn, err := t.dial()
		if err != nil {
			return nil, fmt.Errorf("open the TPM: %w", err)
		}
		return t, conn.Close()
	}
	device, err := os.OpenFile(address, os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("open the TPM: %w: this machine has no TPM 2.0, or its kernel no driver for it", err)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("open the TPM: %w: run as a member of the device's group", err)
	case err != nil:
		return nil, fmt.Errorf("open the TPM: %w", err)
	}
	t.device = device
	return t, nil
}

// Close flushes the keys that were made and closes the device.
func (t *TPM) Close() error {
	for _, key := range t.keys {
		key.flush()
	}
	t.keys = nil
	if t.device == nil {
		return nil
	}
	return t.device.Close()
}

// dial connects to a socket. A software TPM that is with another client has its few
// places for those who wait taken at once, and is asked again.
func (t *TPM) dial() (net.Conn, error) {
	for end := time.Now().Add(commandTimeout); ; time.Sleep(time.Millisecond) {
		conn, err := net.DialTimeout("unix", strings.TrimPrefix(t.address, "unix:"), commandTimeout)
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(end) {
			return conn, err
		}
	}
}

// Send sends a command and returns the response, both whole: a
// github.com/google/go-tpm/tpm2/transport.TPM.
func (t *TPM) Send(command []byte) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.device != nil {
		if _, err := t.device.Write(command); err != nil {
			return nil, err
		}
		response := make([]byte, maxResponse)
		n, err := t.device.Read(response)
		if err != nil {
			return nil, err
		}
		return response[:n], nil
	}
	// A software TPM serves one connection at a time: none is held between commands,
	// so that another program gets its turn.
	conn, err := t.dial()
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
	response := make([]byte, headerSize)
	if _, err := io.ReadFull(conn, response); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(response[2:])
	if size < headerSize || size > maxResponse {
		return nil, fmt.Errorf("got a response of %d bytes, want %d to %d", size, headerSize, maxResponse)
	}
	response = append(response, make([]byte, size-headerSize)...)
	_, err = io.ReadFull(conn, response[headerSize:])
	return response, err
}

// explain names the command that failed, and what to do where that is known.
func explain(command string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, tpm2.TPMRCLockout):
		return fmt.Errorf("%s: %w: wait, or reset the TPM's dictionary attack lockout", command, err)
	case errors.Is(err, tpm2.TPMRCAuthFail), errors.Is(err, tpm2.TPMRCBadAuth):
		return fmt.Errorf("%s: %w: the hierarchy has a password, which Muster does not take: clear the TPM", command, err)
	case errors.Is(err, tpm2.TPMRCInitialize):
		return fmt.Errorf("%s: %w: nobody started the TPM", command, err)
	}
	return fmt.Errorf("%s: %w", command, err)
}
