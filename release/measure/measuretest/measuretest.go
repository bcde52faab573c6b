// Package measuretest makes small images for tests: PE files, and unified kernel
// images around a stub and a kernel that only look like such. Nothing boots them.
package measuretest

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/muster-log/muster/release/build"
)

// Where the fields of an image of PE lie, in bytes.
const (
	Start    = 64                             // of the PE header
	Optional = Start + 24                     // of the optional header
	Security = Optional + 112 + 4*8           // of the directory entry of certificates
	Table    = Optional + 112 + directories*8 // of the section headers
	Headers  = 1024                           // SizeOfHeaders
	Header   = 40                             // bytes of a section header
)

const directories = 16

// PE makes a small PE32+ image for x86-64.
func PE(sections ...build.Section) []byte {
	le, image := binary.LittleEndian, make([]byte, Headers)
	copy(image, "MZ")
	le.PutUint32(image[60:], Start)
	copy(image[Start:], "PE\x00\x00")
	le.PutUint16(image[Start+4:], 0x8664)
	le.PutUint16(image[Start+6:], uint16(len(sections)))
	le.PutUint16(image[Start+20:], Table-Optional)
	le.PutUint16(image[Optional:], 0x20b)
	le.PutUint32(image[Optional+32:], 4096) // SectionAlignment
	le.PutUint32(image[Optional+36:], 512)  // FileAlignment
	le.PutUint16(image[Optional+44:], 1)    // MajorImageVersion
	le.PutUint32(image[Optional+60:], Headers)
	le.PutUint32(image[Optional+108:], directories)
	address := 4096
	for i, section := range sections {
		entry := image[Table+i*Header:]
		copy(entry[:8], section.Name)
		size := (len(section.Data) + 511) / 512 * 512
		le.PutUint32(entry[8:], uint32(len(section.Data)))
		le.PutUint32(entry[12:], uint32(address))
		le.PutUint32(entry[16:], uint32(size))
		le.PutUint32(entry[20:], uint32(len(image)))
		image = append(append(image, section.Data...), make([]byte, size-len(section.Data))...)
		address += (len(section.Data) + 4095) / 4096 * 4096
	}
	le.PutUint32(image[Optional+56:], uint32(address)) // SizeOfImage
	return image
}

// Stub makes what looks like a systemd-stub of a version.
func Stub(version string) []byte {
	return PE(
		build.Section{Name: ".text", Data: bytes.Repeat([]byte{0x90}, 700)},
		build.Section{Name: ".sdmagic", Data: []byte("#### LoaderInfo: systemd-stub " + version + " ####\x00")})
}

// Kernel makes what looks like a kernel with an EFI stub.
func Kernel() []byte {
	return PE(build.Section{Name: ".text", Data: bytes.Repeat([]byte("kernel "), 300)})
}

// UKI joins a unified kernel image around a command line.
func UKI(tb testing.TB, cmdline string, more ...build.Section) []byte {
	tb.Helper()
	return Join(tb, Stub("252.39-1~deb12u2"), append([]build.Section{
		{Name: ".osrel", Data: []byte("ID=debian\n")},
		{Name: ".cmdline", Data: []byte(cmdline)},
		{Name: ".uname", Data: []byte("6.1.0")},
		{Name: ".initrd", Data: []byte("initrd")},
		{Name: ".linux", Data: Kernel()},
	}, more...))
}

// Join joins a unified kernel image around a stub.
func Join(tb testing.TB, stub []byte, sections []build.Section) []byte {
	tb.Helper()
	image, err := build.UKI(stub, sections)
	if err != nil {
		tb.Fatal(err)
	}
	return image
}
