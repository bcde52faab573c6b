package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/client/memory"
	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/fork"
	logmemory "github.com/muster-log/muster/tlog/memory"
	"github.com/muster-log/muster/verify"
)

// judgeAndRemember judges a bundle with the memory in a file, and has the file
// remember what was learnt before anything is said: a verdict that could not be
// remembered is none. It returns the exit code with the verdict.
func (a *app) judgeAndRemember(ctx context.Context, data []byte, trust *verify.Trust, path string) (*verify.Verdict, int, error) {
	remembered, err := memory.Read(path)
	first := errors.Is(err, fs.ErrNotExist)
	if first {
		remembered, err = &verify.Memory{}, nil
	}
	if err != nil {
		return nil, 0, memoryFailure(err)
	}
	return a.remember(ctx, verify.Bundle(data, trust, a.clock(), verify.WithMemory(remembered)), data, trust, path, first)
}

// remember has the file remember what a verdict about a bundle learnt. The file may not
// be as it was when the bundle was judged: where it then shows what the verdict does
// not know, the bundle is judged anew. Evidence is written beside the file, before all
// else: it stands where nothing can be remembered, too. first: there was no file.
func (a *app) remember(ctx context.Context, verdict *verify.Verdict, data []byte, trust *verify.Trust, path string, first bool) (*verify.Verdict, int, error) {
	written := verdict.Evidence
	if err := a.writeEvidences(filepath.Dir(path), written); err != nil {
		return nil, 0, err
	}
	if first && verdict.Learned.Empty() {
		return verdict, exitOf(verdict), nil // nothing is worth a file yet
	}
	found, err := memory.Learn(ctx, path, verdict.Learned, first)
	if err != nil {
		return nil, 0, memoryFailure(err)
	}
	if slices.ContainsFunc(found, func(e *fork.Evidence) bool { return !holds(verdict.Evidence, e) }) {
		// Another process has remembered meanwhile what contradicts this one.
		remembered, err := memory.Read(path)
		if err != nil {
			return nil, 0, memoryFailure(err)
		}
		verdict = verify.Bundle(data, trust, a.clock(), verify.WithMemory(remembered))
	}
	if first {
		a.say("%s is new: nothing was remembered before", path)
	}
	more := slices.DeleteFunc(slices.Clone(verdict.Evidence), func(e *fork.Evidence) bool { return holds(written, e) })
	if err := a.writeEvidences(filepath.Dir(path), more); err != nil {
		return nil, 0, err
	}
	return verdict, exitOf(verdict), nil
}

// judgeAlone judges a bundle without a memory. What the bundle shows against a witness
// is written into the working directory. Where that cannot be, the verdict stands: one
// lying witness stops nobody, and the bundle still holds it.
func (a *app) judgeAlone(data []byte, trust *verify.Trust) (*verify.Verdict, int) {
	verdict := verify.Bundle(data, trust, a.clock())
	if err := a.writeEvidences("", verdict.Evidence); err != nil {
		a.say("warning: %v: keep the bundle, which holds it, and verify it again where files can be written", err)
	}
	return verdict, exitOf(verdict)
}

// exitOf is the exit code with a verdict whose evidence is in files.
func exitOf(verdict *verify.Verdict) int {
	exit := verdict.ExitCode()
	if exit != exitcode.Verified && slices.ContainsFunc(verdict.Evidence, func(e *fork.Evidence) bool { return e.Kind != fork.WitnessTime }) {
		return exitcode.Misbehaved // the log did, and not a witness alone
	}
	return exit
}

// writeEvidences writes pieces of evidence into a directory, each into a file, and says so.
func (a *app) writeEvidences(directory string, pieces []*fork.Evidence) error {
	for _, evidence := range pieces {
		name, err := writeEvidence(directory, evidence)
		if err != nil {
			return fmt.Errorf("evidence of kind %s: %w", evidence.Kind, err)
		}
		a.say("evidence of kind %s about log %s is in %s: send it to the log's witnesses, monitors and users", evidence.Kind, quote(evidence.Origin), name)
	}
	return nil
}

// holds reports whether the same evidence is among others.
func holds(all []*fork.Evidence, one *fork.Evidence) bool {
	wanted, err := one.Marshal()
	return err == nil && slices.ContainsFunc(all, func(e *fork.Evidence) bool {
		data, err := e.Marshal()
		return err == nil && bytes.Equal(data, wanted)
	})
}

func memoryFailure(err error) error {
	if damaged, ok := errors.AsType[*memory.DamagedError](err); ok {
		return wrongFile(damaged.Path, beginningOf(damaged.Path), "a memory", fail(exitcode.Unknown, "memory-damaged", damaged.Hint(), err))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if errors.Is(err, logmemory.ErrFull) {
		return fail(exitcode.Unknown, "memory-full", "nothing is forgotten to make room: keep another file for what is new", err)
	}
	return fail(exitcode.Unknown, "memory", "nothing is judged that cannot be remembered: make the file and its directory writable, or leave --memory out", err)
}

// beginningOf reads what is there of a file that is no memory, to say what it is; nothing
// where it cannot be read.
func beginningOf(path string) []byte {
	file, _, err := inputfile.OpenOrPipe(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, bundle.MaxSize+1))
	if err != nil {
		return nil
	}
	return data
}

// writeEvidence writes evidence into a directory, under a name that is made of its
// contents: the same evidence again is the same file.
func writeEvidence(directory string, evidence *fork.Evidence) (string, error) {
	data, err := evidence.Marshal()
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(data)
	name := filepath.Join(directory, fmt.Sprintf("%s-%s-%x%s", fileName(evidence.Origin), evidence.Kind, digest[:4], fork.Extension))
	if there, err := os.ReadFile(name); err == nil && bytes.Equal(there, data) {
		return name, nil
	}
	return name, atomicfile.Write(name, data, publicMode)
}

