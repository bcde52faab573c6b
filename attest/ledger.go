package attest

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"slices"
)

// MaxImages is how many images a release may name, and so a ledger may hold
// (docs/formats/release.md).
const MaxImages = 64

// ledgerDomain begins every event, before a zero byte.
const ledgerDomain = "muster-ledger/v1"

// Op is what an event of a ledger says.
type Op string

// The events of a ledger.
const (
	OpOpen    Op = "open"    // the digest is the identity of the release
	OpImage   Op = "image"   // the digest is the payload digest of a model, adapter or config image
	OpLock    Op = "lock"    // the digest is zero: nothing more is loaded
	OpRefused Op = "refused" // the digest is zero: the gate refused
)

// LedgerEvent is one extension of a ledger's register.
type LedgerEvent struct {
	Op     Op
	Digest Digest
}

// Refused is the event by which a gate marks a register before it gives up.
var Refused = LedgerEvent{Op: OpRefused}

// Bytes returns what the register's hash is taken of:
//
//	"muster-ledger/v1" 0x00 op 0x00 digest (32 bytes)
func (e LedgerEvent) Bytes() []byte {
	out := make([]byte, 0, len(ledgerDomain)+len(e.Op)+2+len(e.Digest))
	out = append(out, ledgerDomain...)
	out = append(out, 0)
	out = append(out, e.Op...)
	out = append(out, 0)
	return append(out, e.Digest[:]...)
}

// SHA256 returns the digest by which a register of SHA-256 (PCR 15) is extended.
func (e LedgerEvent) SHA256() Digest { return sha256.Sum256(e.Bytes()) }

// SHA384 returns the digest by which a register of SHA-384 (RTMR 3) is extended.
func (e LedgerEvent) SHA384() [sha512.Size384]byte { return sha512.Sum384(e.Bytes()) }

// Ledger is what a node that runs a release loads after boot: a pure function of
// the release's identity and of its images that firmware does not measure.
type Ledger struct {
	events []LedgerEvent
}

// NewLedger returns the ledger of a release: its identity, and the payload digests
// of its model, adapter and config images in any order. An image that stands twice
// and more than MaxImages are refused.
func NewLedger(identity Digest, images []Digest) (Ledger, error) {
	if len(images) > MaxImages {
		return Ledger{}, fmt.Errorf("ledger: got %d images, want at most %d", len(images), MaxImages)
	}
	ascending := slices.Clone(images)
	slices.SortFunc(ascending, func(a, b Digest) int { return bytes.Compare(a[:], b[:]) })
	events := make([]LedgerEvent, 0, len(images)+2)
	events = append(events, LedgerEvent{OpOpen, identity})
	for i, image := range ascending {
		if i > 0 && image == ascending[i-1] {
			return Ledger{}, fmt.Errorf("ledger: got image %s twice, want it once", image)
		}
		events = append(events, LedgerEvent{OpImage, image})
	}
	return Ledger{append(events, LedgerEvent{Op: OpLock})}, nil
}

// Events lists the events in the order in which the gate extends the register,
// which is zero before the first: open, the images ascending, lock.
func (l Ledger) Events() []LedgerEvent { return slices.Clone(l.events) }

// SHA256 returns the locked value of a register of SHA-256: PCR 15 of a TPM.
func (l Ledger) SHA256() Digest {
	var register Digest
	for _, event := range l.events {
		register = Extend(register, event.SHA256())
	}
	return register
}

// SHA384 returns the locked value of a register of SHA-384: RTMR 3 of TDX, and
// the value that stands for a register in REPORT_DATA of SNP.
func (l Ledger) SHA384() [sha512.Size384]byte {
	var register [sha512.Size384]byte
	for _, event := range l.events {
		digest := event.SHA384()
		register = sha512.Sum384(append(register[:], digest[:]...))
	}
	return register
}
