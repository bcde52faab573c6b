package measure

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// refused wants an *Error with a code and a part of its text.
func refused(tb testing.TB, err error, code Code, text string) {
	tb.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != code || !strings.Contains(err.Error(), text) {
		tb.Errorf("got error %v, want code %s and %q", err, code, text)
	}
}

func TestHostilePE(t *testing.T) {
	sound := newPE(testSection{Name: ".a", Data: make([]byte, 600)}, testSection{Name: ".b", Data: make([]byte, 600)})
	if _, err := parsePE(bytes.NewReader(sound), int64(len(sound))); err != nil {
		t.Fatal(err)
	}
	second := peTable + peSectionSize
	tests := []struct {
		name  string
		image []byte
		want  string
	}{
		{"empty", nil, "headers end at byte 64, the file at 0"},
		{"a script", append([]byte("#!/bin/sh"), sound[9:]...), "want MZ"},
		{"PE header far away", put32(sound, 60, 1<<31), "PE header at byte 2147483648"},
		{"PE header inside the DOS header", put32(sound, 60, 4), "PE header at byte 4"},
		{"cut off in the headers", sound[:200], "the file has 200 bytes"},
		{"cut off in the PE header", sound[:100], "the file at 100"},
		{"cut off in a section", sound[:len(sound)-1], "section .b is bytes"},
		{"no PE signature", put32(sound, peStart, 0), "signature"},
		{"32-bit machine", put16(sound, peStart+4, 0x14c), "machine 0x14c"},
		{"PE32", put16(sound, peOpt, 0x10b), "optional header 0x10b"},
		{"no sections", put16(sound, peStart+6, 0), "0 sections"},
		{"97 sections", put16(sound, peStart+6, 97), "97 sections"},
		{"65535 sections", put16(sound, peStart+6, 65535), "65535 sections"},
		{"more sections than headers", put16(sound, peStart+6, 96), "SizeOfHeaders is 1024"},
		{"4 billion directories", put32(sound, peOpt+108, 1<<32-1), "data directories"},
		{"directories beyond the optional header", put16(sound, peStart+20, peOptional64), "16 data directories in an optional header of 112 bytes"},
		{"headers beyond the file", put32(sound, peOpt+60, 1<<19), "SizeOfHeaders is 524288"},
		{"alignment 3", put32(sound, peOpt+32, 3), "section alignment 3"},
		{"alignment 0", put32(sound, peOpt+32, 0), "section alignment 0"},
		{"section data beyond the file", put32(sound, second+16, 1<<31), "section .b is bytes"},
		{"section data in the headers", put32(sound, second+20, 512), "section .b is bytes 512"},
		{"section beyond the memory image", put32(sound, second+8, 1<<31), "section .b is loaded to"},
		{"section over the headers in memory", put32(sound, second+12, 0), "section .b is loaded to 0x0"},
		{"sections overlap in the file", put32(sound, second+20, 1024), "overlap in the file"},
		{"sections overlap in memory", put32(sound, second+12, 4096+512), "overlap in memory"},
		{"one name twice", put32(sound, second, uint32('.')|uint32('a')<<8), "two sections of the name .a"},
		{"name of control characters", put32(sound, second, 0x0a0a0a0a), "section name"},
		{"name empty", put32(sound, second, 0), "section name"},
		{"certificates not at the end", put32(put32(sound, peSecurity, 1024), peSecurity+4, 8), "certificate table"},
		{"certificates beyond the file", put32(put32(sound, peSecurity, 1<<30), peSecurity+4, 8), "certificate table"},
		{"certificates that overlap a section", put32(put32(sound, peSecurity, uint32(len(sound)-8)), peSecurity+4, 8), "section .b is bytes"},
		{"certificates unaligned", put32(put32(append(bytes.Clone(sound), 0, 0, 0, 0), peSecurity, uint32(len(sound)+1)), peSecurity+4, 3), "aligned to 8"},
		{"certificates of no size", put32(sound, peSecurity, uint32(len(sound))), "certificate table"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parsePE(bytes.NewReader(tt.image), int64(len(tt.image)))
			refused(t, err, CodePE, tt.want)
		})
	}
	// A size is refused before anything is read.
	_, err := parsePE(bytes.NewReader(nil), maxPESize+1)
	refused(t, err, CodePE, "want at most")
}

func authenticodeOf(tb testing.TB, image []byte) release.Digest {
	tb.Helper()
	parsed, err := parsePE(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		tb.Fatal(err)
	}
	digest, err := parsed.authenticode(context.Background(), progress.None())
	if err != nil {
		tb.Fatal(err)
	}
	return digest
}

// TestAuthenticodeCoverage changes each byte of an image: the digest changes
// with all but the checksum and what belongs to signatures.
func TestAuthenticodeCoverage(t *testing.T) {
	unsigned := newPE(testSection{Name: ".a", Data: []byte("content")}, testSection{Name: ".b", Data: []byte("more")})
	unsigned = append(unsigned, "12345678trailing"...) // data behind the sections
	want := authenticodeOf(t, unsigned)

	signed := append(put32(put32(unsigned, peSecurity, uint32(len(unsigned))), peSecurity+4, 16), "a signature......"[:16]...)
	if got := authenticodeOf(t, signed); got != want {
		t.Errorf("signing changed the digest from %s to %s", want, got)
	}
	excluded := func(i int) bool {
		return i >= peOpt+64 && i < peOpt+68 || i >= peSecurity && i < peSecurity+8 || i >= len(unsigned)
	}
	for i := range signed {
		changed := bytes.Clone(signed)
		changed[i] ^= 1
		parsed, err := parsePE(bytes.NewReader(changed), int64(len(changed)))
		if err != nil {
			continue // another image, or none
		}
		digest, err := parsed.authenticode(context.Background(), progress.None())
		if err != nil {
			t.Fatal(err)
		}
		if excluded(i) != (digest == want) {
			t.Errorf("byte %d changed: the digest is the same %v, want %v", i, digest == want, excluded(i))
		}
	}
}

// TestAuthenticodeGap: behind a gap between sections the rest is counted from
// the sum of what was hashed, as firmware and signing tools do it.
func TestAuthenticodeGap(t *testing.T) {
	packed := newPE(testSection{Name: ".a", Data: []byte("content")})
	gap := append(bytes.Clone(packed[:peHeaders]), make([]byte, 512)...)
	gap = put32(append(gap, packed[peHeaders:]...), peTable+20, peHeaders+512)
	// headers, then .a, then what follows byte 1024+512: .a once more.
	hashed := bytes.Clone(gap[:peOpt+64])
	hashed = append(hashed, gap[peOpt+68:peSecurity]...)
	hashed = append(hashed, gap[peSecurity+8:peHeaders]...)
	hashed = append(hashed, gap[peHeaders+512:]...)
	hashed = append(hashed, gap[peHeaders+512:]...)
	if got, want := authenticodeOf(t, gap), sha(hashed); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestAuthenticodeWithoutDirectory: an image whose data directory has no entry
// for certificates is hashed whole but for its checksum.
func TestAuthenticodeWithoutDirectory(t *testing.T) {
	image := put32(newPE(testSection{Name: ".a", Data: []byte("content")}), peOpt+108, 4)
	if got, want := authenticodeOf(t, image), sha(append(bytes.Clone(image[:peOpt+64]), image[peOpt+68:]...)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
