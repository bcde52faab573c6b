package tlog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxNote is the greatest size of a signed note in bytes. It leaves room
	// for MaxSignatures post-quantum signatures and a long text.
	MaxNote = 1 << 20
	// MaxSignatures is the greatest number of signature lines of a note. The
	// specification asks for at least 16; a note of ours carries one line for
	// each key of the log and of at most 32 witnesses.
	MaxSignatures = 128
)

const signaturePrefix = "— "

// Note is a signed note (https://c2sp.org/signed-note): a text and the lines
// that sign it. A Note says nothing about whether a signature is good; see
// VerifierKey.VerifyNote and the checkpoint's methods.
type Note struct {
	// Text is what is signed, its last line feed included.
	Text string
	// Signatures stand in the order of their lines. The same line may stand
	// there twice.
	Signatures []NoteSignature
}

// NoteSignature is one signature line of a note.
type NoteSignature struct {
	// Name is the key name: not empty, without Unicode spaces and plus signs.
	Name string
	// KeyID tells keys of one name apart. It is no cryptographic binding.
	KeyID uint32
	// Sig is what follows the key id, at least one byte: for a cosignature
	// the time stamp and the signature.
	Sig []byte
}

// ParseNote reads a signed note of at most MaxNote bytes with 1 to
// MaxSignatures signature lines. It accepts only canonical base64, so Marshal
// returns the bytes that were read.
func ParseNote(data []byte) (*Note, error) {
	if len(data) > MaxNote {
		return nil, fmt.Errorf("signed note: got %d bytes, want at most %d", len(data), MaxNote)
	}
	whole := string(data)
	if err := checkNoteCharacters(whole); err != nil {
		return nil, err
	}
	// The text may hold empty lines of its own: the last one separates.
	end := strings.LastIndex(whole, "\n\n")
	if end < 0 {
		return nil, errors.New("signed note: no empty line between text and signatures")
	}
	text, lines := whole[:end+1], whole[end+2:]
	if lines == "" {
		return nil, errors.New("signed note: no signature line after the empty line")
	}
	if !strings.HasSuffix(lines, "\n") {
		return nil, errors.New("signed note: the last signature line does not end in a line feed")
	}
	if n := strings.Count(lines, "\n"); n > MaxSignatures {
		return nil, fmt.Errorf("signed note: got %d signature lines, want at most %d", n, MaxSignatures)
	}
	signatures, err := ParseSignatureLines(lines)
	if err != nil {
		return nil, err
	}
	return &Note{Text: text, Signatures: signatures}, nil
}

// ParseSignatureLines reads one to MaxSignatures signature lines, each ending
// in a line feed: the tail of a note, or a witness's answer to add-checkpoint
// (https://c2sp.org/tlog-witness).
func ParseSignatureLines(lines string) ([]NoteSignature, error) {
	if len(lines) > MaxNote {
		return nil, fmt.Errorf("signature lines: got %d bytes, want at most %d", len(lines), MaxNote)
	}
	if n := strings.Count(lines, "\n"); n < 1 || n > MaxSignatures {
		return nil, fmt.Errorf("signature lines: got %d, want 1 to %d, each ending in a line feed", n, MaxSignatures)
	}
	if !strings.HasSuffix(lines, "\n") {
		return nil, errors.New("signature lines: the last one does not end in a line feed")
	}
	var signatures []NoteSignature
	for line := range strings.SplitSeq(strings.TrimSuffix(lines, "\n"), "\n") {
		s, err := parseSignatureLine(line)
		if err != nil {
			return nil, fmt.Errorf("signature line %d: %w", len(signatures)+1, err)
		}
		signatures = append(signatures, s)
	}
	return signatures, nil
}

func parseSignatureLine(line string) (NoteSignature, error) {
	rest, ok := strings.CutPrefix(line, signaturePrefix)
	if !ok {
		return NoteSignature{}, fmt.Errorf("got %s, want an em dash and a space first", quote(line))
	}
	name, encoded, ok := strings.Cut(rest, " ")
	if !ok {
		return NoteSignature{}, fmt.Errorf("got %s, want a key name, a space and base64", quote(line))
	}
	if err := CheckKeyName(name); err != nil {
		return NoteSignature{}, err
	}
	raw, err := decodeBase64(encoded)
	if err != nil {
		return NoteSignature{}, fmt.Errorf("signature of %s: %w", quote(name), err)
	}
	if len(raw) < 5 {
		return NoteSignature{}, fmt.Errorf("signature of %s: got %d bytes, want a key id of 4 and a signature", quote(name), len(raw))
	}
	return NoteSignature{Name: name, KeyID: binary.BigEndian.Uint32(raw), Sig: raw[4:]}, nil
}

// Line returns the signature line, its line feed included.
func (s NoteSignature) Line() string {
	return string(s.AppendLine(make([]byte, 0, s.lineSize())))
}

// AppendLine appends the signature line, its line feed included.
func (s NoteSignature) AppendLine(to []byte) []byte {
	to = append(append(append(to, signaturePrefix...), s.Name...), ' ')
	// Six bytes are eight characters without padding, so that the rest, which may
	// be long, can be encoded from where it is.
	head := min(2, len(s.Sig))
	first := append(binary.BigEndian.AppendUint32(make([]byte, 0, 6), s.KeyID), s.Sig[:head]...)
	to = base64.StdEncoding.AppendEncode(to, first)
	to = base64.StdEncoding.AppendEncode(to, s.Sig[head:])
	return append(to, '\n')
}

// lineSize is the length of the signature line, in bytes.
func (s NoteSignature) lineSize() int {
	return len(signaturePrefix) + len(s.Name) + 1 + base64.StdEncoding.EncodedLen(4+len(s.Sig)) + 1
}

// Marshal returns the bytes of the note. For a note from ParseNote these are
// the bytes that were parsed.
func (n *Note) Marshal() []byte {
	size := len(n.Text) + 1
	for _, s := range n.Signatures {
		size += s.lineSize()
	}
	note := append(append(make([]byte, 0, size), n.Text...), '\n')
	for _, s := range n.Signatures {
		note = s.AppendLine(note)
	}
	return note
}

// CheckKeyName refuses a key name that is empty, holds a Unicode space, a plus
// sign or a control character, or is not UTF-8.
func CheckKeyName(name string) error {
	switch {
	case name == "":
		return errors.New("key name is empty")
	case !utf8.ValidString(name):
		return fmt.Errorf("key name %s is not UTF-8", quote(name))
	case strings.Contains(name, "+"):
		return fmt.Errorf("key name %s holds a plus sign", quote(name))
	case strings.IndexFunc(name, func(r rune) bool { return unicode.IsSpace(r) || r < 0x20 }) >= 0:
		return fmt.Errorf("key name %s holds a space or a control character", quote(name))
	}
	return nil
}

// checkNoteText refuses a text that cannot be signed as a note.
func checkNoteText(text string) error {
	if !strings.HasSuffix(text, "\n") {
		return errors.New("note text does not end in a line feed")
	}
	if len(text) > MaxNote {
		return fmt.Errorf("note text: got %d bytes, want at most %d", len(text), MaxNote)
	}
	return checkNoteCharacters(text)
}

func checkNoteCharacters(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("signed note is not UTF-8")
	}
	for i, c := range []byte(text) {
		if c < 0x20 && c != '\n' {
			return fmt.Errorf("signed note: control character 0x%02x at byte %d; lines end in a line feed alone", c, i)
		}
	}
	return nil
}
