package sshagent

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh/agent"
)

// maxAnswer bounds an answer in bytes, as OpenSSH bounds its messages
// (AGENT_MAX_LEN).
const maxAnswer = 256 << 10

// ErrTimeout says that the agent did not answer in time.
var ErrTimeout = errors.New("the ssh-agent does not answer")

var errTooLarge = fmt.Errorf("the ssh-agent's answer is above %d bytes", maxAnswer)

// Error is an agent that cannot be used.
type Error struct {
	// Socket is the path of the agent's socket, Fingerprint the one of the key as
	// ssh-add -l prints it, empty if the matter is no key.
	Socket, Fingerprint string
	// Hint is what to do.
	Hint string
	Err  error
}

func (e *Error) Error() string {
	text := "ssh-agent"
	if e.Socket != "" {
		text += fmt.Sprintf(" at %q", e.Socket)
	}
	if e.Fingerprint != "" {
		text += ", key " + e.Fingerprint
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// restart is what to do where no agent answers.
const restart = "start it with ssh-agent -a SOCKET, name that path in SSH_AUTH_SOCK, and add the key with ssh-add FILE"

// connection is a connection to an agent. It hides Close from the client of the
// agent protocol, which then asks one thing after the other and leaves no
// goroutine behind, and remembers what ended it, which that client does not say.
type connection struct {
	conn   net.Conn
	left   int // bytes that may still be read of an answer
	failed error
}

// dial connects to an agent.
func dial(socket string, deadline time.Time) (*connection, error) {
	if socket == "" {
		return nil, &Error{Hint: restart, Err: errors.New("$SSH_AUTH_SOCK is not set")}
	}
	conn, err := (&net.Dialer{Deadline: deadline}).Dial("unix", socket)
	if err != nil {
		return nil, &Error{Socket: socket, Hint: restart, Err: named(err)}
	}
	return &connection{conn: conn}, nil
}

// agent begins one request, which must be answered by the deadline.
func (c *connection) agent(deadline time.Time) agent.Agent {
	c.left = 4 + maxAnswer
	c.failed = c.conn.SetDeadline(deadline)
	return agent.NewClient(struct{ io.ReadWriter }{c})
}

func (c *connection) Read(buffer []byte) (int, error) {
	if c.left <= 0 {
		c.failed = errTooLarge
		return 0, errTooLarge
	}
	n, err := c.conn.Read(buffer[:min(len(buffer), c.left)])
	c.left -= n
	return n, c.keep(err)
}

func (c *connection) Write(data []byte) (int, error) {
	n, err := c.conn.Write(data)
	return n, c.keep(err)
}

func (c *connection) keep(err error) error {
	if err != nil {
		c.failed = named(err)
	}
	return err
}

// named gives the errors of connections the name that people need.
func named(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrTimeout
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the ssh-agent closed the connection")
	}
	return err
}
