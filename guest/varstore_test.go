//go:build system

package guest_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// noVariables are OVMF's without any key: Secure Boot is off.
const noVariables = "/usr/share/OVMF/OVMF_VARS_4M.fd"

// secureBoot are the keys of the machine's owner, and the firmware's variables with
// them enrolled: nothing of another signer starts.
type secureBoot struct {
	key, certificate string // PEM files
	variables        string // as OVMF keeps them
}

// newSecureBoot makes keys, and enrols them in a copy of OVMF's empty variables.
func newSecureBoot(t testing.TB) secureBoot {
	t.Helper()
	directory := cached(t, "secure-boot", []string{"1"}, func(path string) {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "owner of the guest, for tests"},
			NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true, BasicConstraintsValid: true}
		certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		empty, err := os.ReadFile(noVariables)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(path, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
		write(t, filepath.Join(path, "certificate.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
		write(t, filepath.Join(path, "variables.fd"), enrol(t, empty, certificate))
	})
	return secureBoot{filepath.Join(directory, "key.pem"), filepath.Join(directory, "certificate.pem"), filepath.Join(directory, "variables.fd")}
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// guid is an EFI_GUID of its text.
func guid(text string) []byte {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != 16 {
		panic("not a GUID: " + text)
	}
	out := binary.LittleEndian.AppendUint32(nil, binary.BigEndian.Uint32(raw))
	out = binary.LittleEndian.AppendUint16(out, binary.BigEndian.Uint16(raw[4:]))
	out = binary.LittleEndian.AppendUint16(out, binary.BigEndian.Uint16(raw[6:]))
	return append(out, raw[8:]...)
}

const (
	globalVariables   = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
	securityDatabases = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
	secureBootEnable  = "f0a30bc7-af08-4556-99c4-001009c93a44"
	typeX509          = "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"
	variableStore     = "aaf32c78-947b-439a-a180-2e144ec37792" // of authenticated variables
	ownerOfKeys       = "6d757374-6572-4d65-8067-756573740000"

	// Attributes: kept, for boot, for run time; and changed only with a signature.
	nonVolatile   = 3
	authenticated = 0x27
)

// enrol appends the certificate as platform key, key exchange key and signature
// database to an empty store of variables, and switches Secure Boot on.
//
// Spec: UEFI 2.10, 32.4.1 (signature lists); EDK II, VariableFormat.h (the store).
func enrol(t testing.TB, flash, certificate []byte) []byte {
	t.Helper()
	flash = bytes.Clone(flash)
	le := binary.LittleEndian
	start := int(le.Uint16(flash[48:])) // behind the volume's header
	if !bytes.Equal(flash[start:start+16], guid(variableStore)) {
		t.Fatalf("OVMF's variables begin with %x, want a store of authenticated variables", flash[start:start+16])
	}
	end := start + int(le.Uint32(flash[start+16:]))
	at := start + 28
	if le.Uint16(flash[at:]) != 0xffff {
		t.Fatal("OVMF's empty variables are not empty")
	}

	list := append(guid(typeX509), make([]byte, 12)...)
	le.PutUint32(list[16:], uint32(28+16+len(certificate)))
	le.PutUint32(list[24:], uint32(16+len(certificate)))
	list = append(append(list, guid(ownerOfKeys)...), certificate...)
	for _, v := range []struct {
		name, vendor string
		attributes   uint32
		data         []byte
	}{
		{"PK", globalVariables, authenticated, list},
		{"KEK", globalVariables, authenticated, list},
		{"db", securityDatabases, authenticated, list},
		{"SecureBootEnable", secureBootEnable, nonVolatile, []byte{1}},
	} {
		var name []byte
		for _, unit := range append(utf16.Encode([]rune(v.name)), 0) {
			name = le.AppendUint16(name, unit)
		}
		header := make([]byte, 60)
		le.PutUint16(header, 0x55aa)
		header[2] = 0x3f // added
		le.PutUint32(header[4:], v.attributes)
		if v.attributes == authenticated {
			le.PutUint16(header[16:], 2020)
			header[18], header[19] = 1, 1
		}
		le.PutUint32(header[36:], uint32(len(name)))
		le.PutUint32(header[40:], uint32(len(v.data)))
		copy(header[44:], guid(v.vendor))
		variable := append(append(header, name...), v.data...)
		if at+len(variable) > end {
			t.Fatal("OVMF's store of variables is full")
		}
		copy(flash[at:], variable)
		at = (at + len(variable) + 3) &^ 3
	}
	return flash
}
