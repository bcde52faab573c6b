package memory

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/muster-log/muster/internal/strictjson"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
)

// MaxSize is the greatest size of a memory's JSON in bytes: of each log the largest
// note and the largest proven, escaped, the others, evidence, and what stands around them.
const MaxSize = MaxLogs * (4*tlog.MaxNote + MaxOthers + MaxEvidence + 64<<10)

// limits bound the JSON while it is read: its depth, and the values of the largest.
var limits = strictjson.Limits{
	Depth:  6,
	Values: 1 + MaxLogs*(5+4*MaxCheckpoints+maxEvidenceCount*(9+tlog.MaxProofHashes)),
}

// Parse reads what Marshal wrote: at most MaxSize bytes, strictly. No signature
// and no proof is checked: the file is the reader's own.
func Parse(data []byte) (*Memory, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("memory: got %d bytes, want at most %d", len(data), MaxSize)
	}
	doc, err := strictjson.Parse(data, limits)
	if err != nil {
		return nil, fmt.Errorf("memory: want canonical JSON (RFC 8785): %w", err)
	}
	m := &Memory{}
	for i, v := range doc.Root().Elements() {
		if err := m.read(v); err != nil {
			return nil, fmt.Errorf("memory: [%d]: %w", i, err)
		}
	}
	// One encoding: whatever was not said, said twice or in another order shows here.
	canonical, err := m.Marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, data) {
		return nil, errors.New("memory: not what this program writes: a member, an order or a bound is another")
	}
	return m, nil
}

// read takes one log. What it leaves out or is lenient about, Parse's comparison
// finds.
func (m *Memory) read(v strictjson.Value) error {
	origin := v.Member("origin").Text()
	if m.logs[origin] != nil {
		return fmt.Errorf("origin %s twice", quote(origin))
	}
	h, err := m.of(origin)
	if err != nil {
		return err
	}
	checkpoints := v.Member("checkpoints")
	for i, element := range checkpoints.Elements() {
		signed, err := tlog.ParseCheckpoint([]byte(element.Member("checkpoint").Text()))
		if err != nil {
			return fmt.Errorf("checkpoints[%d]: %w", i, err)
		}
		if signed.Origin != origin || signed.Size == 0 || i > 0 && signed.Size <= h.kept[i-1].Checkpoint.Size {
			return fmt.Errorf("checkpoints[%d]: got size %d of %s, want sizes of %s above 0 that rise", i, signed.Size, quote(signed.Origin), quote(origin))
		}
		h.kept = append(h.kept, Kept{Checkpoint: signed, Fresh: element.Member("fresh").Uint()})
	}
	for i, element := range checkpoints.Elements() {
		by := element.Member("extendedBy")
		if !by.Exists() {
			continue
		}
		at := by.Uint()
		if at <= uint64(i) || at >= uint64(len(h.kept)) {
			return fmt.Errorf("checkpoints[%d].extendedBy: got %d, want the number of a larger checkpoint", i, at)
		}
		h.kept[i].ExtendedBy = h.kept[at].Checkpoint.Size
	}
	if proven := v.Member("proven"); proven.Exists() {
		at := proven.Uint()
		if at >= uint64(len(h.kept)) {
			return fmt.Errorf("proven: got %d, want the number of a checkpoint", at)
		}
		h.proven = h.kept[at].Checkpoint.Size
		if h.top(h.proven) != h.proven {
			return fmt.Errorf("proven: got %d, which another checkpoint extends", at)
		}
	}
	for i, element := range v.Member("evidence").Elements() {
		evidence, err := fork.Parse([]byte(element.Raw()))
		if err != nil {
			return fmt.Errorf("evidence[%d]: %w", i, err)
		}
		if evidence.Origin != origin {
			return fmt.Errorf("evidence[%d]: got origin %s, want %s", i, quote(evidence.Origin), quote(origin))
		}
		h.accuse(evidence, nil)
	}
	return nil
}

// Marshal returns the canonical bytes: a list of logs. It refuses what Parse would
// not read back.
func (m *Memory) Marshal() ([]byte, error) {
	out := []byte{'['}
	for i, origin := range m.Origins() {
		h := m.logs[origin].pruned()
		if len(h.kept) == 0 {
			return nil, fmt.Errorf("memory: nothing is remembered of log %s", quote(origin))
		}
		out = append(separate(out, i), `{"checkpoints":[`...)
		for n, k := range h.kept {
			out = append(separate(out, n), `{"checkpoint":`...)
			out = strictjson.AppendString(out, string(k.Checkpoint.Marshal()))
			if k.ExtendedBy > 0 {
				at, _ := h.find(k.ExtendedBy)
				out = append(out, `,"extendedBy":`...)
				out = strconv.AppendInt(out, int64(at), 10)
			}
			out = append(out, `,"fresh":`...)
			out = append(strconv.AppendUint(out, k.Fresh, 10), '}')
		}
		out = append(out, `],"evidence":[`...)
		for n, e := range h.evidence {
			data, err := e.Marshal()
			if err != nil {
				return nil, err
			}
			out = append(separate(out, n), data...)
		}
		out = append(out, `],"origin":`...)
		out = strictjson.AppendString(out, origin)
		if h.proven > 0 {
			at, _ := h.find(h.proven)
			out = append(out, `,"proven":`...)
			out = strconv.AppendInt(out, int64(at), 10)
		}
		out = append(out, '}')
	}
	out = append(out, ']')
	if len(out) > MaxSize {
		return nil, fmt.Errorf("memory: got %d bytes, want at most %d", len(out), MaxSize)
	}
	return out, nil
}

// pruned returns what the bounds leave of a history.
func (h *history) pruned() *history {
	p := &history{kept: append([]Kept(nil), h.kept...), proven: h.proven, evidence: h.evidence}
	p.prune()
	return p
}

// encodedSize is the length of a note as a JSON string.
func encodedSize(c *tlog.SignedCheckpoint) int {
	return len(strictjson.AppendString(nil, string(c.Marshal())))
}

// separate writes the comma before every element but the first.
func separate(out []byte, i int) []byte {
	if i > 0 {
		return append(out, ',')
	}
	return out
}
