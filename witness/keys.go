package witness

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/tlog"
)

// agentKeyPrefix begins the first line of a key file whose Ed25519 key is in an
// ssh-agent. The verifier key follows.
const agentKeyPrefix = "SSH-AGENT+KEY+"

// Keys are the two signing keys of one witness, of one name. Logs and clients
// of today ask for Ed25519, the specification recommends ML-DSA-44, so every
// checkpoint gets both. The zero value holds none.
type Keys struct {
	ed25519 cosigner
	mldsa44 *tlog.SigningKey
}

// cosigner is one of the keys, with its secret here or elsewhere.
type cosigner interface {
	Verifier() tlog.VerifierKey
	Cosign(checkpoint tlog.Checkpoint, t uint64) (tlog.NoteSignature, error)
}

// ErrNoAgent says that the Ed25519 key is in an ssh-agent, and none was
// connected: see [Keys.WithSigner].
var ErrNoAgent = errors.New("the Ed25519 key is in an ssh-agent, and none is connected")

// agentKey is an Ed25519 key in an agent that is not connected.
type agentKey struct{ verifier tlog.VerifierKey }

func (k agentKey) Verifier() tlog.VerifierKey { return k.verifier }

func (k agentKey) Cosign(tlog.Checkpoint, uint64) (tlog.NoteSignature, error) {
	return tlog.NoteSignature{}, ErrNoAgent
}

// GenerateKeys makes new keys for a witness name, such as
// "witness.example/w1".
func GenerateKeys(name string) (Keys, error) {
	ed25519, err := tlog.GenerateSigningKey(name, tlog.TypeCosignatureEd25519)
	if err != nil {
		return Keys{}, err
	}
	mldsa44, err := tlog.GenerateSigningKey(name, tlog.TypeCosignatureMLDSA44)
	if err != nil {
		return Keys{}, err
	}
	return Keys{ed25519: ed25519, mldsa44: mldsa44}, nil
}

// GenerateKeysInAgent makes the keys of a witness whose Ed25519 key is in an
// ssh-agent already. An Ed25519 cosignature does not cover the name of who made
// it, so no other witness may have that key.
func GenerateKeysInAgent(name string, public ed25519.PublicKey) (Keys, error) {
	verifier, err := tlog.NewVerifierKey(name, tlog.TypeCosignatureEd25519, public)
	if err != nil {
		return Keys{}, err
	}
	mldsa44, err := tlog.GenerateSigningKey(name, tlog.TypeCosignatureMLDSA44)
	if err != nil {
		return Keys{}, err
	}
	return Keys{ed25519: agentKey{verifier}, mldsa44: mldsa44}, nil
}

// ParseKeys reads a key file: two lines, the Ed25519 key and the ML-DSA-44
// key, each in the "PRIVATE+KEY+..." form of signed notes. In place of the first
// may stand "SSH-AGENT+KEY+" and the verifier key of an Ed25519 key that is in
// an ssh-agent: see [Keys.InAgent]. Errors never quote the content.
func ParseKeys(file []byte) (Keys, error) {
	lines := strings.SplitAfter(string(file), "\n")
	if len(lines) != 3 || lines[2] != "" {
		return Keys{}, fmt.Errorf("want two lines, the Ed25519 and the ML-DSA-44 key, got %d", bytes.Count(file, []byte("\n")))
	}
	first, err := parseEd25519(strings.TrimSuffix(lines[0], "\n"))
	if err != nil {
		return Keys{}, fmt.Errorf("line 1: %w", err)
	}
	second, err := tlog.ParseSigningKey(strings.TrimSuffix(lines[1], "\n"))
	if err == nil {
		err = wantType(second, tlog.TypeCosignatureMLDSA44)
	}
	if err != nil {
		return Keys{}, fmt.Errorf("line 2: %w", err)
	}
	if first, second := first.Verifier().Name, second.Verifier().Name; first != second {
		return Keys{}, fmt.Errorf("the keys are of two witnesses, %q and %q", first, second)
	}
	return Keys{ed25519: first, mldsa44: second}, nil
}

