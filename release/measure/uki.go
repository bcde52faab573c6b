package measure

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/muster-log/muster/release"
)

// stubRules is how one major version of systemd-stub treats the image around it.
type stubRules struct {
	known          []string // section names that it acts on
	measured       []string // those that it measures into PCR 11, in this order
	kernelMeasured string
	pcr9           []string
}

// stubs lists the versions whose rules are known from their source and from
// booted machines. A later one measures other sections in another way.
var stubs = map[int]stubRules{
	252: {
		known:          []string{".linux", ".osrel", ".cmdline", ".initrd", ".splash", ".dtb", ".pcrsig", ".pcrpkey"},
		measured:       []string{".linux", ".osrel", ".cmdline", ".initrd", ".splash", ".dtb", ".pcrpkey"},
		kernelMeasured: release.KernelMeasuredWithoutSecureBoot,
		pcr9:           []string{release.PCR9Cmdline, release.PCR9Initrd},
	},
}

const (
	sectionStub = ".sdmagic" // the stub's name and version
	maxStub     = 4 << 10    // bytes of it
	maxCmdline  = 64 << 10   // bytes of a command line that are read at all
)

// loaderInfo is how a stub names itself (systemd src/boot/efi/stub.c).
var loaderInfo = regexp.MustCompile(`^#### LoaderInfo: (systemd-stub ([0-9]{1,5})(?:[.~+-][A-Za-z0-9.~+:-]{0,80})?) ####\x00*$`)

// uki is a unified kernel image, taken apart as its stub will.
type uki struct {
	*peImage
	stub    string // such as "systemd-stub 252.39-1~deb12u2"
	rules   stubRules
	cmdline string
}

// parseUKI checks that an image is a unified kernel image in which the stub, and
// everybody else, finds the same sections.
func parseUKI(r io.ReaderAt, size int64) (*uki, error) {
	image, err := parsePE(r, size)
	if err != nil {
		return nil, err
	}
	u := &uki{peImage: image}
	if err := u.readStub(); err != nil {
		return nil, err
	}
	for _, section := range u.sections {
		for _, known := range u.rules.known {
			switch {
			case !strings.HasPrefix(section.name, known):
			case section.name != known:
				// The stub compares only as many characters as the known name has.
				return nil, refuse(CodeUKI, "name that section otherwise", "the stub takes section %s for %s", section.name, known)
			case section.virtualSize == 0:
				return nil, refuse(CodeUKI, "leave the section out", "section %s is empty", section.name)
			case section.virtualSize > section.size+u.alignment:
				return nil, refuse(CodeUKI, "", "section %s is %d bytes in memory and %d in the file", section.name, section.virtualSize, section.size)
			}
		}
	}
	for _, name := range []string{release.SectionLinux, release.SectionCmdline, release.SectionInitrd} {
		if u.section(name) == nil {
			return nil, refuse(CodeUKI, "join one with ukify or objcopy: a stub, a kernel, a command line and an initrd", "no section %s: not a whole unified kernel image", name)
		}
	}
	return u, u.readCmdline()
}

func (u *uki) readStub() error {
	section := u.section(sectionStub)
	if section == nil {
		return refuse(CodeUKI, "measure a unified kernel image: systemd's stub joined with a kernel, a command line and an initrd", "no section %s, so no systemd-stub", sectionStub)
	}
	text, err := u.text(section, maxStub)
	if err != nil {
		return err
	}
	found := loaderInfo.FindStringSubmatch(text)
	if found == nil {
		return refuse(CodeStub, "", "section %s is %.80q, want the version of a systemd-stub", sectionStub, text)
	}
	major, err := strconv.Atoi(found[2])
	if err != nil {
		return refuse(CodeStub, "", "version of %.80q: %w", found[1], err)
	}
	rules, ok := stubs[major]
	if !ok {
		return refuse(CodeStub, "join the image with the stub of systemd 252 (Debian 12, package systemd-boot-efi)", "%s: the rules of this stub's measurements are not known, only those of systemd-stub 252", found[1])
	}
	u.stub, u.rules = found[1], rules
	return nil
}

// readCmdline takes the command line and refuses one that the stub would change:
// PCR 9 would then not be what the text says.
func (u *uki) readCmdline() error {
	text, err := u.text(u.section(release.SectionCmdline), maxCmdline)
	if err != nil {
		return err
	}
	const hint = "write the command line with printf '%s', without a line feed, a NUL or a space at its end"
	switch {
	case !isPrintableASCII(text):
		return refuse(CodeUKI, hint, "the command line has characters outside printable ASCII: %.120q", text)
	case strings.HasSuffix(text, " "):
		return refuse(CodeUKI, hint, "the command line ends in a space, which the stub cuts off")
	}
	u.cmdline = text
	return nil
}

func (u *uki) section(name string) *peSection {
	for i := range u.sections {
		if u.sections[i].name == name {
			return &u.sections[i]
		}
	}
	return nil
}

// content is a section as it stands in memory: VirtualSize bytes, those that the
// file lacks are zero.
func (u *uki) content(section *peSection) io.ReaderAt {
	return &padded{io.NewSectionReader(u, section.offset, min(section.size, section.virtualSize)), min(section.size, section.virtualSize), section.virtualSize}
}

func (u *uki) text(section *peSection, limit int64) (string, error) {
	if section.virtualSize > limit {
		return "", refuse(CodeUKI, "", "section %s has %d bytes, want at most %d", section.name, section.virtualSize, limit)
	}
	text := make([]byte, section.virtualSize)
	if err := readFull(u.content(section), text, 0); err != nil {
		return "", fmt.Errorf("section %s: %w", section.name, err)
	}
	return string(text), nil
}

// padded reads zeros from the end of the content to the size.
type padded struct {
	io.ReaderAt
	content, size int64
}

func (p *padded) ReadAt(buffer []byte, offset int64) (int, error) {
	end := min(offset+int64(len(buffer)), p.size)
	if offset < 0 || offset >= end {
		return 0, io.EOF
	}
	filled := int64(0)
	if offset < p.content {
		n, err := p.ReaderAt.ReadAt(buffer[:min(end, p.content)-offset], offset)
		filled = int64(n)
		if filled < min(end, p.content)-offset {
			return n, err
		}
	}
	clear(buffer[filled : end-offset])
	if end-offset < int64(len(buffer)) {
		return int(end - offset), io.EOF
	}
	return len(buffer), nil
}
