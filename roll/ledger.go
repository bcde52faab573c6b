package roll

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/release"
)

const (
	ledgerName = "signed.json"
	// maxLedger bounds the ledger in bytes: an entry for each of some hundred products.
	maxLedger = 64 << 20
	// privateMode is the mode of the files of a state directory.
	privateMode = 0o600
)

// ledger is the newest roll that was signed of each product, on disk before it leaves
// the process. The log has the same, but for a roll that it did not take yet: so a
// ledger that is lost loses only that one roll.
type ledger struct {
	path   string
	signed map[string]signed
}

// signed is a roll as it was signed: an entry.
type signed struct {
	Envelope []byte    `json:"envelope"`
	At       time.Time `json:"at"`

	roll   *release.Roll
	digest release.Digest
}

func openLedger(directory string) (*ledger, error) {
	l := &ledger{path: filepath.Join(directory, ledgerName), signed: map[string]signed{}}
	data, err := readFile(l.path, maxLedger)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	if l.signed, err = parseLedger(data); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", l.path, err)
	}
	return l, nil
}

// parseLedger reads a ledger's file: of each product an entry with its roll.
func parseLedger(data []byte) (map[string]signed, error) {
	all := map[string]signed{}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	for name, entry := range all {
		var err error
		if entry.roll, entry.digest, err = readRoll(entry.Envelope); err != nil {
			return nil, fmt.Errorf("the roll of %q: %w", name, err)
		}
		if entry.roll.Product != name {
			return nil, fmt.Errorf("the roll of %q is of %q", name, entry.roll.Product)
		}
		all[name] = entry
	}
	return all, nil
}

func readRoll(envelope []byte) (*release.Roll, release.Digest, error) {
	parsed, err := release.ParseEnvelope(envelope)
	if err != nil {
		return nil, release.Digest{}, err
	}
	statement, err := release.ParseStatement(parsed.Payload)
	if err != nil {
		return nil, release.Digest{}, err
	}
	stated, ok := statement.Predicate.(*release.Roll)
	if !ok {
		return nil, release.Digest{}, release.Refuse(release.CodePredicateType, "predicateType", statement.URI, "a roll")
	}
	return stated, parsed.PayloadDigest(), nil
}

// errOlder says that the log is smaller than one that was signed.
var errOlder = errors.New("a smaller size than one that was signed")

// errOther says that one size has two contents.
var errOther = errors.New("another list, root or authority than the one signed for the same size")

// check says whether a roll may be signed: nil, errOlder or errOther.
func (l *ledger) check(next *release.Roll) error {
	last, ok := l.signed[next.Product]
	switch {
	case !ok || next.Size > last.roll.Size:
		return nil
	case next.Size < last.roll.Size:
		return fmt.Errorf("%w: size %d after %d", errOlder, next.Size, last.roll.Size)
	case next.Origin != last.roll.Origin || next.Root != last.roll.Root || next.Authority != last.roll.Authority || !slices.Equal(next.Live, last.roll.Live):
		return fmt.Errorf("%w, %d", errOther, next.Size)
	}
	return nil
}

// put makes a signed roll durable as its product's newest. It refuses what check does.
func (l *ledger) put(envelope []byte, at time.Time) (signed, error) {
	stated, digest, err := readRoll(envelope)
	if err != nil {
		return signed{}, err
	}
	if err := l.check(stated); err != nil {
		return signed{}, err
	}
	before, had := l.signed[stated.Product]
	entry := signed{Envelope: envelope, At: at.UTC(), roll: stated, digest: digest}
	l.signed[stated.Product] = entry
	data, err := json.Marshal(l.signed)
	if err == nil {
		err = atomicfile.Write(l.path, append(data, '\n'), privateMode)
	}
	if err != nil {
		delete(l.signed, stated.Product)
		if had {
			l.signed[stated.Product] = before
		}
		return signed{}, err
	}
	return entry, nil
}
