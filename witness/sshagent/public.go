package sshagent

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/muster-log/muster/internal/inputfile"
)

const (
	// fingerprintPrefix begins a fingerprint as ssh-add -l prints it.
	fingerprintPrefix = "SHA256:"
	// maxPublicFile is well above the size of a public key's file, in bytes.
	maxPublicFile = 16 << 10
)

// PublicKey finds the Ed25519 key of a witness: by its fingerprint SHA256:...
// among those that the agent at a socket's path holds, or in a file as
// ssh-keygen writes it (NAME.pub), and then no agent is asked. Only plain
// ssh-ed25519 keys are taken: all else is refused by its name with the reason.
func PublicKey(socket, named string) (ed25519.PublicKey, error) {
	if strings.HasPrefix(named, fingerprintPrefix) {
		return find(socket, named)
	}
	return readPublic(named)
}

func find(socket, fingerprint string) (ed25519.PublicKey, error) {
	held, err := list(socket, timeout)
	if err != nil {
		return nil, err
	}
	var refused error
	for _, key := range held {
		parsed, err := ssh.ParsePublicKey(key.Blob)
		if err != nil {
			// A kind of key that is not known here, and so none that is wanted,
			// unless it is named.
			if ssh.FingerprintSHA256(key) == fingerprint {
				refused = fmt.Errorf("a key of type %q that does not parse: want ssh-ed25519", key.Format)
			}
			continue
		}
		// ssh-add -l prints for a certificate the fingerprint of its key, so two
		// entries can have the same.
		subject := parsed
		if certificate, ok := parsed.(*ssh.Certificate); ok {
			subject = certificate.Key
		}
		if ssh.FingerprintSHA256(subject) != fingerprint {
			continue
		}
		public, err := plain(parsed)
		if err == nil {
			return public, nil
		}
		refused = err
	}
	if refused == nil {
		return nil, missing(socket, fingerprint, held)
	}
	return nil, &Error{Socket: socket, Fingerprint: fingerprint, Hint: "make a key for the witness alone: ssh-keygen -t ed25519", Err: refused}
}

func readPublic(path string) (ed25519.PublicKey, error) {
	data, err := inputfile.Read(path, maxPublicFile)
	if err != nil {
		return nil, fmt.Errorf("SSH public key: %w", err)
	}
	public, err := parsePublic(data)
	if err != nil {
		return nil, fmt.Errorf("SSH public key %s: %w", path, err)
	}
	return public, nil
}

func parsePublic(data []byte) (ed25519.PublicKey, error) {
	if len(data) > maxPublicFile {
		return nil, fmt.Errorf("it has more than %d bytes: no public key file", maxPublicFile)
	}
	if bytes.Contains(data, []byte("PRIVATE KEY")) {
		return nil, errors.New("this is a private key: name its public half, NAME.pub")
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil, errors.New("want one line, ssh-ed25519 and the key in base64, as ssh-keygen writes it to NAME.pub")
	}
	if len(options) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("want one line without options, as ssh-keygen writes it to NAME.pub")
	}
	return plain(key)
}

// plain takes an Ed25519 key and refuses all else.
func plain(key ssh.PublicKey) (ed25519.PublicKey, error) {
	switch key.Type() {
	case ssh.KeyAlgoED25519:
		if holder, ok := key.(ssh.CryptoPublicKey); ok {
			if public, ok := holder.CryptoPublicKey().(ed25519.PublicKey); ok {
				return public, nil
			}
		}
	case ssh.KeyAlgoSKED25519, ssh.CertAlgoSKED25519v01:
		return nil, fmt.Errorf("a key of type %s signs a hash with a counter in a security key, not the message: no cosignature verifies; want ssh-ed25519", key.Type())
	case ssh.CertAlgoED25519v01:
		return nil, fmt.Errorf("%s is a certificate, not a key: add the plain key, too; want ssh-ed25519", key.Type())
	}
	return nil, fmt.Errorf("a key of type %s makes no Ed25519 signatures, and cosignatures are those: want ssh-ed25519", key.Type())
}

// list asks the agent what it holds. The error is an [*Error].
func list(socket string, timeout time.Duration) ([]*agent.Key, error) {
	deadline := time.Now().Add(timeout)
	conn, err := dial(socket, deadline)
	if err != nil {
		return nil, err
	}
	defer conn.conn.Close()
	held, err := conn.agent(deadline).List()
	if conn.failed != nil {
		err = conn.failed
	}
	if err != nil {
		return nil, &Error{Socket: socket, Hint: restart, Err: err}
	}
	return held, nil
}

// missing is the error that an agent has not got a key.
func missing(socket, fingerprint string, held []*agent.Key) error {
	// A locked agent says that it holds nothing.
	err := &Error{Socket: socket, Fingerprint: fingerprint, Hint: "add the key with ssh-add FILE; a locked agent is unlocked with ssh-add -X", Err: errors.New("the ssh-agent holds no key, or is locked")}
	if len(held) > 0 {
		err.Hint = "add the key with ssh-add FILE; ssh-add -l lists what the agent holds"
		err.Err = fmt.Errorf("the ssh-agent holds %d keys and not this one", len(held))
	}
	return err
}

// holds wants the key among those that the agent holds.
func holds(socket string, held []*agent.Key, key ssh.PublicKey) error {
	blob := key.Marshal()
	for _, entry := range held {
		if bytes.Equal(entry.Blob, blob) {
			return nil
		}
	}
	return missing(socket, ssh.FingerprintSHA256(key), held)
}
