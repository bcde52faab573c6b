//go:build system

package gate_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm/swtpm"
	"github.com/muster-log/muster/node/gate"
	"github.com/muster-log/muster/node/images"
	"github.com/muster-log/muster/node/nodetest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/verify"
)

// content is what the release's images hold.
var content = nodetest.Images{
	"model/model":   {"weights.bin": strings.Repeat("weights ", 1<<17)},
	"config/config": {"muster-command.json": `{"arguments":["-listen","127.0.0.1:8080","-model","/run/muster/images/model/model"],"command":"/usr/bin/answer","environment":{},"gid":65534,"uid":65534}`},
}

// watching is the memory opener, which notes what the ledger held as it opened.
type watching struct {
	images.Memory
	registers gate.Registers
	seen      []attest.Digest
}

var errCut = errors.New("the power was cut")

func (w *watching) Open(ctx context.Context, image *release.Image, path, directory string) error {
	pcrs, err := w.registers.PCRs()
	if err != nil {
		return err
	}
	w.seen = append(w.seen, pcrs[15])
	return w.Memory.Open(ctx, image, path, directory)
}

// bench is a machine that was booted, with all that its gate is given.
type bench struct {
	t       testing.TB
	release *nodetest.Release
	machine *nodetest.Machine
	opener  *watching
	options gate.Options
}

func boot(t testing.TB, change func(*swtpm.Boot)) *bench {
	t.Helper()
	authority, err := swtpm.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	r, directory := nodetest.Make(t, authority, content)
	played := swtpm.Boot{Image: r.Image}
	if change != nil {
		change(&played)
	}
	m := nodetest.Start(t, authority, r, played)
	b := &bench{t: t, release: r, machine: m, opener: &watching{registers: m.TPM}}
	b.options = gate.Options{
		Registers: m.TPM, EventLog: m.EventLog, Bundle: r.Bundle, Trust: r.Trust, Maximum: time.Hour, Phases: -1, Now: r.Time,
		Opener: b.opener, Directory: directory, Root: filepath.Join(t.TempDir(), "images"),
	}
	return b
}

func (b *bench) ledger() attest.Digest {
	b.t.Helper()
	pcrs, err := b.machine.TPM.PCRs()
	if err != nil {
		b.t.Fatal(err)
	}
	return pcrs[15]
}

func (b *bench) locked() attest.Digest {
	b.t.Helper()
	ledger, err := b.release.Judged.Ledger()
	if err != nil {
		b.t.Fatal(err)
	}
	return ledger.SHA256()
}

// TestPass: what is opened is in the ledger before, the lock comes last, the files and
// the command are the release's; and a gate that starts again extends nothing.
func TestPass(t *testing.T) {
	b := boot(t, nil)
	for again := range 2 {
		result, err := gate.Pass(t.Context(), b.options)
		if err != nil {
			t.Fatal(err)
		}
		if result.Verdict.Result != verify.Pass || result.Again != (again == 1) {
			t.Fatalf("got %s, again %t", result.Verdict.Result, result.Again)
		}
		if got := b.ledger(); got != b.locked() {
			t.Errorf("the ledger is %s, want %s", got, b.locked())
		}
		if result.Command == nil || result.Command.Path != "/usr/bin/answer" || result.Command.UserID != 65534 {
			t.Errorf("got command %+v", result.Command)
		}
		weights, err := os.ReadFile(filepath.Join(b.options.Root, "model/model/weights.bin"))
		if err != nil || string(weights) != content["model/model"]["weights.bin"] {
			t.Errorf("got %d bytes of weights (%v)", len(weights), err)
		}
	}
	ledger, _ := b.release.Judged.Ledger()
	var value attest.Digest
	seen := 0
	for _, event := range ledger.Events() {
		value = attest.Extend(value, event.SHA256())
		if event.Op == attest.OpImage {
			if b.opener.seen[seen] != value {
				t.Errorf("image %d was opened at ledger %s, want %s", seen, b.opener.seen[seen], value)
			}
			seen++
		}
	}
	if seen != 2 {
		t.Errorf("%d images, want 2", seen)
	}
}

