package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/node/images"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/verify"
)

// Registers is this machine's TPM.
type Registers interface {
	PCRs() ([16]attest.Digest, error)
	ExtendLedger(attest.LedgerEvent) error
}

// Options are what the gate decides by.
type Options struct {
	Registers Registers
	EventLog  []byte // the firmware's
	Bundle    []byte
	Trust     *verify.Trust
	// Maximum is how long past its deadline what is old is reported only.
	Maximum time.Duration
	Phases  int // that have run: attest/tpm.Stage
	Now     time.Time
	Verify  []verify.Option

	Opener    images.Opener
	Images    map[string]string // paths by KIND/NAME
	Directory string            // where further images lie, as KIND/NAME; empty: nowhere
	Root      string            // below which the images' files are to be
	// ByHand: the caller has a command of its own, and the release's is not sought.
	ByHand bool
}

// Result is what the gate came to.
type Result struct {
	Verdict *verify.Verdict
	// Command is what the release's config image says, nil where the caller has one.
	Command *release.Command
	// Again: the ledger was locked before, and the images were opened again.
	Again bool
}

// A RefusedError is a refusal besides the verdict: the ledger is not as it must be, or
// an image is not the release's. The ledger says so from then on.
type RefusedError struct{ Reason error }

func (e *RefusedError) Error() string { return e.Reason.Error() }

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.Reason }

// CodeOpened is the check that the gate adds to a verdict that it did not follow: what
// the release names was opened, and is its own.
const CodeOpened verify.Code = "opened"

// ErrByHand refuses a command that somebody gave by hand where the release says what
// to run.
var ErrByHand = errors.New("a release of production says itself what to run: a command by hand is for development")

// Pass judges the machine and lets it pass. A verdict that is no pass is no error, and
// then nothing was opened. Where something is refused, `refused` is in the ledger
// before Pass returns, so that the machine can show nothing else until it reboots.
// The error is a *RefusedError, ErrByHand, or says that something could not be done.
func Pass(ctx context.Context, o Options) (*Result, error) {
	pcrs, err := o.Registers.PCRs()
	if err != nil {
		return nil, err
	}
	r := &Result{Verdict: Judge(o, pcrs, tpm.LedgerEmptyOrLocked)}
	switch r.Verdict.Result {
	case verify.Fail:
		return r, o.Registers.ExtendLedger(attest.Refused)
	case verify.Unknown:
		return r, nil
	}
	ledger, err := r.Verdict.Judged.Ledger()
	if err != nil {
		return r, err
	}
	r.Again = pcrs[15] == ledger.SHA256()
	loaded := map[attest.Digest]*release.Image{}
	var wanted []*release.Image
	for _, image := range r.Verdict.Judged.Images {
		if o.ByHand && image.Image.Mode == release.ModeProduction {
			return r, ErrByHand
		}
		if images.Loaded(image.Image.Kind) {
			loaded[attest.Digest(image.Digest)] = image.Image
			wanted = append(wanted, image.Image)
		}
	}
	paths, err := images.Find(wanted, o.Images, o.Directory)
	if err != nil {
		return r, r.refuse(o.Registers, err)
	}
	for _, event := range ledger.Events() {
		// What is used is in the ledger before it is touched; the lock comes last, when
		// it is known what will run.
		if event.Op == attest.OpLock && !o.ByHand {
			if r.Command, err = command(o.Root, wanted); err != nil {
				return r, r.refuse(o.Registers, err)
			}
		}
		if !r.Again {
			if err := o.Registers.ExtendLedger(event); err != nil {
				return r, err
			}
		}
		if event.Op != attest.OpImage {
			continue
		}
		image := loaded[event.Digest]
		directory, err := images.Directory(o.Root, image)
		if err == nil {
			err = o.Opener.Open(ctx, image, paths[images.Name(image)], directory)
		}
		if err != nil {
			return r, r.refuse(o.Registers, fmt.Errorf("open %s: %w", images.Name(image), err))
		}
	}
	return r, nil
}

// Judge judges the machine by its registers and opens nothing: what a check in the
// initrd does.
func Judge(o Options, pcrs [16]attest.Digest, ledger tpm.LedgerStage) *verify.Verdict {
	registers := tpm.Registers(pcrs, o.EventLog, tpm.Stage{Phases: o.Phases, Ledger: ledger})
	return verify.Boot(o.Bundle, registers, o.Trust, o.Maximum, o.Now, o.Verify...)
}

// refuse writes a refusal into the ledger, and into the verdict, and says why.
func (r *Result) refuse(registers Registers, reason error) error {
	r.Verdict.Result = verify.Fail
	r.Verdict.Checks = append(r.Verdict.Checks, verify.Check{Code: CodeOpened, Status: verify.StatusFail, Expected: "the images and the command of the release", Found: reason.Error()})
	return errors.Join(&RefusedError{reason}, registers.ExtendLedger(attest.Refused))
}

// command reads what to run from the one config image that says so.
func command(root string, all []*release.Image) (*release.Command, error) {
	var found *release.Command
	var from string
	for _, image := range all {
		if image.Kind != release.KindConfig {
			continue
		}
		directory, err := images.Directory(root, image)
		if err != nil {
			return nil, err
		}
		data, err := read(filepath.Join(directory, release.CommandFile))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", images.Name(image), err)
		}
		if found != nil {
			return nil, fmt.Errorf("%s and %s both say what to run: want one", from, images.Name(image))
		}
		if found, err = release.ParseCommand(data); err != nil {
			return nil, fmt.Errorf("%s: %w", images.Name(image), err)
		}
		from = images.Name(image)
	}
	if found == nil {
		return nil, fmt.Errorf("no config image of the release holds %s: nothing says what to run", release.CommandFile)
	}
	return found, nil
}

func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, release.MaxCommandFile+1))
}
