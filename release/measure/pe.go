package measure

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"math/bits"
	"slices"
)

// The bounds of a PE image. Real ones stay far below.
const (
	maxPESections = 96      // what loaders and systemd-stub read
	maxPEHeaders  = 1 << 20 // bytes of SizeOfHeaders
	maxPESize     = 4 << 30 // offsets have 32 bits
	maxPEAlign    = 2 << 20 // bytes of SectionAlignment
	peDirectories = 16      // entries of the data directory
	peSectionSize = 40      // bytes of a section header
	peOptional64  = 112     // bytes of a PE32+ optional header before its data directory
	pePlusMagic   = 0x20b   // PE32+
	peAMD64       = 0x8664
	peARM64       = 0xaa64
)

// peImage is a PE32+ image whose headers were checked: its sections lie inside
// the file and the memory image, and overlap nowhere.
//
// Spec: Microsoft PE/COFF specification.
type peImage struct {
	io.ReaderAt
	size              int64 // of the file, in bytes
	checksum          int64 // offset of the optional header's CheckSum
	security          int64 // offset of the data directory's entry for certificates; 0: there is none
	certificates      int64 // bytes of the certificate table, which ends the file
	headers           int64 // SizeOfHeaders
	alignment         int64 // SectionAlignment
	majorImageVersion uint16
	sections          []peSection // in the order of the headers
}

// peSection is a section header.
type peSection struct {
	name                 string
	address, virtualSize int64 // in memory
	offset, size         int64 // in the file
}

// extent is how many bytes the section takes in memory: firmware takes those of
// the file where VirtualSize is zero.
func (s *peSection) extent() int64 {
	if s.virtualSize == 0 {
		return s.size
	}
	return s.virtualSize
}