// TestRefused: what is refused says so, and no ledger can be locked after it.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		boot   func(*swtpm.Boot)
		change func(*bench)
		want   string // in the verdict's decisive codes, or in the error
	}{
		"a debug command line":  {boot: func(b *swtpm.Boot) { b.Cmdline = b.Image.Cmdline + " systemd.debug_shell" }, want: "kernel-inputs"},
		"a program in front":    {boot: func(b *swtpm.Boot) { b.InFront = []attest.Digest{{1}} }, want: "boot-chain"},
		"Secure Boot off":       {boot: func(b *swtpm.Boot) { b.SecureBootOff = true }, want: "secure-boot"},
		"an altered image":      {change: func(b *bench) { b.alter("model/model", 5000) }, want: "hash block"},
		"another config":        {change: func(b *bench) { b.alter("config/config", 4096) }, want: "hash block"},
		"an image that is gone": {change: func(b *bench) { os.Remove(filepath.Join(b.options.Directory, "model/model")) }, want: "model/model"},
		"an image too many": {change: func(b *bench) {
			os.WriteFile(filepath.Join(b.options.Directory, "model/other"), nil, 0o644)
		}, want: "model/other"},
		"an old bundle": {change: func(b *bench) { b.options.Now = b.options.Now.AddDate(1, 0, 0) }, want: "checkpoint-age"},
		"an altered bundle": {change: func(b *bench) {
			b.options.Bundle = append(b.options.Bundle, ' ')
		}, want: "bundle-form"},
		"a ledger of another release": {change: func(b *bench) {
			b.machine.TPM.ExtendLedger(attest.LedgerEvent{Op: attest.OpOpen, Digest: attest.Digest{7}})
		}, want: "ledger"},
	} {
		t.Run(name, func(t *testing.T) {
			b := boot(t, test.boot)
			if test.change != nil {
				test.change(b)
			}
			result, err := gate.Pass(t.Context(), b.options)
			said := ""
			if err != nil {
				if _, ok := errors.AsType[*gate.RefusedError](err); !ok {
					t.Fatalf("got %v, want a refusal", err)
				}
				said = err.Error()
				if check, ok := result.Verdict.Check(gate.CodeOpened); !ok || check.Status != verify.StatusFail || result.Verdict.Result != verify.Fail {
					t.Errorf("the verdict does not say so: %s", result.Verdict.Result)
				}
			} else {
				if result.Verdict.Result != verify.Fail {
					t.Fatalf("got %s", result.Verdict.Result)
				}
				for _, check := range result.Verdict.Checks {
					if check.Status == verify.StatusFail {
						said += " " + string(check.Code)
					}
				}
			}
			if !strings.Contains(said, test.want) {
				t.Errorf("got %q, want %q", said, test.want)
			}
			before := b.ledger()
			if before == (attest.Digest{}) || before == b.locked() {
				t.Errorf("the ledger is %s after a refusal", before)
			}
			// Nothing helps but a reboot.
			good := boot(t, nil).options
			good.Registers, good.EventLog = b.machine.TPM, b.machine.EventLog
			if result, err := gate.Pass(t.Context(), good); err == nil && result.Verdict.Result == verify.Pass {
				t.Error("passed after a refusal")
			}
		})
	}
}

func (b *bench) alter(name string, at int) {
	path := filepath.Join(b.options.Directory, filepath.FromSlash(name))
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	data[at] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// TestCut: after a gate that was cut off at any of its extends, only a reboot helps.
func TestCut(t *testing.T) {
	for cut := 1; cut <= 3; cut++ {
		b := boot(t, nil)
		b.options.Registers = &cutting{Registers: b.machine.TPM, left: cut}
		if _, err := gate.Pass(t.Context(), b.options); !errors.Is(err, errCut) {
			t.Fatalf("after %d: got %v", cut, err)
		}
		b.options.Registers = b.machine.TPM
		result, err := gate.Pass(t.Context(), b.options)
		if err != nil || result.Verdict.Result != verify.Fail {
			t.Errorf("after %d: got %v", cut, err)
		}
	}
}

type cutting struct {
	gate.Registers
	left int
}

func (c *cutting) ExtendLedger(event attest.LedgerEvent) error {
	if c.left == 0 {
		return errCut
	}
	c.left--
	return c.Registers.ExtendLedger(event)
}

// TestByHand: a release of production runs what it says itself.
func TestByHand(t *testing.T) {
	b := boot(t, nil)
	b.options.ByHand = true
	if _, err := gate.Pass(t.Context(), b.options); !errors.Is(err, gate.ErrByHand) {
		t.Errorf("got %v, want %v", err, gate.ErrByHand)
	}
	if b.ledger() != (attest.Digest{}) {
		t.Error("the ledger was touched")
	}
}

// TestWrongClock: a clock that is behind is set to the bundle's, and what is old by
// less than the maximum is reported.
func TestWrongClock(t *testing.T) {
	b := boot(t, nil)
	b.options.Now = time.Unix(0, 0)
	if result, err := gate.Pass(t.Context(), b.options); err != nil || result.Verdict.Result != verify.Pass {
		t.Errorf("a clock at 1970: %v %v", result.Verdict.Checks, err)
	}
	b = boot(t, nil)
	b.options.Now, b.options.Maximum = b.release.Time.Add(3*time.Hour), 24*time.Hour
	result, err := gate.Pass(t.Context(), b.options)
	if err != nil || result.Verdict.Result != verify.Pass {
		t.Fatalf("a bundle of three hours ago: %v", err)
	}
	if check, _ := result.Verdict.Check(verify.CodeCheckpointAge); check.Status != verify.StatusWaived || !strings.Contains(check.Found, "too old") {
		t.Errorf("got %+v", check)
	}
}
