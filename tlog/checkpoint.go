package tlog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Checkpoint is a log's statement of its size and root
// (https://c2sp.org/tlog-checkpoint).
type Checkpoint struct {
	// Origin names the log. It is not empty and has no line feed.
	Origin string
	// Size is the number of leaves, at most MaxSize.
	Size uint64
	// Root is the RFC 6962 root at Size. Parsing does not compare it with
	// EmptyRoot where Size is 0: VerifyConsistency does.
	Root Hash
	// Extensions are further lines, none of them empty. Their use is not
	// recommended, and ML-DSA cosignatures do not cover them.
	Extensions []string
}

// ParseCheckpointText reads the text of a checkpoint, without signatures.
func ParseCheckpointText(text string) (Checkpoint, error) {
	if err := checkNoteText(text); err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 {
		return Checkpoint{}, fmt.Errorf("checkpoint: got %d lines, want origin, size and root", len(lines))
	}
	if lines[0] == "" {
		return Checkpoint{}, errors.New("checkpoint: origin is empty")
	}
	size, err := parseDecimal(lines[1])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: size: %w", quote(lines[0]), err)
	}
	root, err := ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: root: %w", quote(lines[0]), err)
	}
	checkpoint := Checkpoint{Origin: lines[0], Size: size, Root: root}
	for i, line := range lines[3:] {
		if line == "" {
			return Checkpoint{}, fmt.Errorf("checkpoint of %s: extension line %d is empty", quote(lines[0]), i+1)
		}
		checkpoint.Extensions = append(checkpoint.Extensions, line)
	}
	return checkpoint, nil
}

// Text returns the text that is signed, its last line feed included.
func (c Checkpoint) Text() string {
	var b strings.Builder
	b.WriteString(c.Origin)
	b.WriteByte('\n')
	b.WriteString(strconv.FormatUint(c.Size, 10))
	b.WriteByte('\n')
	b.WriteString(c.Root.String())
	b.WriteByte('\n')
	for _, line := range c.Extensions {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// Same reports whether both state the same origin, size and root. Extension
// lines are not compared: nobody vouches for them.
func (c Checkpoint) Same(other Checkpoint) bool {
	return c.Origin == other.Origin && c.Size == other.Size && c.Root == other.Root
}

// SignedCheckpoint is a checkpoint with the note that carries it.
type SignedCheckpoint struct {
	Checkpoint
	// Note holds the very text and lines that were read.
	Note *Note
}

// ParseCheckpoint reads a signed note whose text is a checkpoint. No
// signature is checked.
func ParseCheckpoint(data []byte) (*SignedCheckpoint, error) {
	note, err := ParseNote(data)
	if err != nil {
		return nil, err
	}
	checkpoint, err := ParseCheckpointText(note.Text)
	if err != nil {
		return nil, err
	}
	return &SignedCheckpoint{Checkpoint: checkpoint, Note: note}, nil
}

// NewSignedCheckpoint joins a checkpoint and at least one signature line. It
// refuses what ParseCheckpoint would not read back.
func NewSignedCheckpoint(checkpoint Checkpoint, signatures ...NoteSignature) (*SignedCheckpoint, error) {
	note := Note{Text: checkpoint.Text(), Signatures: signatures}
	signed, err := ParseCheckpoint(note.Marshal())
	if err != nil {
		return nil, err
	}
	if len(signed.Note.Signatures) != len(signatures) || signed.Note.Text != note.Text || !signed.Same(checkpoint) {
		return nil, errors.New("checkpoint: a line holds a line feed")
	}
	return signed, nil
}

// With returns the checkpoint with further signature lines after those that it
// has. A line that it already holds is not added again.
func (c *SignedCheckpoint) With(signatures ...NoteSignature) (*SignedCheckpoint, error) {
	have := make(map[string]bool)
	var all []NoteSignature
	for _, s := range c.Note.Signatures {
		have[s.Line()] = true
		all = append(all, s)
	}
	for _, s := range signatures {
		if line := s.Line(); !have[line] {
			have[line] = true
			all = append(all, s)
		}
	}
	note := Note{Text: c.Note.Text, Signatures: all}
	return ParseCheckpoint(note.Marshal())
}

// Marshal returns the bytes of the signed note, for a parsed checkpoint those
// that were parsed.
func (c *SignedCheckpoint) Marshal() []byte { return c.Note.Marshal() }

// ErrNotSigned reports a checkpoint without a signature by any wanted key.
var ErrNotSigned = errors.New("no signature by a known key")

// VerifySignature checks the log's signature: at least one line is by one of
// the keys, and every line by one of them verifies, wherever it stands. Lines
// by other keys are ignored. Keys of type 0x01 sign the text; a log may also
// sign with a cosignature key, under the rules of Cosignatures: a time stamp
// other than 0, and under 0x06 no extension lines.
//
// It does not compare key names with the origin. A log key's name should be
// its origin; package policy demands it.
func (c *SignedCheckpoint) VerifySignature(keys ...VerifierKey) error {
	found := false
	if err := c.eachLine(keys, func(key VerifierKey, sig NoteSignature) error {
		found = true
		if key.Type.Cosigns() {
			_, err := key.verifyCosignature(c, sig)
			return err
		}
		return key.VerifyNote(c.Note.Text, sig)
	}); err != nil {
		return fmt.Errorf("checkpoint of %s, size %d: %w", quote(c.Origin), c.Size, err)
	}
	if !found {
		return fmt.Errorf("checkpoint of %s, size %d: %w", quote(c.Origin), c.Size, ErrNotSigned)
	}
	return nil
}

// eachLine calls check for every different line that names one of the keys.
func (c *SignedCheckpoint) eachLine(keys []VerifierKey, check func(VerifierKey, NoteSignature) error) error {
	type identity struct {
		name string
		id   uint32
	}
	known := make(map[identity]VerifierKey, len(keys))
	for _, key := range keys {
		at := identity{key.Name, key.KeyID}
		if other, ok := known[at]; ok && !other.Equal(key) {
			return fmt.Errorf("two different keys are named %s+%08x: give one of them another name", quote(key.Name), key.KeyID)
		}
		known[at] = key
	}
	seen := make(map[string]bool)
	for _, sig := range c.Note.Signatures {
		key, ok := known[identity{sig.Name, sig.KeyID}]
		if !ok {
			continue
		}
		if line := sig.Line(); seen[line] {
			continue
		} else {
			seen[line] = true
		}
		if err := check(key, sig); err != nil {
			return err
		}
	}
	return nil
}
