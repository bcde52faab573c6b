package log

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// What this log refuses beyond the register, which knows no hashes: a roll that
// no relying party could ever use. Another log may have admitted one; a replay
// does not judge it.
const (
	// CodeRollNotPublished: a roll of a size that was never published.
	CodeRollNotPublished release.Code = "roll-not-published"
	// CodeRollRoot: a roll whose root is not that of the checkpoint of its size.
	CodeRollRoot release.Code = "roll-root"
)

// checkRoll judges the checkpoint that a roll names: this log has published it.
// Anchors are kept for ever, so what was found before the tree's lock holds under
// it. The error is a *release.Refusal, or that of the storage.
func (l *Log) checkRoll(ctx context.Context, p *register.Prepared) error {
	roll, ok := p.Statement.Predicate.(*release.Roll)
	if !ok {
		return nil
	}
	anchor, err := l.config.Anchors.At(ctx, roll.Size)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		newest, _ := l.published.newest()
		return release.Refuse(CodeRollNotPublished, "predicate.size", strconv.FormatUint(roll.Size, 10),
			"the size of a published checkpoint, such as the newest: "+strconv.FormatUint(newest.Checkpoint.Size, 10))
	case err != nil:
		return fmt.Errorf("%w: the anchor of size %d: %w", ErrUnavailable, roll.Size, err)
	case release.Digest(anchor.Checkpoint.Root) != roll.Root:
		return release.Refuse(CodeRollRoot, "predicate.root", roll.Root.String(), release.Digest(anchor.Checkpoint.Root).String())
	}
	return nil
}
