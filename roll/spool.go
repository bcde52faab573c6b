package roll

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

const (
	spoolName = "withdrawals"
	// MaxSpooled is how many withdrawals wait at most. Every one was admissible when
	// it was handed in, so only holders of withdraw keys can fill the spool; with a key
	// of one product, no more of it than maxOfProduct.
	MaxSpooled, maxOfProduct = 256, 64
	// maxRefused is how many may have been refused since, for the authority has changed.
	// They count for themselves, so that a key that was taken out of the authority keeps
	// out nobody who is in it; twice as many as may wait, since all those that wait are
	// refused at once.
	maxRefused, maxRefusedOfProduct = 2 * MaxSpooled, 2 * maxOfProduct
	// maxFiles is how many files there are at most: the last of those refused were
	// taken when less than so many were.
	maxFiles = maxRefused + MaxSpooled
	// maxSpoolFile bounds a spool file in bytes: an envelope in base64 with its time.
	maxSpoolFile = 2*release.MaxEntry + 4096
)

// spool holds the withdrawals that were handed in and are not in the log yet: a file
// each, durable before anybody is told so.
type spool struct {
	directory string
	waiting   map[release.Digest]*spooled
}

type spooled struct {
	HandedIn time.Time `json:"handedIn"`
	// Size is how far the log was followed when it was handed in; never 0, since
	// without its target it would not have been taken.
	Size uint64 `json:"size"`
	// Refused is the code of refusal, for those who find the file without the log.
	Refused  release.Code `json:"refused,omitempty"`
	Envelope []byte       `json:"envelope"`

	prepared *register.Prepared
	stated   *release.Withdrawal
	// refusal is why the log's rules do not admit it any more.
	refusal *release.Refusal
	// failure is how the last attempt to submit it ended.
	failure error
	// taken: the log answered once that it has it.
	taken bool
	// warned is when it was last said that an attempt failed.
	warned time.Time
	// submitting: an attempt is under way. tried counts up with the attempts of all:
	// that of the last one of this; 0 before the first.
	submitting bool
	tried      uint64
}

func openSpool(directory string) (*spool, error) {
	s := &spool{directory: filepath.Join(directory, spoolName), waiting: map[release.Digest]*spooled{}}
	if err := os.MkdirAll(s.directory, 0o700); err != nil {
		return nil, err
	}
	files, err := os.ReadDir(s.directory)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		name, ours := strings.CutSuffix(file.Name(), ".json")
		digest, err := release.ParseDigest(name)
		if !ours || err != nil {
			continue // what a crash left half made, or a person put there
		}
		if len(s.waiting) >= maxFiles {
			return nil, fmt.Errorf("%s holds more than %d withdrawals", s.directory, maxFiles)
		}
		one, err := s.read(digest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.path(digest), err)
		}
		s.waiting[digest] = one
	}
	return s, nil
}

func (s *spool) path(digest release.Digest) string {
	return filepath.Join(s.directory, digest.String()+".json")
}

func (s *spool) read(digest release.Digest) (*spooled, error) {
	data, err := readFile(s.path(digest), maxSpoolFile)
	if err != nil {
		return nil, err
	}
	return parseSpooled(data, digest)
}

// parseSpooled reads a spool file of a withdrawal with that payload digest.
func parseSpooled(data []byte, digest release.Digest) (*spooled, error) {
	var one spooled
	if err := json.Unmarshal(data, &one); err != nil {
		return nil, err
	}
	var err error
	if one.prepared, one.stated, err = readWithdrawal(one.Envelope); err != nil {
		return nil, err
	}
	if one.prepared.Digest != digest || one.HandedIn.IsZero() || one.Size == 0 {
		return nil, errors.New("the file is not that of its name, or lacks the time when it was handed in or the size of the log then")
	}
	return &one, nil
}

// readWithdrawal reads an envelope and wants a withdrawal in it.
func readWithdrawal(envelope []byte) (*register.Prepared, *release.Withdrawal, error) {
	prepared, err := register.Decode(envelope)
	if err != nil {
		return nil, nil, err
	}
	stated, ok := prepared.Statement.Predicate.(*release.Withdrawal)
	if !ok {
		return nil, nil, release.Refuse(release.CodePredicateType, "predicateType", prepared.Statement.URI, "a withdrawal")
	}
	return prepared, stated, nil
}

// put makes a withdrawal durable.
func (s *spool) put(one *spooled) error {
	if err := s.write(one); err != nil {
		return err
	}
	s.waiting[one.prepared.Digest] = one
	return nil
}

func (s *spool) write(one *spooled) error {
	data, err := json.Marshal(one)
	if err != nil {
		return err
	}
	return atomicfile.Write(s.path(one.prepared.Digest), append(data, '\n'), privateMode)
}

// mark keeps in the file of a withdrawal whether it is refused.
func (s *spool) mark(one *spooled) error {
	var code release.Code
	if one.refusal != nil {
		code = one.refusal.Code
	}
	if code == one.Refused {
		return nil
	}
	marked := *one
	marked.Refused = code
	if err := s.write(&marked); err != nil {
		return err
	}
	one.Refused = code
	return nil
}

// full reports whether no withdrawal of a product is taken.
func (s *spool) full(product string) bool {
	var wait, refused, waitOf, refusedOf int
	for _, one := range s.waiting {
		count, of := &wait, &waitOf
		if one.refusal != nil {
			count, of = &refused, &refusedOf
		}
		*count++
		if one.stated.Product == product {
			*of++
		}
	}
	return wait >= MaxSpooled || waitOf >= maxOfProduct || refused >= maxRefused || refusedOf >= maxRefusedOfProduct
}

// remove forgets a withdrawal that is in the log, or is given up. If the file stays it
// is found again at the next start, and judged again.
func (s *spool) remove(digest release.Digest) error {
	delete(s.waiting, digest)
	if err := os.Remove(s.path(digest)); err != nil {
		return err
	}
	return atomicfile.SyncDir(s.directory)
}

// all returns what waits, the oldest first.
func (s *spool) all() []*spooled {
	list := make([]*spooled, 0, len(s.waiting))
	for _, one := range s.waiting {
		list = append(list, one)
	}
	slices.SortFunc(list, func(x, y *spooled) int {
		if order := x.HandedIn.Compare(y.HandedIn); order != 0 {
			return order
		}
		return x.prepared.Digest.Compare(y.prepared.Digest)
	})
	return list
}
