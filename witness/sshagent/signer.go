// Package sshagent lets an Ed25519 key that is in an ssh-agent make a witness's
// cosignatures (https://datatracker.ietf.org/doc/html/draft-ietf-sshm-ssh-agent):
// the witness asks for signatures and never has the key.
//
// One key may both log in somewhere and cosign, without either being taken for
// the other, though it should not: what is signed begins differently. A
// cosignature's message begins with "cosignature/v1\n", a user authentication
// (RFC 4252, section 7) with the length of the session identifier in four bytes,
// of which the first is zero, a signature of ssh-keygen -Y with "SSHSIG". So
// nobody who gets this key to log in, or to sign a file, gets a cosignature, and no
// witness logs in anywhere. Who can reach the agent's socket can ask it for any
// signature: what an agent gives away it cannot tell.
//
// The agent is not trusted to answer, or to answer right: answers are bounded in
// time and size, and a signature is verified before it is given on.
package sshagent

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// timeout is how long one signature may take, the wait for its turn with
	// it: well below what a submitting log waits. An agent takes a millisecond,
	// a person who has to confirm each use does not serve logs.
	timeout = 5 * time.Second
	// pause is how long an agent that did not answer in time is left alone, so
	// that requests that wait for one another do not wait for it in turn.
	pause = time.Second
)

// Signer makes signatures with one key of an agent. It connects when it has to,
// again after the agent was restarted, and may be used concurrently: an agent
// signs one after the other. It is a [crypto.Signer].
type Signer struct {
	socket string
	public ed25519.PublicKey
	key    ssh.PublicKey

	// turn holds one token; who has it uses what follows.
	turn  chan struct{}
	conn  *connection // nil: not connected
	until time.Time   // before it the agent is left alone

	timeout, pause time.Duration
}

// Open connects to the agent at a socket's path, and looks whether the key is
// there and signs. The error is an [*Error].
func Open(socket string, public ed25519.PublicKey) (*Signer, error) {
	return open(socket, public, timeout, pause)
}

func open(socket string, public ed25519.PublicKey, timeout, pause time.Duration) (*Signer, error) {
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("ssh-agent: %w", err)
	}
	s := &Signer{socket: socket, public: public, key: key, turn: make(chan struct{}, 1), timeout: timeout, pause: pause}
	s.turn <- struct{}{}
	held, err := list(socket, timeout)
	if err != nil {
		return nil, s.about(err)
	}
	if err := holds(socket, held, key); err != nil {
		return nil, err
	}
	// A key that asks its owner each time, or is bound to certain hosts, is
	// found out now, and not by the first log. No cosignature begins like this.
	probe := make([]byte, 32)
	if _, err := rand.Read(probe); err != nil {
		return nil, err
	}
	if _, err := s.Sign(nil, append([]byte("muster-witness asks whether this key signs\n"), probe...), crypto.Hash(0)); err != nil {
		return nil, err
	}
	return s, nil
}

// Public returns the Ed25519 public key.
func (s *Signer) Public() crypto.PublicKey { return s.public }

// Close ends the connection. Signatures under way are awaited.
func (s *Signer) Close() error {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	s.disconnect()
	return nil
}

// Sign returns the agent's Ed25519 signature of a message, which must not be
// hashed before, within 5 seconds. The error is an [*Error].
func (s *Signer) Sign(_ io.Reader, message []byte, options crypto.SignerOpts) ([]byte, error) {
	if options.HashFunc() != 0 {
		return nil, s.fail("", errors.New("the message was hashed: Ed25519 signs it as it is"))
	}
	deadline := time.Now().Add(s.timeout)
	timer := time.NewTimer(s.timeout)
	defer timer.Stop()
	select {
	case <-s.turn:
	case <-timer.C:
		return nil, s.fail(restart, ErrTimeout)
	}
	defer func() { s.turn <- struct{}{} }()
	if time.Now().Before(s.until) {
		return nil, s.fail(restart, fmt.Errorf("%w: it is asked again in %v at the latest", ErrTimeout, s.pause))
	}
	signature, err := s.sign(message, deadline)
	if errors.Is(err, ErrTimeout) {
		s.until = time.Now().Add(s.pause)
	}
	return signature, err
}

// sign asks for a signature, once more over a new connection if an old one
// turns out to be gone.
func (s *Signer) sign(message []byte, deadline time.Time) ([]byte, error) {
	for {
		old := s.conn != nil
		if !old {
			conn, err := dial(s.socket, deadline)
			if err != nil {
				return nil, s.about(err)
			}
			s.conn = conn
		}
		answer, err := s.conn.agent(deadline).Sign(s.key, message)
		if err == nil {
			if answer.Format != ssh.KeyAlgoED25519 || len(answer.Rest) > 0 || !ed25519.Verify(s.public, message, answer.Blob) {
				// Whatever it answered, the next answer may be to another request.
				s.disconnect()
				return nil, s.fail(restart, errors.New("the ssh-agent returned something else than a signature of the message by this key"))
			}
			return bytes.Clone(answer.Blob), nil
		}
		broken := s.conn.failed
		s.disconnect()
		switch {
		case broken == nil:
			return nil, s.fail("ssh-add -l lists what it holds: add the key with ssh-add FILE, unlock the agent with ssh-add -X; a key that asks for each use (ssh-add -c) cannot serve", fmt.Errorf("the ssh-agent does not sign: %w", err))
		case !old || errors.Is(broken, ErrTimeout) || errors.Is(broken, errTooLarge):
			return nil, s.fail(restart, broken)
		}
		// The agent was restarted since the last signature.
	}
}

func (s *Signer) disconnect() {
	if s.conn != nil {
		s.conn.conn.Close()
		s.conn = nil
	}
}

func (s *Signer) fail(hint string, err error) error {
	return &Error{Socket: s.socket, Fingerprint: ssh.FingerprintSHA256(s.key), Hint: hint, Err: err}
}

// about names the key in an error that dial or list made.
func (s *Signer) about(err error) error {
	if named, ok := errors.AsType[*Error](err); ok {
		named.Fingerprint = ssh.FingerprintSHA256(s.key)
	}
	return err
}
