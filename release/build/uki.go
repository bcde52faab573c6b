package build

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"slices"
)

// Section is a section that is added to a stub.
type Section struct {
	Name string // with its dot, at most 8 bytes
	Data []byte
}

const (
	sectionHeader = 40         // bytes
	sectionData   = 0x40000040 // initialised data that is read
	peSymbols     = 4 + 8      // offset of the symbol table in the PE header
	peOptional    = 24         // of the optional header
	peTimeStamp   = 4 + 4      // of the time stamp
	peSections    = 4 + 2      // of the number of sections
)

// UKI joins a unified kernel image: the sections behind those of the stub, in
// their order, each in memory at the next aligned address. The time stamp is
// zero, the stub's symbols are left out, and the checksum is done anew.
//
// Spec: uapi-group.org/specifications/specs/unified_kernel_image; Microsoft
// PE/COFF specification.
func UKI(stub []byte, sections []Section) ([]byte, error) {
	parsed, err := pe.NewFile(bytes.NewReader(stub))
	if err != nil {
		return nil, fmt.Errorf("stub: %w", err)
	}
	defer parsed.Close()
	header, ok := parsed.OptionalHeader.(*pe.OptionalHeader64)
	if !ok || len(parsed.Sections) == 0 {
		return nil, fmt.Errorf("stub: want a PE32+ image with sections")
	}
	if header.FileAlignment == 0 || header.SectionAlignment == 0 {
		return nil, fmt.Errorf("stub: alignment 0")
	}
	start := int(binary.LittleEndian.Uint32(stub[0x3c:]))
	table := start + peOptional + int(parsed.SizeOfOptionalHeader)
	count := len(parsed.Sections)
	if room := (int(header.SizeOfHeaders) - table) / sectionHeader; room < count+len(sections) {
		return nil, fmt.Errorf("stub: has room for %d sections, want %d", room, count+len(sections))
	}

	end, address := uint32(0), uint32(0)
	for _, section := range parsed.Sections {
		end = max(end, section.Offset+section.Size)
		address = max(address, section.VirtualAddress+max(section.VirtualSize, section.Size))
	}
	if int64(end) > int64(len(stub)) || end < header.SizeOfHeaders {
		return nil, fmt.Errorf("stub: sections end at byte %d, the file at %d", end, len(stub))
	}
	le := binary.LittleEndian
	image := pad(slices.Clone(stub[:end]), int(header.FileAlignment))
	added := 0
	for i, section := range sections {
		if len(section.Name) == 0 || len(section.Name) > 8 || len(section.Data) == 0 {
			return nil, fmt.Errorf("section %q of %d bytes: want a name of at most 8 bytes, and content", section.Name, len(section.Data))
		}
		address = (address + header.SectionAlignment - 1) / header.SectionAlignment * header.SectionAlignment
		if int64(len(image))+int64(len(section.Data))+int64(address) > 1<<31 {
			return nil, fmt.Errorf("section %s of %d bytes: the image would be larger than 2 GiB", section.Name, len(section.Data))
		}
		at := len(image)
		image = pad(append(image, section.Data...), int(header.FileAlignment))
		entry := image[table+(count+i)*sectionHeader:]
		clear(entry[:sectionHeader])
		copy(entry[:8], section.Name)
		le.PutUint32(entry[8:], uint32(len(section.Data)))
		le.PutUint32(entry[12:], address)
		le.PutUint32(entry[16:], uint32(len(image)-at))
		le.PutUint32(entry[20:], uint32(at))
		le.PutUint32(entry[36:], sectionData)
		address += uint32(len(section.Data))
		added += len(image) - at
	}

	le.PutUint16(image[start+peSections:], uint16(count+len(sections)))
	le.PutUint32(image[start+peTimeStamp:], 0)
	le.PutUint64(image[start+peSymbols:], 0) // place and number of symbols
	optional := image[start+peOptional:]
	le.PutUint32(optional[8:], header.SizeOfInitializedData+uint32(added))
	le.PutUint32(optional[56:], (address+header.SectionAlignment-1)/header.SectionAlignment*header.SectionAlignment)
	le.PutUint32(optional[64:], 0)
	le.PutUint32(optional[64:], checksum(image))
	return image, nil
}

// checksum is the PE checksum of an image whose own checksum is 0: the sum of its
// 16-bit words with carries added back, and its length.
func checksum(image []byte) uint32 {
	sum := uint32(0)
	for i := 0; i+1 < len(image); i += 2 {
		sum += uint32(binary.LittleEndian.Uint16(image[i:]))
		sum = sum&0xffff + sum>>16
	}
	if len(image)%2 == 1 {
		sum += uint32(image[len(image)-1])
		sum = sum&0xffff + sum>>16
	}
	return sum + uint32(len(image))
}
