package swtpm

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"unicode/utf16"

	"github.com/google/go-tpm/tpm2"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
)

// Event types of the PC Client Platform Firmware Profile, 10.4.1, for the log's
// readers: no rule looks at them.
const (
	evSeparator        = 0x00000004
	evAction           = 0x00000005
	evIPL              = 0x0000000d
	evSCRTMVersion     = 0x00000008
	evVariableConfig   = 0x80000001
	evBootServicesCode = 0x80000003
)

// Event is an extend of a PCR.
type Event struct {
	PCR    int
	Type   uint32
	Digest attest.Digest
	Data   []byte
}

// Boot is a boot that is played: of an image as its statement has it, and of whatever
// an attacker does besides.
type Boot struct {
	Image attest.TPM2UKI
	// Phases that run; nil: all that the image states.
	Phases []string
	// SecureBootOff has the firmware say so.
	SecureBootOff bool
	// InFront are programs that the firmware starts before the image.
	InFront []attest.Digest
	// Firmware is the event log of a real boot, whose firmware this one has: what it
	// extends into PCRs 0, 2, 3 and 6. Nil: firmware that is nobody's.
	Firmware []byte
	// Cmdline is what the kernel is really given; empty: the image's own.
	Cmdline string
	// Beside are further extends, after all else.
	Beside []Event
}

// Play extends the TPM as such a boot would, and returns the firmware's event log. The
// TPM must have been started since the last boot.
func (s *Server) Play(b Boot) ([]byte, error) {
	logged, unlogged, err := b.events()
	if err != nil {
		return nil, err
	}
	for _, event := range append(logged, unlogged...) {
		if err := s.extend(event.PCR, event.Digest); err != nil {
			return nil, err
		}
	}
	return encodeLog(logged), nil
}

// Replay extends the TPM by a recorded event log, as whoever has a bare TPM and
// another machine's log would. Events that the log has not must be added by Extend.
func (s *Server) Replay(eventLog []byte) error {
	log, err := tpm.ParseEventLog(eventLog)
	if err != nil {
		return err
	}
	for _, event := range log.Events {
		if err := s.extend(event.PCR, event.SHA256); err != nil {
			return err
		}
	}
	return nil
}

// Extend extends a PCR, and logs nothing.
func (s *Server) Extend(pcr int, digest attest.Digest) error { return s.extend(pcr, digest) }

func (s *Server) extend(pcr int, digest attest.Digest) error {
	_, err := tpm2.PCRExtend{
		PCRHandle: tpm2.AuthHandle{Handle: tpm2.TPMHandle(pcr), Auth: tpm2.PasswordAuth(nil)},
		Digests:   tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: tpm2.TPMAlgSHA256, Digest: digest[:]}}},
	}.Execute(s)
	if err != nil {
		return fmt.Errorf("swtpm: extend PCR %d: %w", pcr, err)
	}
	return nil
}

func (b Boot) events() (logged, unlogged []Event, err error) {
	add := func(pcr int, kind uint32, data []byte) {
		logged = append(logged, Event{pcr, kind, sha256.Sum256(data), data})
	}
	program := func(pcr int, digest attest.Digest) {
		logged = append(logged, Event{PCR: pcr, Type: evBootServicesCode, Digest: digest})
	}
	separated := []int{0, 1, 2, 3, 4, 5, 6, 7}
	if b.Firmware == nil {
		add(0, evSCRTMVersion, []byte("no firmware: a boot that is played"))
	} else {
		log, err := tpm.ParseEventLog(b.Firmware)
		if err != nil {
			return nil, nil, err
		}
		for _, event := range log.Events {
			switch event.PCR {
			case 0, 2, 3, 6:
				logged = append(logged, Event{event.PCR, event.Type, event.SHA256, event.Data})
			}
		}
		separated = []int{1, 4, 5, 7}
	}
	secureBoot := byte(1)
	if b.SecureBootOff {
		secureBoot = 0
	}
	add(7, evVariableConfig, variable("SecureBoot", []byte{secureBoot}))
	add(7, evVariableConfig, variable("PK", nil))
	add(4, evAction, []byte("Calling EFI Application from Boot Option"))
	for _, pcr := range separated {
		add(pcr, evSeparator, make([]byte, 4))
	}
	for _, digest := range b.InFront {
		program(4, digest)
	}
	program(4, b.Image.Authenticode)
	if b.Image.KernelMeasured == attest.KernelMeasuredAlways || b.Image.KernelMeasured == attest.KernelMeasuredWithoutSecureBoot && b.SecureBootOff {
		program(4, b.Image.KernelAuthenticode)
	}
	cmdline := b.Image.Cmdline
	if b.Cmdline != "" {
		cmdline = b.Cmdline
	}
	for _, input := range b.Image.PCR9 {
		if input == attest.PCR9Cmdline {
			add(9, evIPL, utf16LE(cmdline+"\x00"))
		} else {
			logged = append(logged, Event{PCR: 9, Type: evIPL, Digest: b.Image.Initrd, Data: []byte("initrd")})
		}
	}
	for _, section := range b.Image.Sections {
		unlogged = append(unlogged, Event{PCR: 11, Digest: sha256.Sum256([]byte(section.Name + "\x00"))}, Event{PCR: 11, Digest: section.Digest})
	}
	phases := b.Phases
	if phases == nil {
		phases = b.Image.Phases
	}
	for _, phase := range phases {
		unlogged = append(unlogged, Event{PCR: 11, Digest: sha256.Sum256([]byte(phase))})
	}
	for _, event := range b.Beside {
		if tpm.Replayed(event.PCR) {
			logged = append(logged, event)
		} else {
			unlogged = append(unlogged, event)
		}
	}
	return logged, unlogged, nil
}

// variable is a UEFI_VARIABLE_DATA of an EFI global variable.
func variable(name string, value []byte) []byte {
	data := []byte{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}
	text := utf16LE(name)
	data = binary.LittleEndian.AppendUint64(data, uint64(len(text)/2))
	data = binary.LittleEndian.AppendUint64(data, uint64(len(value)))
	return append(append(data, text...), value...)
}

func utf16LE(text string) (data []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return data
}

// encodeLog writes a crypto agile log of one bank, SHA-256.
func encodeLog(events []Event) []byte {
	specification := append([]byte("Spec ID Event03\x00"), 0, 0, 0, 0, 0, 2, 0, 2)
	specification = binary.LittleEndian.AppendUint32(specification, 1)
	specification = append(specification, 0x0b, 0, 32, 0, 0)
	log := binary.LittleEndian.AppendUint32(nil, 0)
	log = binary.LittleEndian.AppendUint32(log, 3) // EV_NO_ACTION
	log = append(log, make([]byte, 20)...)
	log = append(binary.LittleEndian.AppendUint32(log, uint32(len(specification))), specification...)
	for _, event := range events {
		log = binary.LittleEndian.AppendUint32(log, uint32(event.PCR))
		log = binary.LittleEndian.AppendUint32(log, event.Type)
		log = binary.LittleEndian.AppendUint32(log, 1)
		log = append(binary.LittleEndian.AppendUint16(log, 0x0b), event.Digest[:]...)
		log = append(binary.LittleEndian.AppendUint32(log, uint32(len(event.Data))), event.Data...)
	}
	return log
}