// fileName makes a part of a file's name of an origin, which may hold anything.
func fileName(origin string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, origin)
	return fmt.Sprintf("%.100s", strings.TrimLeft(safe, "."))
}

func (a *app) memoryCommand() *cobra.Command {
	return group("memory", "show what verify remembers from verdict to verdict, and have the log prove it", a.memoryShowCommand(), a.memoryReconcileCommand())
}

func (a *app) memoryShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE",
		Short: "say what a memory file holds",
		Long: `Says what a file of muster verify --memory holds: of each log its checkpoints
and the largest proven one, under each pinned authority the highest version, where
the versions stand in each log, and the newest roll of each product.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := memory.Read(args[0])
			if err != nil {
				return memoryFailure(err)
			}
			shown := showMemory(m)
			shown.path = args[0]
			return a.print(shown, shown.words)
		},
	}
}

// shownMemory is the JSON of muster memory show.
type shownMemory struct {
	Newest      string           `json:"newestFreshTime,omitempty"`
	Logs        []shownLog       `json:"logs"`
	Authorities []shownAuthority `json:"authorities"`

	path string
}

type shownLog struct {
	Origin      string      `json:"origin"`
	Largest     uint64      `json:"largest"`
	Root        string      `json:"root"`
	Checkpoints []uint64    `json:"checkpoints"`
	Proven      uint64      `json:"proven"` // size of the largest proven; 0: none is
	Unproven    int         `json:"unproven"`
	Evidence    []fork.Kind `json:"evidence"`
}

type shownAuthority struct {
	Pin     release.Digest `json:"pin"`
	Version int            `json:"version"`
	Digest  release.Digest `json:"digest"`
	Chains  []shownChain   `json:"chains"`
	Rolls   []shownRoll    `json:"rolls"`
}

type shownChain struct {
	Origin  string   `json:"origin"`
	Indices []uint64 `json:"indices"` // of versions 2, 3, ...
}

type shownRoll struct {
	Product string           `json:"product"`
	Version int              `json:"version"`
	Index   uint64           `json:"index"`
	Size    uint64           `json:"size"`
	Issued  string           `json:"issued"`
	Digest  release.Digest   `json:"digest"`
	Live    []release.Digest `json:"live"`
}

func showMemory(m *verify.Memory) *shownMemory {
	shown := &shownMemory{Logs: []shownLog{}, Authorities: []shownAuthority{}}
	if newest := m.Newest(); !newest.IsZero() {
		shown.Newest = release.FormatTime(newest)
	}
	for _, origin := range m.Logs.Origins() {
		largest, _ := m.Logs.Largest(origin)
		log := shownLog{Origin: origin, Largest: largest.Checkpoint.Size, Root: largest.Checkpoint.Root.String(),
			Unproven: len(m.Logs.Gaps(origin)), Evidence: []fork.Kind{}}
		if proven, ok := m.Logs.Proven(origin); ok {
			log.Proven = proven.Checkpoint.Size
		}
		for _, k := range m.Logs.Checkpoints(origin) {
			log.Checkpoints = append(log.Checkpoints, k.Checkpoint.Size)
		}
		for _, e := range m.Logs.Evidence(origin) {
			log.Evidence = append(log.Evidence, e.Kind)
		}
		shown.Logs = append(shown.Logs, log)
	}
	for _, known := range m.Authorities() {
		authority := shownAuthority{Pin: known.Pin, Version: known.Version, Digest: known.Digest, Chains: []shownChain{}, Rolls: []shownRoll{}}
		for _, c := range known.Chains {
			authority.Chains = append(authority.Chains, shownChain(c))
		}
		for _, r := range known.Rolls {
			authority.Rolls = append(authority.Rolls, shownRoll{Product: r.Product, Version: r.Version, Index: r.Index, Size: r.Size,
				Issued: release.FormatTime(r.Issued), Digest: r.Digest, Live: append([]release.Digest{}, r.Live...)})
		}
		shown.Authorities = append(shown.Authorities, authority)
	}
	return shown
}

func (m *shownMemory) words(p *page) {
	if m.Newest == "" {
		p.line("nothing is remembered yet")
	} else {
		p.line("now is not before %s", m.Newest)
	}
	for _, log := range m.Logs {
		p.line("log %s", quote(log.Origin))
		p.field("largest", "size %d, root %s", log.Largest, log.Root)
		p.field("checkpoints", "%d, from size %d", len(log.Checkpoints), log.Checkpoints[0])
		if log.Proven > 0 {
			p.field("proven", "as far as size %d", log.Proven)
		} else {
			p.field("proven", "none yet: the first that is fresh begins")
		}
		if log.Unproven > 0 {
			p.field("unproven", "%s: contradicted by nothing, no proof at hand that the largest extends them", count(log.Unproven, "checkpoint"))
			p.field("", "have the log prove it: muster memory reconcile %s --policy FILE", quoteUnprintable(m.path))
		}
		for _, kind := range log.Evidence {
			p.field("evidence", "of kind %s", kind)
		}
	}
	for _, authority := range m.Authorities {
		p.line("pinned authority %s", authority.Pin)
		p.field("highest", "version %d, %s", authority.Version, authority.Digest)
		for _, chain := range authority.Chains {
			for i, index := range chain.Indices {
				p.field(first(i, "versions"), "version %d at index %d of log %s", i+2, index, quote(chain.Origin))
			}
		}
		for _, r := range authority.Rolls {
			p.field("roll", "of %s at index %d, of size %d, issued %s under version %d, %d live", r.Product, r.Index, r.Size, r.Issued, r.Version, len(r.Live))
			for _, digest := range r.Live {
				p.field("", "%s", digest)
			}
		}
	}
}
