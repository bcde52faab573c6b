package witness

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/muster-log/muster/tlog"
)

const (
	// MaxRequest is the length of the longest request body, in bytes: 63 proof
	// lines and a note with the 16 signatures that a verifier must accept,
	// each of up to nearly 5 kB (https://c2sp.org/signed-note), in base64.
	MaxRequest = 128 << 10
	// MaxProof is the greatest number of consistency proof lines.
	MaxProof = tlog.MaxProofHashes
)

// AddCheckpoint is the body of an add-checkpoint request.
type AddCheckpoint struct {
	// OldSize is the size of the checkpoint that the submitter believes to be
	// the latest cosigned one.
	OldSize uint64
	// Proof is the consistency proof from OldSize to the checkpoint's size.
	Proof []tlog.Hash
	// Checkpoint is the one to cosign, with the signatures that came with it.
	Checkpoint *tlog.SignedCheckpoint
}

// ParseAddCheckpoint reads a request body and accepts exactly the bytes that
// Marshal writes. Its errors are an [*Error] of KindTooLarge or KindMalformed.
//
// See https://c2sp.org/tlog-witness, "add-checkpoint".
func ParseAddCheckpoint(body []byte) (*AddCheckpoint, error) {
	if len(body) > MaxRequest {
		return nil, &Error{Kind: KindTooLarge, Err: fmt.Errorf("the request body has more than %d bytes", MaxRequest)}
	}
	request, err := parseAddCheckpoint(body)
	if err != nil {
		return nil, &Error{Kind: KindMalformed, Err: err}
	}
	return request, nil
}

func parseAddCheckpoint(body []byte) (*AddCheckpoint, error) {
	head, checkpoint, found := bytes.Cut(body, []byte("\n\n"))
	if !found {
		return nil, errors.New("no empty line between the proof and the checkpoint")
	}
	first, rest, _ := strings.Cut(string(head), "\n")
	size, isOld := strings.CutPrefix(first, "old ")
	if !isOld {
		return nil, errors.New("line 1: want \"old \" and a tree size")
	}
	request := new(AddCheckpoint)
	var err error
	if request.OldSize, err = parseSize(size); err != nil {
		return nil, fmt.Errorf("line 1: old size: %w", err)
	}
	if strings.Contains(string(head), "\n") {
		if request.Proof, err = parseProof(rest); err != nil {
			return nil, err
		}
	}
	if request.Checkpoint, err = tlog.ParseCheckpoint(checkpoint); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return request, nil
}

// parseSize reads a tree size: decimal digits, no sign, no leading zero.
func parseSize(s string) (uint64, error) {
	size, err := strconv.ParseUint(s, 10, 64)
	if err != nil || strconv.FormatUint(size, 10) != s {
		return 0, errors.New("want a decimal number without sign or leading zero")
	}
	if size > tlog.MaxSize {
		return 0, errors.New("the number is above 2^63-1")
	}
	return size, nil
}

// parseProof reads lines of one hash each.
func parseProof(text string) ([]tlog.Hash, error) {
	if lines := strings.Count(text, "\n") + 1; lines > MaxProof {
		return nil, fmt.Errorf("%d consistency proof lines, at most %d are allowed", lines, MaxProof)
	}
	var proof []tlog.Hash
	for line := range strings.SplitSeq(text, "\n") {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: consistency proof: %w", len(proof)+2, err)
		}
		proof = append(proof, hash)
	}
	return proof, nil
}

// Marshal returns the request body.
func (r *AddCheckpoint) Marshal() []byte {
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", r.OldSize)
	for _, hash := range r.Proof {
		body.WriteString(hash.String())
		body.WriteByte('\n')
	}
	body.WriteByte('\n')
	body.Write(r.Checkpoint.Marshal())
	return body.Bytes()
}
