// Package tpm reads the event log that a TPM 2.0's firmware leaves, and replays
// it, and reads what a TPM signs over its PCRs. It checks no signature and no
// key. The log is a hint: what it says holds only where its replay equals PCR
// values that a TPM has signed, and then only for digests and their order.
//
// Specification: TCG PC Client Platform Firmware Profile, version 1.05, 10.2
// (crypto agile log format).
package tpm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Bounds of an event log. The logs of real boots in testdata are below 20 KB.
const (
	// MaxEventLog is the longest event log that is read, in bytes.
	MaxEventLog = 1 << 20
	// MaxEvents is the largest number of events that are read from a log.
	MaxEvents = 4096
	// maxBanks is the largest number of hash algorithms that a log may name:
	// SHA-1, SHA-256, SHA-384, SHA-512, SM3-256 and the three of SHA-3.
	maxBanks = 8
)

// The hash algorithm and the one event type that change how a log is read.
const (
	algSHA256  = 0x000b
	evNoAction = 0x00000003
)

// pcrCount is the number of PCRs of a PC Client TPM.
const pcrCount = 24

var (
	specSignature   = []byte("Spec ID Event03\x00")
	startupLocality = []byte("StartupLocality\x00")
)

// An Event is one entry of a log. Only PCR and SHA256 can be held against a
// quote; Type and Data are what the log's bearer says they are.
type Event struct {
	PCR    int
	Type   uint32
	SHA256 [sha256.Size]byte
	Data   []byte
}

// An EventLog is a parsed crypto agile log, in the SHA-256 bank.
type EventLog struct {
	Events []Event
	// locality is the locality that TPM2_Startup was called at, which is the
	// last byte of PCR 0 before the first extend.
	locality byte
}

// bank is a hash algorithm that a log's header names, and its digest's length.
type bank struct {
	algorithm uint16
	size      int
}

// knownSizes are the digest lengths of the TCG algorithm registry, in bytes.
var knownSizes = map[uint16]int{
	0x0004: 20, 0x000b: 32, 0x000c: 48, 0x000d: 64,
	0x0012: 32, 0x0027: 32, 0x0028: 48, 0x0029: 64,
}

// ParseEventLog reads a whole crypto agile log in little endian. It refuses a
// log without a SHA-256 bank, an event that does not hold one digest of each
// bank that the header names, and bytes left over. Events that extend no PCR
// (EV_NO_ACTION) are read and not kept. The events' data share data's memory.
func ParseEventLog(data []byte) (*EventLog, error) {
	if len(data) > MaxEventLog {
		return nil, fmt.Errorf("event log: got %d bytes, want at most %d", len(data), MaxEventLog)
	}
	r := &reader{rest: data}
	banks, err := parseHeader(r)
	if err != nil {
		return nil, fmt.Errorf("event log: header: %w", err)
	}
	log := &EventLog{}
	var startup bool
	for n := 1; len(r.rest) > 0; n++ {
		if n > MaxEvents {
			return nil, fmt.Errorf("event log: got more than %d events", MaxEvents)
		}
		event, err := parseEvent(r, banks)
		if err != nil {
			return nil, fmt.Errorf("event log: event %d: %w", n, err)
		}
		if event.Type != evNoAction {
			log.Events = append(log.Events, event)
			continue
		}
		if !bytes.HasPrefix(event.Data, startupLocality) {
			continue
		}
		locality, err := parseLocality(event)
		if err != nil {
			return nil, fmt.Errorf("event log: event %d: %w", n, err)
		}
		if startup {
			return nil, fmt.Errorf("event log: event %d: a second startup locality", n)
		}
		startup, log.locality = true, locality
	}
	return log, nil
}

