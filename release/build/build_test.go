package build

import (
	"bytes"
	"crypto/sha256"
	"debug/pe"
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"strings"
	"testing"
)

// newStub makes a PE32+ image of one section with room for n more, and symbols
// behind it as linkers leave them.
func newStub(n int) []byte {
	const start, optional, alignment = 64, 88, 512
	le := binary.LittleEndian
	table := optional + 112 + 16*8
	headers := (table + (1+n)*sectionHeader + alignment - 1) / alignment * alignment
	if n == 0 {
		headers = table + sectionHeader
	}
	image := make([]byte, headers)
	copy(image, "MZ")
	le.PutUint32(image[60:], start)
	copy(image[start:], "PE\x00\x00")
	le.PutUint16(image[start+4:], 0x8664)
	le.PutUint16(image[start+6:], 1)
	le.PutUint32(image[start+8:], 1234567890) // time stamp
	le.PutUint16(image[start+20:], uint16(table-optional))
	le.PutUint16(image[optional:], 0x20b)
	le.PutUint32(image[optional+32:], 4096)
	le.PutUint32(image[optional+36:], alignment)
	le.PutUint32(image[optional+56:], 8192)
	le.PutUint32(image[optional+60:], uint32(headers))
	le.PutUint32(image[optional+64:], 0xdeadbeef) // checksum
	le.PutUint32(image[optional+108:], 16)
	copy(image[table:], ".text")
	le.PutUint32(image[table+8:], 100)
	le.PutUint32(image[table+12:], 4096)
	le.PutUint32(image[table+16:], 512)
	le.PutUint32(image[table+20:], uint32(headers))
	image = append(image, bytes.Repeat([]byte{0x90}, 512)...)
	le.PutUint32(image[start+12:], uint32(len(image))) // symbols
	return append(image, 4, 0, 0, 0)                   // an empty table of strings
}

func TestUKI(t *testing.T) {
	sections := []Section{{".osrel", []byte("ID=x\n")}, {".linux", bytes.Repeat([]byte("k"), 5000)}, {".initrd", []byte("i")}}
	image, err := UKI(newStub(3), sections)
	if err != nil {
		t.Fatal(err)
	}
	again, err := UKI(newStub(3), sections)
	if err != nil || !bytes.Equal(image, again) {
		t.Fatalf("joined twice, the images differ: %v", err)
	}
	parsed, err := pe.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	if parsed.TimeDateStamp != 0 || parsed.PointerToSymbolTable != 0 || len(parsed.Sections) != 4 {
		t.Errorf("time stamp %d, symbols at %d, %d sections", parsed.TimeDateStamp, parsed.PointerToSymbolTable, len(parsed.Sections))
	}
	header := parsed.OptionalHeader.(*pe.OptionalHeader64)
	for i, want := range []struct{ address, raw uint32 }{{8192, 512}, {12288, 5120}, {20480, 512}} {
		section := parsed.Sections[i+1]
		data, err := section.Data()
		if err != nil || !bytes.Equal(data[:section.VirtualSize], sections[i].Data) || section.Name != sections[i].Name {
			t.Errorf("section %s holds something else: %v", sections[i].Name, err)
		}
		if section.VirtualAddress != want.address || section.Size != want.raw {
			t.Errorf("section %s at %d, %d bytes in the file, want %+v", section.Name, section.VirtualAddress, section.Size, want)
		}
	}
	if header.SizeOfImage != 24576 {
		t.Errorf("size in memory %d, want 24576", header.SizeOfImage)
	}
	if want := slowChecksum(image, header.CheckSum); header.CheckSum != want {
		t.Errorf("checksum %#x, want %#x", header.CheckSum, want)
	}
}

// slowChecksum is the PE checksum in its other formulation: 64-bit sum of words,
// without the checksum's own, folded at the end.
func slowChecksum(image []byte, own uint32) uint32 {
	sum := uint64(0)
	for i := 0; i < len(image); i += 2 {
		sum += uint64(image[i]) | uint64(image[i+1])<<8
	}
	sum -= uint64(own&0xffff) + uint64(own>>16)
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint32(sum) + uint32(len(image))
}

func TestRefusedUKI(t *testing.T) {
	one := []Section{{".a", []byte("x")}}
	for want, join := range map[string]func() ([]byte, error){
		"stub: ":                           func() ([]byte, error) { return UKI([]byte("MZ"), one) },
		"has room for 1 sections":          func() ([]byte, error) { return UKI(newStub(0), one) },
		"section \".waytoolong\"":          func() ([]byte, error) { return UKI(newStub(1), []Section{{".waytoolong", []byte("x")}}) },
		"section \".a\" of 0 bytes":        func() ([]byte, error) { return UKI(newStub(1), []Section{{".a", nil}}) },
		"sections end at byte":             func() ([]byte, error) { return UKI(cutOff(), one) },
		"want a PE32+ image with sections": func() ([]byte, error) { return UKI(withoutSections(), one) },
	} {
		if _, err := join(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func cutOff() []byte {
	stub := newStub(1)
	clear(stub[64+8:][4:8]) // no symbols
	return stub[:len(stub)-300]
}

func withoutSections() []byte {
	stub := newStub(1)
	binary.LittleEndian.PutUint16(stub[64+6:], 0)
	return stub
}

var initrd = []File{
	{Name: "dev", Mode: fs.ModeDir | 0o755},
	{Name: "dev/console", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o600, Major: 5, Minor: 1},
	{Name: "init", Mode: 0o755, Data: []byte("#!/bin/sh\nexec sh\n")},
	{Name: "sbin", Mode: fs.ModeSymlink, Data: []byte("bin")},
}

func TestCPIO(t *testing.T) {
	archive, err := CPIO(initrd)
	if err != nil {
		t.Fatal(err)
	}
	// The first entry, by hand.
	want := "070701" + "00000001" + "000041ed" + "00000000" + "00000000" + "00000002" + "00000000" + "00000000" + "00000000" + "00000000" + "00000000" + "00000000" + "00000004" + "00000000" + "dev\x00"
	if !bytes.HasPrefix(archive, []byte(want)) || len(archive)%4 != 0 || !bytes.Contains(archive, []byte("TRAILER!!!\x00")) {
		t.Errorf("got %q", archive[:130])
	}
	digest := sha256.Sum256(archive)
	if got := hex.EncodeToString(digest[:]); got != cpioDigest {
		t.Errorf("the archive's bytes changed: %s, want %s", got, cpioDigest)
	}
	for _, bad := range [][]File{{{Name: "/init"}}, {{Name: "../init"}}, {{Name: ""}}, {{Name: "a"}, {Name: "a"}}, {{Name: cpioTrailer}}, {{Name: "a\x00b"}}, {{Name: "s", Mode: fs.ModeSocket}}} {
		if _, err := CPIO(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// cpioDigest is the SHA-256 of the archive of initrd, whose listing system tests
// compare with cpio's.
const cpioDigest = "9f592b11ee18a6d0f80657bb04b480c3b2413a0930dc51ffff5402e9035b2a44"
