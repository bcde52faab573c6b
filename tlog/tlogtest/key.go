package tlogtest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"filippo.io/mldsa"

	"github.com/muster-log/muster/tlog"
)

// Key returns the key whose seed is the SHA-256 of its name.
func Key(tb testing.TB, name string, keyType tlog.KeyType) *tlog.SigningKey {
	tb.Helper()
	seed := sha256.Sum256([]byte(name))
	var public []byte
	if keyType == tlog.TypeCosignatureMLDSA44 {
		public = mldsaKey(tb, name).PublicKey().Bytes()
	} else {
		public = ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	}
	verifier, err := tlog.NewVerifierKey(name, keyType, public)
	if err != nil {
		tb.Fatal(err)
	}
	secret := base64.StdEncoding.EncodeToString(append([]byte{byte(keyType)}, seed[:]...))
	key, err := tlog.ParseSigningKey(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, verifier.KeyID, secret))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func mldsaKey(tb testing.TB, name string) *mldsa.PrivateKey {
	tb.Helper()
	seed := sha256.Sum256([]byte(name))
	key, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed[:])
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// Witness is a witness that cosigns whatever a test wants.
type Witness struct {
	// Name is the witness's in policies.
	Name string
	// Operator runs it.
	Operator string
	// Key is named as the witness, with the suffix .example.
	Key *tlog.SigningKey
}

// NewWitness returns a witness with the key Key(name + ".example").
func NewWitness(tb testing.TB, name, operator string, keyType tlog.KeyType) Witness {
	tb.Helper()
	return Witness{Name: name, Operator: operator, Key: Key(tb, name+".example", keyType)}
}

// At is a witness that cosigns at a time.
type At struct {
	Witness
	Time time.Time
}

// At returns the witness as a cosigner at a time.
func (w Witness) At(t time.Time) At { return At{Witness: w, Time: t} }

// Cosign makes the cosignature. The same call makes the same bytes, for
// ML-DSA too, whose signatures are randomised elsewhere.
func (a At) Cosign(tb testing.TB, checkpoint tlog.Checkpoint) tlog.NoteSignature {
	tb.Helper()
	if a.Key.Verifier().Type == tlog.TypeCosignatureMLDSA44 {
		return a.cosignMLDSA(tb, checkpoint)
	}
	signature, err := a.Key.Cosign(checkpoint, uint64(a.Time.Unix()))
	if err != nil {
		tb.Fatal(err)
	}
	return signature
}

// cosignMLDSA signs a cosigned_message of https://c2sp.org/tlog-cosignature.
func (a At) cosignMLDSA(tb testing.TB, checkpoint tlog.Checkpoint) tlog.NoteSignature {
	tb.Helper()
	key := a.Key.Verifier()
	stamp := uint64(a.Time.Unix())
	message := []byte("subtree/v1\n\x00")
	message = append(append(message, byte(len(key.Name))), key.Name...)
	message = binary.BigEndian.AppendUint64(message, stamp)
	message = append(append(message, byte(len(checkpoint.Origin))), checkpoint.Origin...)
	message = binary.BigEndian.AppendUint64(message, 0)
	message = binary.BigEndian.AppendUint64(message, checkpoint.Size)
	message = append(message, checkpoint.Root[:]...)
	signature, err := mldsaKey(tb, key.Name).SignDeterministic(message, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return tlog.NoteSignature{Name: key.Name, KeyID: key.KeyID, Sig: append(binary.BigEndian.AppendUint64(nil, stamp), signature...)}
}
