package memory

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/muster-log/muster/tlog"
)

// join makes one of two checkpoints of one size and root: the fresher, with the
// earliest and the latest line of every signer of either. A log that nothing is
// added to is cosigned again and again: more lines would prove nothing more.
func join(a, b Kept) Kept {
	if a.Fresh < b.Fresh || a.Fresh == b.Fresh && bytes.Compare(a.Checkpoint.Marshal(), b.Checkpoint.Marshal()) < 0 {
		a, b = b, a
	}
	a.ExtendedBy = max(a.ExtendedBy, b.ExtendedBy)
	if a.Checkpoint.Note.Text != b.Checkpoint.Note.Text {
		return a // other extension lines, which the lines of b do not sign
	}
	lines := slices.Concat(a.Checkpoint.Note.Signatures, b.Checkpoint.Note.Signatures)
	signed, err := tlog.NewSignedCheckpoint(a.Checkpoint.Checkpoint, bounds(lines)...)
	if err == nil {
		a.Checkpoint = signed
	}
	return a
}

// bounds keeps of every signer the line of the earliest and the line of the latest
// time stamp, in the order of the bytes.
func bounds(lines []tlog.NoteSignature) []tlog.NoteSignature {
	type signer struct {
		name string
		id   uint32
	}
	by := make(map[signer][]tlog.NoteSignature)
	for _, line := range lines {
		at := signer{line.Name, line.KeyID}
		by[at] = append(by[at], line)
	}
	var kept []tlog.NoteSignature
	for _, own := range by {
		slices.SortFunc(own, func(a, b tlog.NoteSignature) int { return bytes.Compare(a.Sig, b.Sig) }) // the time stamp stands first
		kept = append(kept, own[0])
		if last := own[len(own)-1]; !bytes.Equal(last.Sig, own[0].Sig) {
			kept = append(kept, last)
		}
	}
	slices.SortFunc(kept, func(a, b tlog.NoteSignature) int { return bytes.Compare([]byte(a.Line()), []byte(b.Line())) })
	return kept
}

// times returns the time stamps that stand in the lines by a key, whether they
// verify or not.
func times(c *tlog.SignedCheckpoint, key tlog.VerifierKey) (earliest, latest uint64) {
	const stamp = 8
	for _, line := range c.Note.Signatures {
		if !key.Made(line) || len(line.Sig) < stamp {
			continue
		}
		t := binary.BigEndian.Uint64(line.Sig)
		if earliest == 0 || t < earliest {
			earliest = t
		}
		latest = max(latest, t)
	}
	return earliest, latest
}
