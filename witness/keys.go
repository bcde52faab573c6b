package witness

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/muster-log/muster/tlog"
)

// Keys are the two signing keys of one witness, of one name. Logs and clients
// of today ask for Ed25519, the specification recommends ML-DSA-44, so every
// checkpoint gets both. The zero value holds none.
type Keys struct {
	ed25519, mldsa44 *tlog.SigningKey
}

// GenerateKeys makes new keys for a witness name, such as
// "witness.example/w1".
func GenerateKeys(name string) (Keys, error) {
	var keys Keys
	var err error
	if keys.ed25519, err = tlog.GenerateSigningKey(name, tlog.TypeCosignatureEd25519); err != nil {
		return Keys{}, err
	}
	if keys.mldsa44, err = tlog.GenerateSigningKey(name, tlog.TypeCosignatureMLDSA44); err != nil {
		return Keys{}, err
	}
	return keys, nil
}

// ParseKeys reads a key file: two lines, the Ed25519 key and the ML-DSA-44
// key, each in the "PRIVATE+KEY+..." form of signed notes. Errors never quote
// the content.
func ParseKeys(file []byte) (Keys, error) {
	lines := strings.SplitAfter(string(file), "\n")
	if len(lines) != 3 || lines[2] != "" {
		return Keys{}, fmt.Errorf("want two lines, the Ed25519 and the ML-DSA-44 key, got %d", bytes.Count(file, []byte("\n")))
	}
	var parsed [2]*tlog.SigningKey
	for i, want := range []tlog.KeyType{tlog.TypeCosignatureEd25519, tlog.TypeCosignatureMLDSA44} {
		key, err := tlog.ParseSigningKey(strings.TrimSuffix(lines[i], "\n"))
		if err != nil {
			return Keys{}, fmt.Errorf("line %d: %w", i+1, err)
		}
		if got := key.Verifier().Type; got != want {
			return Keys{}, fmt.Errorf("line %d: got a key of type %v, want %v", i+1, got, want)
		}
		parsed[i] = key
	}
	if first, second := parsed[0].Verifier().Name, parsed[1].Verifier().Name; first != second {
		return Keys{}, fmt.Errorf("the keys are of two witnesses, %q and %q", first, second)
	}
	return Keys{ed25519: parsed[0], mldsa44: parsed[1]}, nil
}

// Marshal returns the key file, which is secret.
func (k Keys) Marshal() []byte {
	return []byte(k.ed25519.String() + "\n" + k.mldsa44.String() + "\n")
}

// IsZero reports whether there are no keys.
func (k Keys) IsZero() bool { return k.ed25519 == nil || k.mldsa44 == nil }

// Verifiers returns the public keys, Ed25519 first.
func (k Keys) Verifiers() []tlog.VerifierKey {
	return []tlog.VerifierKey{k.ed25519.Verifier(), k.mldsa44.Verifier()}
}

// signers are the keys that can cosign the checkpoint: an ML-DSA-44
// cosignature does not cover extension lines, so a checkpoint that has any
// gets none, lest it seem to.
func (k Keys) signers(checkpoint tlog.Checkpoint) []*tlog.SigningKey {
	if len(checkpoint.Extensions) > 0 {
		return []*tlog.SigningKey{k.ed25519}
	}
	return []*tlog.SigningKey{k.ed25519, k.mldsa44}
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

// own picks the signature lines that carry the name and id of these keys.
func (k Keys) own(signatures []tlog.NoteSignature) []tlog.NoteSignature {
	var own []tlog.NoteSignature
	for _, signature := range signatures {
		for _, key := range k.Verifiers() {
			if key.Made(signature) {
				own = append(own, signature)
			}
		}
	}
	return own
}

// count is how many cosignatures the checkpoint gets.
func (k Keys) count(checkpoint tlog.Checkpoint) int { return len(k.signers(checkpoint)) }

// signatureLines are the lines of a note for these signatures.
func signatureLines(signatures []tlog.NoteSignature) []byte {
	var lines bytes.Buffer
	for _, signature := range signatures {
		lines.WriteString(signature.Line())
	}
	return lines.Bytes()
}
