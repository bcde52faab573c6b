package guest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-tpm/tpm2"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/bundle"
)

// evidence is what a node answered, and what a client knows of the connection.
type evidence struct {
	answer      *attest.Answer
	raw         []byte // the answer as it came
	nonce, spki attest.Digest
	at          time.Time
	// activated says that the node gave back the secret of a credential for its
	// attestation key and endorsement key.
	activated bool
}

func (e evidence) pcr(n int) attest.Digest {
	return attest.Digest(e.answer.Evidence["pcrs"][sha256.Size*n:])
}

// predict computes from the statements in an answer's bundle alone what the registers
// must hold that the release decides. It is written down a second time here, by the
// table of the specification, and shares no code with what judges evidence.
func (e evidence) predict(t testing.TB) map[int]attest.Digest {
	t.Helper()
	os, _, identity, images := e.statements(t)
	ledger, err := attest.NewLedger(identity, images)
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

// statements reads from the bundle what the os is, what its firmware, if it names one,
// and what the ledger holds.
func (e evidence) statements(t testing.TB) (os *release.TPM2UKI, firmware *release.FirmwarePCRs, identity attest.Digest, images []attest.Digest) {
	t.Helper()
	stapled, err := bundle.Parse(e.answer.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range stapled.Entries {
		envelope, err := release.ParseEnvelope(entry.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		statement, err := release.ParseStatement(envelope.Payload)
		if err != nil {
			t.Fatal(err)
		}
		switch p := statement.Predicate.(type) {
		case *release.Release:
			identity = attest.Digest(p.Identity())
		case *release.Image:
			switch p.Kind {
			case release.KindOS:
				os = p.Measurements.TPM2UKI
			case release.KindFirmware:
				firmware = p.Measurements.FirmwarePCRs
			default:
				images = append(images, attest.Digest(envelope.PayloadDigest()))
			}
		}
	}
	if os == nil {
		t.Fatal("the bundle holds no os")
	}
	return os, firmware, identity, images
}

// extended is a register that was zero, after digests.
func extended(digests ...attest.Digest) (value attest.Digest) {
	for _, digest := range digests {
		value = attest.Extend(value, digest)
	}
	return value
}

// differing lists the registers that do not hold what is predicted.
func (e evidence) differing(t testing.TB) []int {
	t.Helper()
	var found []int
	for register, want := range e.predict(t) {
		if e.pcr(register) != want {
			found = append(found, register)
		}
	}
	if _, firmware, _, _ := e.statements(t); firmware != nil {
		for register, values := range firmware.PCRs {
			if !slices.Contains(values, release.Digest(e.pcr(register))) {
				found = append(found, register)
			}
		}
	}
	slices.Sort(found)
	return found
}

// checkHonestTPM checks what holds of every TPM, whatever its machine has booted: its
// key signed these registers, bound to our nonce and our connection; the event log
// leads to them; and its maker vouches for it.
func (e evidence) checkHonestTPM(t testing.TB) {
	t.Helper()
	if err := e.quoted(); err != nil {
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
	if !e.activated {
		t.Error("the attestation key is bound to no endorsement key")
	}
	var above *x509.Certificate
	for _, der := range slices.Backward(e.answer.Certificates) {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if above == nil {
			above = certificate // the root, which signed itself
		}
		if err := certificate.CheckSignatureFrom(above); err != nil {
			t.Errorf("certificate of %q: %v", certificate.Subject, err)
		}
		above = certificate
	}
}

func (e evidence) quoted() error {
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
	parts, err := signature.Signature.ECDSA()
	if err != nil {
		return err
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, point.X.Buffer, point.Y.Buffer))
	if err != nil {
		return err
	}
	digest := sha256.Sum256(e.answer.Evidence["attest"])
	if !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(parts.SignatureR.Buffer), new(big.Int).SetBytes(parts.SignatureS.Buffer)) {
		return errors.New("the attestation key did not sign the quote")
	}
	return nil
}

// akName is the TPM name of the attestation key.
func (e evidence) akName() []byte {
	digest := sha256.Sum256(e.answer.Evidence["akPublic"])
	return append([]byte{0, 0x0b}, digest[:]...)
}
