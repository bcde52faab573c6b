package tlog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const proofHeader = "c2sp.org/tlog-proof@v1\n"

const (
	// MaxExtra is the greatest size of a proof's extra data in bytes: an entry
	// of the greatest size fits.
	MaxExtra = 65535
	// MaxProof is the greatest size of a tlog-proof in bytes.
	MaxProof = MaxNote + 128<<10
)

// Proof is an offline proof that an entry stands in a log
// (https://c2sp.org/tlog-proof).
type Proof struct {
	// Extra is opaque, not authenticated, at most MaxExtra bytes. Nil: the
	// proof has no such line.
	Extra []byte
	// Index is the entry's, counted from 0.
	Index uint64
	// Inclusion leads from the leaf's sibling up, as VerifyInclusion takes it.
	Inclusion []Hash
	// Checkpoint is the log's signed note, as it is.
	Checkpoint []byte
}

// ParseProof reads a tlog-proof. The checkpoint in it must be one, the index
// below its size and the number of hashes the one that index and size demand.
// Nothing is verified: that needs the leaf and the keys; see Verify.
func ParseProof(data []byte) (*Proof, error) {
	if len(data) > MaxProof {
		return nil, fmt.Errorf("tlog-proof: got %d bytes, want at most %d", len(data), MaxProof)
	}
	rest, ok := bytes.CutPrefix(data, []byte(proofHeader))
	if !ok {
		return nil, fmt.Errorf("tlog-proof: got first bytes %s, want the line %s", quote(string(data[:min(len(data), len(proofHeader))])), quote(proofHeader))
	}
	// The first empty line ends the proof: no line before the checkpoint is.
	head, checkpoint, ok := bytes.Cut(rest, []byte("\n\n"))
	if !ok {
		return nil, errors.New("tlog-proof: no empty line before the checkpoint")
	}
	lines := strings.Split(string(head), "\n")
	p := &Proof{Checkpoint: bytes.Clone(checkpoint)}
	if encoded, ok := strings.CutPrefix(lines[0], "extra "); ok {
		extra, err := decodeBase64(encoded)
		if err != nil {
			return nil, fmt.Errorf("tlog-proof: extra: %w", err)
		}
		if len(extra) == 0 || len(extra) > MaxExtra {
			return nil, fmt.Errorf("tlog-proof: extra: got %d bytes, want 1 to %d, or no line", len(extra), MaxExtra)
		}
		p.Extra, lines = extra, lines[1:]
	}
	if len(lines) == 0 {
		return nil, errors.New("tlog-proof: no index line")
	}
	decimal, ok := strings.CutPrefix(lines[0], "index ")
	if !ok {
		return nil, fmt.Errorf("tlog-proof: got line %s, want the index", quote(lines[0]))
	}
	index, err := parseDecimal(decimal)
	if err != nil {
		return nil, fmt.Errorf("tlog-proof: index: %w", err)
	}
	p.Index = index
	if lines = lines[1:]; len(lines) > MaxProofHashes {
		return nil, fmt.Errorf("tlog-proof: got %d hashes, want at most %d", len(lines), MaxProofHashes)
	}
	for i, line := range lines {
		hash, err := ParseHash(line)
		if err != nil {
			return nil, fmt.Errorf("tlog-proof: line %d of the inclusion proof: %w", i+1, err)
		}
		p.Inclusion = append(p.Inclusion, hash)
	}
	signed, err := ParseCheckpoint(checkpoint)
	if err != nil {
		return nil, fmt.Errorf("tlog-proof: %w", err)
	}
	if err := checkInclusionForm(p.Index, signed.Size, len(p.Inclusion)); err != nil {
		return nil, fmt.Errorf("tlog-proof: %w", err)
	}
	return p, nil
}

// Marshal returns the bytes of the proof, for a parsed proof those that were
// parsed.
func (p *Proof) Marshal() []byte {
	var b bytes.Buffer
	b.WriteString(proofHeader)
	if len(p.Extra) > 0 {
		b.WriteString("extra " + base64.StdEncoding.EncodeToString(p.Extra) + "\n")
	}
	b.WriteString("index " + strconv.FormatUint(p.Index, 10) + "\n")
	for _, hash := range p.Inclusion {
		b.WriteString(hash.String() + "\n")
	}
	b.WriteByte('\n')
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// Verify checks the inclusion proof: the leaf stands at Index of the tree that
// the checkpoint names, which is returned. Whether that checkpoint is to be
// trusted, its origin, signatures and cosignatures, is left to the caller and
// has to be checked before anything is concluded.
func (p *Proof) Verify(leaf Hash) (*SignedCheckpoint, error) {
	signed, err := ParseCheckpoint(p.Checkpoint)
	if err != nil {
		return nil, fmt.Errorf("tlog-proof: %w", err)
	}
	if err := VerifyInclusion(p.Index, signed.Size, leaf, p.Inclusion, signed.Root); err != nil {
		return nil, fmt.Errorf("tlog-proof: %w", err)
	}
	return signed, nil
}
