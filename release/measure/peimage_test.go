package measure

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/muster-log/muster/release/build"
	"github.com/muster-log/muster/release/measure/measuretest"
)

// Where the fields of the images of newPE lie.
const (
	peStart    = measuretest.Start
	peOpt      = measuretest.Optional
	peSecurity = measuretest.Security
	peTable    = measuretest.Table
	peHeaders  = measuretest.Headers
)

type testSection = build.Section

func newPE(sections ...testSection) []byte { return measuretest.PE(sections...) }

func newStub(version string) []byte { return measuretest.Stub(version) }

func newKernel() []byte { return measuretest.Kernel() }

func newUKI(tb testing.TB, cmdline string, more ...build.Section) []byte {
	tb.Helper()
	return measuretest.UKI(tb, cmdline, more...)
}

func join(tb testing.TB, stub []byte, sections []build.Section) []byte {
	tb.Helper()
	return measuretest.Join(tb, stub, sections)
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
