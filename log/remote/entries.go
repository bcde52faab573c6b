package remote

import (
	"context"
	"fmt"
	"strconv"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/policy"
)

// typeEntry is the content type of an entry: a DSSE envelope.
const typeEntry = "application/vnd.dsse.envelope.v1+json"

// maxIndexText bounds an index or a digest in a path: 64 hexadecimal digits.
const maxIndexText = 64

// CheckpointAt returns the cosigned checkpoint of exactly this size that the log
// keeps as an anchor; fs.ErrNotExist where it keeps none.
func (c *Client) CheckpointAt(ctx context.Context, size uint64) ([]byte, error) {
	return c.get(ctx, "checkpoint/"+strconv.FormatUint(size, 10), tlog.MaxNote, typeText)
}

// Entry returns an entry's bytes. which is an index or a digest in lowercase
// hexadecimal: of a payload, or of anything the log's index knows.
func (c *Client) Entry(ctx context.Context, which string) ([]byte, error) {
	path, err := entryPath(which, "")
	if err != nil {
		return nil, err
	}
	return c.get(ctx, path, tlog.MaxEntry, typeEntry, typeJSON)
}

// Proof returns the bytes of an entry's offline proof
// (https://c2sp.org/tlog-proof).
func (c *Client) Proof(ctx context.Context, which string) ([]byte, error) {
	path, err := entryPath(which, "/proof")
	if err != nil {
		return nil, err
	}
	return c.get(ctx, path, tlog.MaxProof, typeText)
}

// Bundle returns the bytes of the proof bundle of a release's entry.
func (c *Client) Bundle(ctx context.Context, which string) ([]byte, error) {
	path, err := entryPath(which, "/bundle")
	if err != nil {
		return nil, err
	}
	return c.get(ctx, path, bundle.MaxSize, bundle.MediaType)
}

// entryPath makes the path of an entry. Only digits and lowercase hexadecimal
// pass, so nothing else can be asked for.
func entryPath(which, tail string) (string, error) {
	if which == "" || len(which) > maxIndexText {
		return "", fmt.Errorf("entry %.80q: want an index, or 64 lowercase hexadecimal digits", which)
	}
	for _, digit := range []byte(which) {
		if (digit < '0' || digit > '9') && (digit < 'a' || digit > 'f') {
			return "", fmt.Errorf("entry %.80q: want an index, or 64 lowercase hexadecimal digits", which)
		}
	}
	return "api/v1/entries/" + which + tail, nil
}

// Policy returns the log's own words on its key and its witnesses, a C2SP
// tlog-policy. Nobody vouches for it.
func (c *Client) Policy(ctx context.Context) ([]byte, error) {
	return c.get(ctx, "api/v1/policy", policy.MaxPolicy, typeText)
}