// parseHeader reads the first event, which is in the format of TPM 1.2 and
// holds a TCG_EfiSpecIDEvent.
func parseHeader(r *reader) ([]bank, error) {
	pcr, kind := r.uint32(), r.uint32()
	digest := r.bytes(20)
	spec := &reader{rest: r.bytes(int(r.uint32()))}
	if r.short {
		return nil, errShort
	}
	if pcr != 0 || kind != evNoAction || !bytes.Equal(digest, make([]byte, 20)) {
		return nil, fmt.Errorf("got PCR %d, type %#x, digest %x, want PCR 0, type %#x, a digest of zeros", pcr, kind, digest, evNoAction)
	}
	if signature := spec.bytes(len(specSignature)); !bytes.Equal(signature, specSignature) {
		return nil, fmt.Errorf("got signature %q, want %q", signature, specSignature)
	}
	// Platform class, version minor and major, errata, size of UINTN.
	spec.bytes(8)
	count := spec.uint32()
	if count < 1 || count > maxBanks {
		return nil, fmt.Errorf("got %d hash algorithms, want 1 to %d", count, maxBanks)
	}
	var banks []bank
	seen := map[uint16]bool{}
	for range count {
		b := bank{spec.uint16(), int(spec.uint16())}
		if spec.short {
			return nil, errShort
		}
		if want, ok := knownSizes[b.algorithm]; !ok || b.size != want {
			return nil, fmt.Errorf("got algorithm %#x of %d bytes, want one of the TCG registry and its length", b.algorithm, b.size)
		}
		if seen[b.algorithm] {
			return nil, fmt.Errorf("algorithm %#x is named twice", b.algorithm)
		}
		seen[b.algorithm] = true
		banks = append(banks, b)
	}
	spec.bytes(int(spec.uint8()))
	if spec.short {
		return nil, errShort
	}
	if len(spec.rest) > 0 {
		return nil, fmt.Errorf("%d bytes left over", len(spec.rest))
	}
	if !seen[algSHA256] {
		return nil, errors.New("no SHA-256 bank")
	}
	return banks, nil
}

// parseEvent reads a TCG_PCR_EVENT2 that holds one digest of each bank, in any
// order.
func parseEvent(r *reader, banks []bank) (Event, error) {
	pcr, kind, count := r.uint32(), r.uint32(), r.uint32()
	if r.short {
		return Event{}, errShort
	}
	if pcr >= pcrCount && (kind != evNoAction || pcr != 0xffffffff) {
		return Event{}, fmt.Errorf("got PCR %d, want 0 to %d", pcr, pcrCount-1)
	}
	if int64(count) != int64(len(banks)) {
		return Event{}, fmt.Errorf("got %d digests, want %d as the header names", count, len(banks))
	}
	event := Event{PCR: int(int32(pcr)), Type: kind}
	seen := map[uint16]bool{}
	for range count {
		algorithm := r.uint16()
		size := -1
		for _, b := range banks {
			if b.algorithm == algorithm {
				size = b.size
			}
		}
		if size < 0 || seen[algorithm] {
			return Event{}, fmt.Errorf("got a digest of algorithm %#x, want one of each that the header names", algorithm)
		}
		seen[algorithm] = true
		digest := r.bytes(size)
		if algorithm == algSHA256 {
			copy(event.SHA256[:], digest)
		}
	}
	event.Data = r.bytes(int(r.uint32()))
	if r.short {
		return Event{}, errShort
	}
	return event, nil
}

// parseLocality reads a TCG_EfiStartupLocalityEvent: 0, 3, or 4 (H-CRTM).
func parseLocality(event Event) (byte, error) {
	rest := event.Data[len(startupLocality):]
	if event.PCR != 0 || len(rest) != 1 || rest[0] != 0 && rest[0] != 3 && rest[0] != 4 {
		return 0, fmt.Errorf("got startup locality %x in PCR %d, want 00, 03 or 04 in PCR 0", rest, event.PCR)
	}
	return rest[0], nil
}

// Replayed says whether Replay computes the value of pcr: 0 to 7 and 9, which
// firmware and the stub extend and user space has no part in.
func Replayed(pcr int) bool {
	return pcr >= 0 && pcr <= 7 || pcr == 9
}

// Replay computes the SHA-256 value of a PCR from the log's digests. It is an
// error to ask for one that is not Replayed.
func (l *EventLog) Replay(pcr int) ([sha256.Size]byte, error) {
	var value [sha256.Size]byte
	if !Replayed(pcr) {
		return value, fmt.Errorf("replay: got PCR %d, want 0 to 7 or 9", pcr)
	}
	if pcr == 0 {
		value[sha256.Size-1] = l.locality
	}
	for _, digest := range l.Digests(pcr) {
		value = sha256.Sum256(append(value[:], digest[:]...))
	}
	return value, nil
}

// Digests returns the SHA-256 digests that extended a PCR, in order.
func (l *EventLog) Digests(pcr int) [][sha256.Size]byte {
	var digests [][sha256.Size]byte
	for _, event := range l.Events {
		if event.PCR == pcr {
			digests = append(digests, event.SHA256)
		}
	}
	return digests
}

var errShort = errors.New("ends too early")

// A reader takes little-endian values from the front of rest. Once a value did
// not fit, short is set and all further values are zero.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) bytes(n int) []byte {
	if r.short || n < 0 || n > len(r.rest) {
		r.short = true
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) uint8() uint8 {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}
