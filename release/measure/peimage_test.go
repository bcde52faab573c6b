package measure

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/muster-log/muster/release/build"
)

// Where the fields of the images of newPE lie.
const (
	peStart    = 64
	peOpt      = peStart + 24
	peSecurity = peOpt + peOptional64 + 4*8
	peTable    = peOpt + peOptional64 + peDirectories*8
	peHeaders  = 1024
)

// testSection is a section of an image of newPE.
type testSection struct {
	name string
	data []byte
}

// newPE makes a small PE32+ image for x86-64.
func newPE(sections ...testSection) []byte {
	le, image := binary.LittleEndian, make([]byte, peHeaders)
	copy(image, "MZ")
	le.PutUint32(image[60:], peStart)
	copy(image[peStart:], "PE\x00\x00")
	le.PutUint16(image[peStart+4:], peAMD64)
	le.PutUint16(image[peStart+6:], uint16(len(sections)))
	le.PutUint16(image[peStart+20:], peTable-peOpt)
	le.PutUint16(image[peOpt:], pePlusMagic)
	le.PutUint32(image[peOpt+32:], 4096) // SectionAlignment
	le.PutUint32(image[peOpt+36:], 512)  // FileAlignment
	le.PutUint16(image[peOpt+44:], 1)    // MajorImageVersion
	le.PutUint32(image[peOpt+60:], peHeaders)
	le.PutUint32(image[peOpt+108:], peDirectories)
	address := 4096
	for i, section := range sections {
		entry := image[peTable+i*peSectionSize:]
		copy(entry[:8], section.name)
		size := (len(section.data) + 511) / 512 * 512
		le.PutUint32(entry[8:], uint32(len(section.data)))
		le.PutUint32(entry[12:], uint32(address))
		le.PutUint32(entry[16:], uint32(size))
		le.PutUint32(entry[20:], uint32(len(image)))
		image = append(append(image, section.data...), make([]byte, size-len(section.data))...)
		address += (len(section.data) + 4095) / 4096 * 4096
	}
	le.PutUint32(image[peOpt+56:], uint32(address)) // SizeOfImage
	return image
}

// newStub makes what looks like a systemd-stub of a version.
func newStub(version string) []byte {
	return newPE(
		testSection{".text", bytes.Repeat([]byte{0x90}, 700)},
		testSection{".sdmagic", []byte("#### LoaderInfo: systemd-stub " + version + " ####\x00")})
}

// newKernel makes what looks like a kernel with an EFI stub.
func newKernel() []byte { return newPE(testSection{".text", bytes.Repeat([]byte("kernel "), 300)}) }

// newUKI joins a unified kernel image around a command line.
func newUKI(tb testing.TB, cmdline string, more ...build.Section) []byte {
	tb.Helper()
	return join(tb, newStub("252.39-1~deb12u2"), append([]build.Section{
		{Name: ".osrel", Data: []byte("ID=debian\n")},
		{Name: ".cmdline", Data: []byte(cmdline)},
		{Name: ".uname", Data: []byte("6.1.0")},
		{Name: ".initrd", Data: []byte("initrd")},
		{Name: ".linux", Data: newKernel()},
	}, more...))
}

func join(tb testing.TB, stub []byte, sections []build.Section) []byte {
	tb.Helper()
	image, err := build.UKI(stub, sections)
	if err != nil {
		tb.Fatal(err)
	}
	return image
}

// put32 returns a copy of an image with 32 bits changed.
func put32(image []byte, offset int, value uint32) []byte {
	image = bytes.Clone(image)
	binary.LittleEndian.PutUint32(image[offset:], value)
	return image
}

func put16(image []byte, offset int, value uint16) []byte {
	image = bytes.Clone(image)
	binary.LittleEndian.PutUint16(image[offset:], value)
	return image
}
