package roll

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
)

// checkpointName is the file of the newest checkpoint that was followed: what the log
// showed once, it must extend after a restart too.
const checkpointName = "checkpoint"

// readFile reads a regular file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	file, _, err := inputfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return data, err
}

// readKept returns the checkpoint of a state directory; nil in a new one.
func readKept(directory string) (*tlog.SignedCheckpoint, error) {
	path := filepath.Join(directory, checkpointName)
	data, err := readFile(path, tlog.MaxNote)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	kept, err := tlog.ParseCheckpoint(data)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return kept, nil
}

// MisbehavedError says that the log signed two histories. Nothing is signed any more
// from this state directory while the evidence lies in it.
type MisbehavedError struct {
	// Path is the file of the evidence, for anybody to check (muster verify fork).
	Path string
	Err  error
}

func (e *MisbehavedError) Error() string {
	return fmt.Sprintf("the log misbehaved, and the evidence is in %s: %v", e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *MisbehavedError) Unwrap() error { return e.Err }

// logEvidence is the beginning of the names of evidence against the log, as opposed to
// that against a witness.
const logEvidence, witnessEvidence = "log-", "witness-"

// evidenceIn returns the paths of the files of evidence with that beginning in a
// directory, in order. The directory's own name is no pattern.
func evidenceIn(directory, prefix string) ([]string, error) {
	files, err := os.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, file := range files {
		if name := file.Name(); strings.HasPrefix(name, prefix) && strings.HasSuffix(name, fork.Extension) {
			found = append(found, filepath.Join(directory, name))
		}
	}
	return found, nil
}

// checkEvidence refuses a state directory in which evidence against the log lies.
func checkEvidence(directory string) error {
	found, err := evidenceIn(directory, logEvidence)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return &MisbehavedError{found[0], errors.New("it was found before; nothing is signed for this log any more")}
	}
	return nil
}

// maxAccused is how many files of evidence against witnesses are read: one for each.
const maxAccused = 256

// readAccused returns the evidence against witnesses that lies in a state directory.
func readAccused(directory string) ([]*fork.Evidence, error) {
	found, err := evidenceIn(directory, witnessEvidence)
	if err != nil {
		return nil, err
	}
	if len(found) > maxAccused {
		return nil, fmt.Errorf("%s holds more than %d files of evidence against witnesses: take witnesses that lie out of the policy, and the files away", directory, maxAccused)
	}
	var all []*fork.Evidence
	for _, path := range found {
		data, err := readFile(path, fork.MaxSize)
		if err != nil {
			return nil, err
		}
		evidence, err := fork.Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s is damaged: %w", path, err)
		}
		all = append(all, evidence)
	}
	return all, nil
}

// keepEvidence writes evidence beside the state and returns its path. The same
// evidence twice is one file.
func keepEvidence(directory, prefix string, evidence *fork.Evidence) (string, error) {
	data, err := evidence.Marshal()
	if err != nil {
		return "", err
	}
	path := filepath.Join(directory, fmt.Sprintf("%s%s-%.16s%s", prefix, evidence.Kind, digestOf(data), fork.Extension))
	err = atomicfile.Create(path, data, 0o644)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return path, err
}

// Drop gives up a withdrawal that waits in a state directory, whose signer must not
// run: a person decides that it need not be in the log.
func Drop(directory string, digest release.Digest) error {
	dropped, err := drop(directory, func(one *spooled) bool { return one.prepared.Digest == digest })
	if err == nil && len(dropped) == 0 {
		return fmt.Errorf("no withdrawal %s waits in %s: %w", digest, directory, fs.ErrNotExist)
	}
	return err
}

// DropRefused is Drop for all withdrawals that the signer found refused at its last step,
// because the authority had changed. It returns them, also where it fails half-way.
func DropRefused(directory string) ([]release.Digest, error) {
	return drop(directory, func(one *spooled) bool { return one.Refused != "" })
}

func drop(directory string, which func(*spooled) bool) ([]release.Digest, error) {
	if _, err := os.Stat(filepath.Join(directory, spoolName)); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(directory)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	s, err := openSpool(directory)
	if err != nil {
		return nil, err
	}
	dropped := []release.Digest{}
	for _, one := range s.all() {
		if !which(one) {
			continue
		}
		if err := s.remove(one.prepared.Digest); err != nil {
			return dropped, err
		}
		dropped = append(dropped, one.prepared.Digest)
	}
	return dropped, nil
}