// parsePE reads and checks the headers of a PE32+ image for a 64-bit processor.
func parsePE(r io.ReaderAt, size int64) (*peImage, error) {
	bad := func(format string, args ...any) error {
		return refuse(CodePE, "", "not a sound PE image: "+format, args...)
	}
	if size > maxPESize {
		return nil, bad("%d bytes, want at most %d", size, int64(maxPESize))
	}
	le := binary.LittleEndian
	read := func(offset, n int64) ([]byte, error) {
		if offset < 0 || n < 0 || offset+n > size {
			return nil, bad("headers end at byte %d, the file at %d", offset+n, size)
		}
		buffer := make([]byte, n)
		return buffer, readFull(r, buffer, offset)
	}
	dos, err := read(0, 64)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(dos, []byte("MZ")) {
		return nil, bad("it begins with %q, want MZ", dos[:2])
	}
	start := int64(le.Uint32(dos[60:]))
	if start < 64 || start > maxPEHeaders {
		return nil, bad("PE header at byte %d, want 64 to %d", start, maxPEHeaders)
	}
	coff, err := read(start, 24+peOptional64)
	if err != nil {
		return nil, err
	}
	optional := coff[24:]
	if !bytes.HasPrefix(coff, []byte("PE\x00\x00")) {
		return nil, bad("signature %q, want PE", coff[:4])
	}
	machine, count, optionalSize := le.Uint16(coff[4:]), int64(le.Uint16(coff[6:])), int64(le.Uint16(coff[20:]))
	if machine != peAMD64 && machine != peARM64 {
		return nil, bad("machine %#x, want x86-64 (%#x) or arm64 (%#x)", machine, peAMD64, peARM64)
	}
	if magic := le.Uint16(optional); magic != pePlusMagic {
		return nil, bad("optional header %#x, want PE32+ (%#x)", magic, pePlusMagic)
	}
	if count < 1 || count > maxPESections {
		return nil, bad("%d sections, want 1 to %d", count, maxPESections)
	}
	directories := int64(le.Uint32(optional[108:]))
	if directories > peDirectories || optionalSize < peOptional64+8*directories {
		return nil, bad("%d data directories in an optional header of %d bytes", directories, optionalSize)
	}
	image := &peImage{
		ReaderAt: r, size: size,
		checksum:          start + 24 + 64,
		headers:           int64(le.Uint32(optional[60:])),
		alignment:         int64(le.Uint32(optional[32:])),
		majorImageVersion: le.Uint16(optional[44:]),
	}
	memory := int64(le.Uint32(optional[56:]))
	table := start + 24 + optionalSize
	if end := table + count*peSectionSize; image.headers > maxPEHeaders || end > image.headers || image.headers > size {
		return nil, bad("section headers end at byte %d, SizeOfHeaders is %d, the file has %d bytes", end, image.headers, size)
	}
	if image.alignment < 1 || image.alignment > maxPEAlign || bits.OnesCount64(uint64(image.alignment)) != 1 {
		return nil, bad("section alignment %d, want a power of two up to %d", image.alignment, maxPEAlign)
	}
	if directories > 4 {
		image.security = start + 24 + peOptional64 + 4*8
		entry, err := read(image.security, 8)
		if err != nil {
			return nil, err
		}
		offset, length := int64(le.Uint32(entry)), int64(le.Uint32(entry[4:]))
		switch {
		case offset == 0 && length == 0:
		case offset+length != size || offset%8 != 0 || offset < image.headers || length == 0:
			return nil, bad("certificate table from byte %d, %d bytes: want it aligned to 8 and the end of the file (%d)", offset, length, size)
		default:
			image.certificates = length
		}
	}
	headers, err := read(table, count*peSectionSize)
	if err != nil {
		return nil, err
	}
	for ; len(headers) > 0; headers = headers[peSectionSize:] {
		section := peSection{
			name:        string(bytes.TrimRight(headers[:8], "\x00")),
			virtualSize: int64(le.Uint32(headers[8:])), address: int64(le.Uint32(headers[12:])),
			size: int64(le.Uint32(headers[16:])), offset: int64(le.Uint32(headers[20:])),
		}
		if section.name == "" || !isPrintableASCII(section.name) {
			return nil, bad("section name %q, want printable ASCII", section.name)
		}
		if slices.ContainsFunc(image.sections, func(other peSection) bool { return other.name == section.name }) {
			return nil, bad("two sections of the name %s", section.name)
		}
		if section.size > 0 && (section.offset < image.headers || section.offset+section.size > size-image.certificates) {
			return nil, bad("section %s is bytes %d to %d of a file whose content is %d to %d", section.name, section.offset, section.offset+section.size, image.headers, size-image.certificates)
		}
		if section.extent() > 0 && (section.address < image.headers || section.address+section.extent() > memory) {
			return nil, bad("section %s is loaded to %#x to %#x of %#x to %#x", section.name, section.address, section.address+section.extent(), image.headers, memory)
		}
		image.sections = append(image.sections, section)
	}
	if a, b := overlapping(image.sections, func(s peSection) (int64, int64) { return s.offset, s.size }); a != "" {
		return nil, bad("sections %s and %s overlap in the file", a, b)
	}
	if a, b := overlapping(image.sections, func(s peSection) (int64, int64) { return s.address, s.extent() }); a != "" {
		return nil, bad("sections %s and %s overlap in memory", a, b)
	}
	return image, nil
}

// overlapping names two sections whose ranges overlap, if there are such.
func overlapping(sections []peSection, place func(peSection) (start, length int64)) (string, string) {
	sorted := slices.SortedFunc(slices.Values(sections), func(a, b peSection) int {
		first, _ := place(a)
		second, _ := place(b)
		return cmp.Compare(first, second)
	})
	before, end := "", int64(0)
	for _, section := range sorted {
		start, length := place(section)
		if length == 0 {
			continue
		}
		if before != "" && start < end {
			return before, section.name
		}
		before, end = section.name, start+length
	}
	return "", ""
}