func parseEd25519(line string) (cosigner, error) {
	var key cosigner
	if vkey, ok := strings.CutPrefix(line, agentKeyPrefix); ok {
		verifier, err := tlog.ParseVerifierKey(vkey)
		if err != nil {
			// The cause quotes the line, and it may be a private key's after all.
			return nil, fmt.Errorf("want %s and a verifier key, <name>+<8 hex digits>+<base64>", agentKeyPrefix)
		}
		key = agentKey{verifier}
	} else {
		private, err := tlog.ParseSigningKey(line)
		if err != nil {
			return nil, err
		}
		key = private
	}
	return key, wantType(key, tlog.TypeCosignatureEd25519)
}

func wantType(key cosigner, want tlog.KeyType) error {
	if got := key.Verifier().Type; got != want {
		return fmt.Errorf("got a key of type %v, want %v", got, want)
	}
	return nil
}

// Marshal returns the key file, which is secret.
func (k Keys) Marshal() []byte {
	first := agentKeyPrefix + k.ed25519.Verifier().String()
	if private, ok := k.ed25519.(*tlog.SigningKey); ok {
		first = private.String()
	}
	return []byte(first + "\n" + k.mldsa44.String() + "\n")
}

// IsZero reports whether there are no keys.
func (k Keys) IsZero() bool { return k.ed25519 == nil || k.mldsa44 == nil }

// InAgent returns the Ed25519 key if it is in an ssh-agent. Until
// [Keys.WithSigner] such keys show what they are, and cosign nothing.
func (k Keys) InAgent() (public ed25519.PublicKey, ok bool) {
	if _, here := k.ed25519.(*tlog.SigningKey); here {
		return nil, false
	}
	return k.ed25519.Verifier().Public, true
}

// WithSigner returns the keys with what signs for the Ed25519 key, which must be
// that key. Every signature is verified before it is used.
func (k Keys) WithSigner(signer crypto.Signer) (Keys, error) {
	outside, err := tlog.NewCosigner(k.ed25519.Verifier(), signer)
	if err != nil {
		return Keys{}, err
	}
	return Keys{ed25519: outside, mldsa44: k.mldsa44}, nil
}

// Verifiers returns the public keys, Ed25519 first.
func (k Keys) Verifiers() []tlog.VerifierKey {
	return []tlog.VerifierKey{k.ed25519.Verifier(), k.mldsa44.Verifier()}
}

// signers are the keys that can cosign the checkpoint: an ML-DSA-44
// cosignature does not cover extension lines, so a checkpoint that has any
// gets none, lest it seem to.
func (k Keys) signers(checkpoint tlog.Checkpoint) []cosigner {
	if len(checkpoint.Extensions) > 0 {
		return []cosigner{k.ed25519}
	}
	return []cosigner{k.ed25519, k.mldsa44}
}

// Cosign makes the cosignatures of a checkpoint at a time in POSIX seconds.
func (k Keys) Cosign(checkpoint tlog.Checkpoint, timestamp uint64) ([]tlog.NoteSignature, error) {
	if timestamp == 0 {
		return nil, errors.New("a cosignature of a whole tree needs a time stamp")
	}
	var cosignatures []tlog.NoteSignature
	for _, key := range k.signers(checkpoint) {
		cosignature, err := key.Cosign(checkpoint, timestamp)
		if err != nil {
			return nil, err
		}
		cosignatures = append(cosignatures, cosignature)
	}
	return cosignatures, nil
}

// signatureLines are the lines of a note for these signatures.
func signatureLines(signatures []tlog.NoteSignature) []byte {
	var lines []byte
	for _, signature := range signatures {
		// A line is a third longer than its signature, and has a name.
		lines = slices.Grow(lines, len(signature.Sig)*4/3+len(signature.Name)+16)
		lines = signature.AppendLine(lines)
	}
	return lines
}
