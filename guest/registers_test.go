//go:build system

package guest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"unicode/utf16"

	"github.com/google/go-tpm/tpm2"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/release"
)

func (e evidence) pcr(n int) attest.Digest {
	return attest.Digest(e.answer.Evidence["pcrs"][sha256.Size*n:])
}

// predict computes from the logged statements alone what the registers must hold
// that the release decides. It is written down a second time here, by the table and
// not by the code that judges.
func (b *built) predict(t testing.TB) map[int]attest.Digest {
	t.Helper()
	var os *release.TPM2UKI
	var images []attest.Digest
	var stated *release.Release
	for _, name := range []string{"node-os", "model", "release"} {
		envelope, err := release.ParseEnvelope(b.file(name + ".json"))
		if err != nil {
			t.Fatal(err)
		}
		statement, err := release.ParseStatement(envelope.Payload)
		if err != nil {
			t.Fatal(err)
		}
		switch p := statement.Predicate.(type) {
		case *release.Release:
			stated = p
		case *release.Image:
			if p.Kind == release.KindOS {
				os = p.Measurements.TPM2UKI
			} else {
				images = append(images, attest.Digest(envelope.PayloadDigest()))
			}
		}
	}
	ledger, err := attest.NewLedger(attest.Digest(stated.Identity()), images)
	if err != nil {
		t.Fatal(err)
	}
	var sections []attest.Section
	for _, s := range os.Sections {
		sections = append(sections, attest.Section{Name: s.Name, Digest: attest.Digest(s.Digest)})
	}
	var line []byte
	for _, unit := range append(utf16.Encode([]rune(os.Cmdline)), 0) {
		line = binary.LittleEndian.AppendUint16(line, unit)
	}
	return map[int]attest.Digest{
		4: extended(sha256.Sum256([]byte("Calling EFI Application from Boot Option")), sha256.Sum256(make([]byte, 4)), attest.Digest(os.Authenticode)),
		8: {}, 12: {}, 13: {}, 14: {},
		9:  extended(sha256.Sum256(line), attest.Digest(os.Initrd)),
		11: attest.PCR11(sections, os.Phases),
		15: ledger.SHA256(),
	}
}

// extended is a register that was zero, after digests.
func extended(digests ...attest.Digest) (value attest.Digest) {
	for _, digest := range digests {
		value = attest.Extend(value, digest)
	}
	return value
}

// differing lists the registers that do not hold what is predicted.
func (b *built) differing(t testing.TB, e evidence) []int {
	t.Helper()
	var found []int
	for register, want := range b.predict(t) {
		if e.pcr(register) != want {
			found = append(found, register)
		}
	}
	slices.Sort(found)
	return found
}

// checkQuote checks what holds of every honest TPM, whatever its machine has booted:
// that the key signed these registers, bound to our nonce and our connection, and
// that the event log leads to them.
func checkQuote(t testing.TB, e evidence) {
	t.Helper()
	if err := quoteError(e); err != nil {
		t.Error(err)
	}
	log, err := tpm.ParseEventLog(e.answer.EventLog)
	if err != nil {
		t.Fatal(err)
	}
	for register := range 16 {
		if !tpm.Replayed(register) {
			continue
		}
		if value, err := log.Replay(register); err != nil || value != e.pcr(register) {
			t.Errorf("the event log leads PCR %d to %x (%v), quoted is %s", register, value, err, e.pcr(register))
		}
	}
}

func quoteError(e evidence) error {
	quote, err := tpm.ParseQuote(e.answer.Evidence["attest"])
	if err != nil {
		return err
	}
	registers := e.answer.Evidence["pcrs"]
	if digest := sha256.Sum256(registers); len(registers) != 16*sha256.Size || !bytes.Equal(quote.PCRDigest, digest[:]) {
		return errors.New("the quote is over other registers")
	}
	root, err := e.answer.Batch.Root(e.nonce)
	if err != nil {
		return err
	}
	register := e.pcr(15)
	bound, err := attest.Binding{Profile: attest.ProfileTPM2UKI, Nonce: root, SPKI: e.spki, Ledger: register[:]}.SHA256()
	if err != nil {
		return err
	}
	if !bytes.Equal(quote.ExtraData, bound[:]) {
		return fmt.Errorf("the quote is bound to %x, want %s", quote.ExtraData, bound)
	}
	public, err := tpm2.Unmarshal[tpm2.TPMTPublic](e.answer.Evidence["akPublic"])
	if err != nil {
		return err
	}
	point, err := public.Unique.ECC()
	if err != nil {
		return err
	}
	signature, err := tpm2.Unmarshal[tpm2.TPMTSignature](e.answer.Evidence["signature"])
	if err != nil {
		return err
	}
	ecdsaSignature, err := signature.Signature.ECDSA()
	if err != nil {
		return err
	}
	key := ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(point.X.Buffer), Y: new(big.Int).SetBytes(point.Y.Buffer)}
	digest := sha256.Sum256(e.answer.Evidence["attest"])
	if !ecdsa.Verify(&key, digest[:], new(big.Int).SetBytes(ecdsaSignature.SignatureR.Buffer), new(big.Int).SetBytes(ecdsaSignature.SignatureS.Buffer)) {
		return errors.New("the attestation key did not sign the quote")
	}
	return nil
}
