package main

import (
	"errors"
	"io"
	"os"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/sshagent"
)

// agentSocket is the variable that names an ssh-agent's socket.
const agentSocket = "SSH_AUTH_SOCK"

// connect makes keys cosign whose Ed25519 key is in an ssh-agent: the agent must
// be there, with the key, and sign. Other keys it returns as they are.
func connect(keys witness.Keys) (witness.Keys, io.Closer, error) {
	public, ok := keys.InAgent()
	if !ok {
		return keys, io.NopCloser(nil), nil
	}
	signer, err := sshagent.Open(os.Getenv(agentSocket), public)
	if err != nil {
		return witness.Keys{}, nil, agentFailure(err)
	}
	if keys, err = keys.WithSigner(signer); err != nil {
		return witness.Keys{}, nil, errors.Join(err, signer.Close())
	}
	return keys, signer, nil
}

// agentFailure adds what to do to an error of the agent.
func agentFailure(err error) error {
	if failed, ok := errors.AsType[*sshagent.Error](err); ok {
		return command.Fail(exitcode.Unknown, "ssh-agent", failed.Hint, err)
	}
	return err
}
