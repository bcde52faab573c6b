package tpm

import (
	"crypto/sha256"
	"encoding/binary"
	"unicode/utf16"
)

// secureBootState is what the first event of PCR 7 says of the variable SecureBoot.
type secureBootState int

const (
	secureBootUnknown secureBootState = iota // PCR 7 is not proved, or begins with something else
	secureBootOff
	secureBootOn
)

var (
	digestSecureBootOn     = secureBootEvent([]byte{1})
	digestSecureBootOff    = secureBootEvent([]byte{0})
	digestSecureBootAbsent = secureBootEvent(nil)
)

// secureBootEvent is the digest of the first event of PCR 7: of the variable
// SecureBoot with its value, as a UEFI_VARIABLE_DATA (PC Client Platform Firmware
// Profile, 10.4.2). Firmware without Secure Boot measures it empty or zero.
func secureBootEvent(value []byte) [sha256.Size]byte {
	name := utf16.Encode([]rune("SecureBoot"))
	// EFI_GLOBAL_VARIABLE, 8be4df61-93ca-11d2-aa0d-00e098032b8c, as it lies in memory.
	data := []byte{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}
	data = binary.LittleEndian.AppendUint64(data, uint64(len(name)))
	data = binary.LittleEndian.AppendUint64(data, uint64(len(value)))
	for _, unit := range name {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return sha256.Sum256(append(data, value...))
}

// secureBootOf reads the state from the digests of PCR 7.
func secureBootOf(digests [][sha256.Size]byte) secureBootState {
	if len(digests) == 0 {
		return secureBootUnknown
	}
	switch digests[0] {
	case digestSecureBootOn:
		return secureBootOn
	case digestSecureBootOff, digestSecureBootAbsent:
		return secureBootOff
	}
	return secureBootUnknown
}
