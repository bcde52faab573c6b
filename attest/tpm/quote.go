package tpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxQuote is the longest TPMS_ATTEST that is read, in bytes: a TPM's largest
// name and digests leave it below 300.
const MaxQuote = 1024

const (
	attestMagic = 0xff544347
	attestQuote = 0x8018
)

// selection is the TPML_PCR_SELECTION of a quote that is accepted: one bank,
// SHA-256, PCRs 0 to 15 and no other, in three bytes.
var selection = []byte{0, 0, 0, 1, 0, algSHA256, 3, 0xff, 0xff, 0}

// A Quote is what a TPM signs over its PCRs 0 to 15 of the SHA-256 bank: a
// TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE.
type Quote struct {
	// QualifiedSigner is the attestation key's qualified name.
	QualifiedSigner []byte
	// ExtraData is what the verifier chose: its nonce, or a binding to it.
	ExtraData []byte
	// Clock is in milliseconds of power since the TPM was last cleared.
	Clock uint64
	// ResetCount counts TPM resets, which are boots; RestartCount counts
	// resumptions since the last of them.
	ResetCount, RestartCount uint32
	// Safe: no greater Clock was ever told.
	Safe            bool
	FirmwareVersion uint64
	// PCRDigest is the digest, by the hash of the signing scheme, of the PCR
	// values one after the other.
	PCRDigest []byte
}

// ParseQuote reads a TPMS_ATTEST (TPM 2.0 Library, part 2, 10.12.12). It refuses
// another magic or type, every selection of PCRs but 0 to 15 of the SHA-256
// bank, byte for byte, and bytes left over. It checks no signature.
func ParseQuote(data []byte) (*Quote, error) {
	if len(data) > MaxQuote {
		return nil, fmt.Errorf("quote: got %d bytes, want at most %d", len(data), MaxQuote)
	}
	r := &structure{reader{rest: data}}
	magic, kind := r.uint32(), r.uint16()
	if r.short {
		return nil, fmt.Errorf("quote: %w", errShort)
	}
	if magic != attestMagic || kind != attestQuote {
		return nil, fmt.Errorf("quote: got magic %#x, type %#x, want %#x, %#x", magic, kind, uint32(attestMagic), attestQuote)
	}
	q := &Quote{QualifiedSigner: r.sized(), ExtraData: r.sized(), Clock: r.uint64(), ResetCount: r.uint32(), RestartCount: r.uint32()}
	safe := r.bytes(1)
	q.FirmwareVersion = r.uint64()
	if r.short {
		return nil, fmt.Errorf("quote: %w", errShort)
	}
	if safe[0] > 1 {
		return nil, fmt.Errorf("quote: safe: got %d, want 0 or 1", safe[0])
	}
	q.Safe = safe[0] == 1
	if !bytes.HasPrefix(r.rest, selection) {
		return nil, fmt.Errorf("quote: PCR selection: got %x, want %x: PCRs 0 to 15 of the SHA-256 bank", r.rest[:min(len(r.rest), len(selection))], selection)
	}
	r.bytes(len(selection))
	q.PCRDigest = r.sized()
	if r.short {
		return nil, fmt.Errorf("quote: %w", errShort)
	}
	if len(r.rest) > 0 {
		return nil, errors.New("quote: bytes left over")
	}
	return q, nil
}

// A structure takes the big-endian values of TPM structures.
type structure struct{ reader }

func (s *structure) uint16() uint16 {
	if b := s.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (s *structure) uint32() uint32 {
	if b := s.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (s *structure) uint64() uint64 {
	if b := s.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// sized takes a TPM2B: a length of two bytes, and as many bytes.
func (s *structure) sized() []byte { return s.bytes(int(s.uint16())) }
