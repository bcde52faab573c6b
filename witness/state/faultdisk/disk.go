// Package faultdisk is a disk that fails when a test says so. Below a
// witness's database (as a SQLite VFS) and its anchor (as their file system)
// it counts every step that changes something, lets one of them go wrong, and
// knows at each of them what a loss of power would leave.
//
// What processes see of it, the page cache, are real files in a directory, so
// that SQLite's locks and shared memory are the real ones. What is durable is
// a second picture of them in memory, after the rules of POSIX and Linux:
//
//   - What was written reaches the disk by a sync of that file. Without one,
//     each sector of 512 bytes holds on its own what it held at any moment
//     since, so writes are reordered and torn; one sector of a file may be torn
//     in itself. The length is that of any moment, too, and what it covers
//     and was never written back is zero.
//   - A new name, a rename and a removal reach the disk by a sync of the
//     directory, never by one of the file; without one, in their order, up to
//     any of them.
//   - A sync that fails loses what it should have kept: some of the sectors
//     are written, the others are taken for clean though they are not, and the
//     next sync says that all is well (https://wiki.postgresql.org/wiki/Fsync_Errors).
//     A page of 4096 bytes that is written again is written whole.
//   - A disk that is full takes what lies on blocks that are there already, a
//     write that needs another one in part, and no new file.
//
// Not modelled: directories themselves, which count as durable; renames from
// one directory to another, which are refused; SQLite's shared memory, which
// no power loss keeps and whose content SQLite makes anew; memory-mapped files
// (SQLite's mmap_size stays 0); temporary files without a name; reads that
// fail or return other than what was written, as from rot; files that are not
// opened through this disk, such as those of locks.
package faultdisk

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// A Kind is what a step does.
type Kind string

// The kinds of steps.
const (
	Open      Kind = "open"
	Write     Kind = "write"
	Sync      Kind = "sync"
	Truncate  Kind = "truncate"
	Allocate  Kind = "allocate"
	Rename    Kind = "rename"
	Delete    Kind = "delete"
	SyncNames Kind = "sync directory"
)

// A Step is one change that was asked of the disk.
type Step struct {
	Kind Kind
	// Path is relative to the disk's directory.
	Path string
}

func (s Step) String() string { return fmt.Sprintf("%s %s", s.Kind, s.Path) }

// An Effect is what goes wrong.
type Effect string

// The effects. The first three end with the step, or with Heal.
const (
	// Fail: the step fails with EIO; a sync loses what it should have kept.
	Fail Effect = "fail"
	// Short: half of the write is made, then it fails with EIO; another kind
	// of step fails whole.
	Short Effect = "short"
	// Full: from this step on the disk has no free block (ENOSPC).
	Full Effect = "full"
	// Lie: from this step on every sync says that it succeeded and does nothing.
	Lie Effect = "lie"
	// Kill: the process ends here, in the middle of the step if it is a write.
	// What it wrote until then stays.
	Kill Effect = "kill"
	// Cut: the power is gone, in the middle of the step if it is a write.
	Cut Effect = "cut"
)

// A Fault is one effect at one step. Steps count from 1; 0 is no fault.
type Fault struct {
	Effect Effect
	Step   int
	// Within is a directory, relative to the disk's, that is a disk of its own:
	// the fault falls on the first step from Step on that is in it, and is its
	// alone. Kill and Cut end everything all the same.
	Within string
}

func (f Fault) String() string { return fmt.Sprintf("%s at step %d %s", f.Effect, f.Step, f.Within) }

// on reports whether a step on that path is one of the failing disk.
func (f Fault) on(path string) bool { return f.Within == "" || strings.HasPrefix(path, f.Within) }

// A Disk is the files below one directory. It is safe for concurrent use.
type Disk struct {
	root string
	vfs  string

	mu     sync.Mutex
	random *rand.Rand
	fault  Fault
	onKill func()
	steps  []Step
	fired  int // the number of the step that the fault fell on
	full   bool
	lying  bool
	dead   bool
	lied   bool

	names   map[string]*inode // what processes see
	durable map[string]*inode // what is on the disk
	pending []naming
}

// New takes what is in a directory now as durable. What is left open after a
// loss of power is decided by the seed. Close it when everything that uses it
// is closed.
func New(root string, seed uint64, fault Fault) (*Disk, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	d := &Disk{
		root: root, fault: fault,
		random: rand.New(rand.NewPCG(seed, uint64(fault.Step))),
		names:  make(map[string]*inode), durable: make(map[string]*inode),
	}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file := &inode{live: content, disk: bytes.Clone(content)}
		d.names[d.relative(path)], d.durable[d.relative(path)] = file, file
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.vfs = register(d)
	return d, nil
}

// Path is the place of a file below the disk's directory.
func (d *Disk) Path(name string) string { return filepath.Join(d.root, name) }

// OnKill is called in place of ending the process by Kill, which otherwise
// only makes every further step fail. It must not return.
func (d *Disk) OnKill(end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onKill = end
}

// Steps returns what was asked of the disk so far.
func (d *Disk) Steps() []Step {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Step(nil), d.steps...)
}

// Fired returns the step that the fault fell on, and whether it did yet.
func (d *Disk) Fired() (Step, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fired == 0 {
		return Step{}, false
	}
	return d.steps[d.fired-1], true
}

// Dead reports whether the process was killed or the power cut.
func (d *Disk) Dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// Lied reports whether a sync said that it kept what it did not.
func (d *Disk) Lied() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lied
}

// Disarm keeps a fault that did not fall on a step yet from doing so.
func (d *Disk) Disarm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fired == 0 {
		d.fault = Fault{}
	}
}

// Heal ends Full and Lie: there are free blocks again, and syncs are true of
// what is written from now on.
func (d *Disk) Heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full, d.lying = false, false
}

// begin counts a step and says what it meets: EIO if it must not be made, or
// partial for a write of which half is made before the error. The caller holds
// the lock.
func (d *Disk) begin(kind Kind, path string) (partial bool, err error) {
	if d.dead {
		return false, syscall.EIO
	}
	d.steps = append(d.steps, Step{Kind: kind, Path: path})
	if d.fault.Step == 0 || d.fired > 0 || len(d.steps) < d.fault.Step || !d.fault.on(path) {
		return false, nil
	}
	d.fired = len(d.steps)
	switch d.fault.Effect {
	case Fail:
		return false, syscall.EIO
	case Short:
		return kind == Write, syscall.EIO
	case Full:
		d.full = true
	case Lie:
		d.lying = true
	case Kill, Cut:
		return kind == Write, errEnd
	}
	return false, nil
}

// end is called for errEnd, once what the step left is done.
func (d *Disk) end() error {
	if d.fault.Effect == Kill && d.onKill != nil {
		d.onKill()
	}
	d.dead = true
	return syscall.EIO
}

func (d *Disk) relative(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(d.root, absolute)
	if err != nil {
		return absolute
	}
	return relative
}
