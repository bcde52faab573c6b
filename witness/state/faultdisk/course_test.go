package faultdisk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/witness/state/faultdisk"
)

// course is the lives of one witness, each on what the one before left.
type course struct {
	*site
	directory string
	seed      uint64
}

// live is one life: with the fault the work is done, and if the process is
// still there afterwards it must remember what left it and go on by itself as
// soon as the disk is well again. Then it ends by the fault or by a loss of
// power.
func (c *course) live(fault faultdisk.Fault, work func(*life)) *faultdisk.Disk {
	c.tb.Helper()
	c.seed++
	disk, err := faultdisk.New(c.directory, c.seed, fault)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer disk.Close()
	l, err := c.start(disk)
	if err == nil {
		if work != nil {
			work(l)
		}
		disk.Disarm()
	} else if _, fired := disk.Fired(); !fired {
		c.tb.Errorf("did not start on a disk without a fault: %v", err)
	}
	if !disk.Dead() {
		disk.Heal()
		if l == nil {
			// What starts the process again does so as often as it takes.
			if l, err = c.start(disk); err != nil {
				c.tb.Errorf("the second start after a fault: %v", err)
			}
		}
		if l != nil {
			if err := c.remembers(l.serving); err != nil {
				c.tb.Errorf("still running: %v", err)
			}
			c.goesOn(l)
			l.attack(false)
		}
	}
	c.directory = makeSite(c.tb)
	if err := disk.Leave(c.directory); err != nil {
		c.tb.Fatal(err)
	}
	if l != nil {
		l.serving.Close()
	}
	c.consistent()
	return disk
}

// last starts the witness on a disk that stays well and asks all that a crash
// must not change.
func (c *course) last() {
	c.tb.Helper()
	c.leftAnchored()
	c.seed++
	disk, err := faultdisk.New(c.directory, c.seed, faultdisk.Fault{})
	if err != nil {
		c.tb.Fatal(err)
	}
	defer disk.Close()
	l, err := c.start(disk)
	if err != nil {
		c.tb.Errorf("the start after the end: %v", err)
		return
	}
	defer l.serving.Close()
	if err := c.remembers(l.serving); err != nil {
		c.tb.Error(err)
	}
	// The fork is there before the log is, or after it.
	if c.seed%2 == 0 {
		l.attack(true)
	} else {
		l.attack(false)
		c.goesOn(l)
		l.attack(true)
	}
	c.consistent()
}

// goesOn asks each log's next checkpoint of the witness.
func (c *course) goesOn(l *life) {
	c.tb.Helper()
	for _, h := range c.histories {
		if err := l.grow(h, h.honest()); err != nil {
			c.tb.Errorf("%s does not grow on a disk that is well: %v", h.origin, err)
		}
	}
}

// leftAnchored is that the anchor in the directory says all that left.
func (c *course) leftAnchored() {
	c.tb.Helper()
	content, err := os.ReadFile(filepath.Join(c.directory, anchorName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.tb.Fatal(err)
	}
	if err := c.anchored(content); err != nil {
		c.tb.Error(err)
	}
}

// consistent is that nothing that left contradicts anything else.
func (c *course) consistent() {
	c.tb.Helper()
	for _, h := range c.histories {
		if err := h.contradiction(); err != nil {
			c.tb.Error(err)
		}
	}
}

// tempDir is a directory in memory, where there is such a file system: what is
// durable in it is the faulty disk's to say, so that it need not be slow.
func tempDir(t testing.TB) string {
	t.Helper()
	directory, err := os.MkdirTemp("/dev/shm", "faultdisk")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	return directory
}

// makeSite returns an empty directory for a disk.
func makeSite(t testing.TB) string {
	t.Helper()
	directory := tempDir(t)
	for _, name := range []string{"data", "keys"} {
		if err := os.Mkdir(filepath.Join(directory, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

// ready returns a directory with a database that was set up.
func (s *site) ready() string {
	s.tb.Helper()
	directory := makeSite(s.tb)
	disk, err := faultdisk.New(directory, 0, faultdisk.Fault{})
	if err != nil {
		s.tb.Fatal(err)
	}
	defer disk.Close()
	if err := s.setUp(disk); err != nil {
		s.tb.Fatal(err)
	}
	return directory
}

// copyOf copies a directory for a disk.
func copyOf(t testing.TB, from string) string {
	t.Helper()
	directory := tempDir(t)
	if err := os.CopyFS(directory, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return directory
}
