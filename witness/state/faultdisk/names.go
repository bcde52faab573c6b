package faultdisk

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// errEnd is the end of the process or of the power, to the step it falls on.
var errEnd = errors.New("the end")

// A naming is a change of a directory that is not durable yet.
type naming struct {
	// path is the name that goes, if file is nil, or else that stands for it.
	path string
	file *inode
	// from is the name that a rename takes away.
	from string
}

func (n naming) apply(names map[string]*inode) {
	if n.from != "" {
		delete(names, n.from)
	}
	if n.file == nil {
		delete(names, n.path)
	} else {
		names[n.path] = n.file
	}
}

func (d *Disk) name(change naming) {
	change.apply(d.names)
	d.pending = append(d.pending, change)
}

// open counts the opening of a file; make is whether it is made if it is not
// there, clear whether its content goes. then opens the real file.
func (d *Disk) open(path string, make, clear bool, then func() error) (*inode, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	relative := d.relative(path)
	if _, err := d.begin(Open, relative); errors.Is(err, errEnd) {
		return nil, d.end()
	} else if err != nil {
		return nil, err
	}
	file := d.names[relative]
	if file == nil && make && d.full && d.fault.on(relative) {
		return nil, syscall.ENOSPC
	}
	if err := then(); err != nil {
		return nil, err
	}
	if file == nil {
		file = new(inode)
		d.name(naming{path: relative, file: file})
	}
	if clear && len(file.live) > 0 {
		file.resize(0)
	}
	return file, nil
}

// remove counts the removal of a name.
func (d *Disk) remove(path string, then func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	relative := d.relative(path)
	if _, err := d.begin(Delete, relative); errors.Is(err, errEnd) {
		return d.end()
	} else if err != nil {
		return err
	}
	if err := then(); err != nil {
		return err
	}
	d.name(naming{path: relative})
	return nil
}

// rename counts the renaming of a file, over another one if that is there.
func (d *Disk) rename(from, to string) error {
	if filepath.Dir(from) != filepath.Dir(to) {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.EXDEV}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	relative := d.relative(to)
	if _, err := d.begin(Rename, relative); errors.Is(err, errEnd) {
		return d.end()
	} else if err != nil {
		return err
	}
	file := d.names[d.relative(from)]
	if file == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.ENOENT}
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	d.name(naming{path: relative, file: file, from: d.relative(from)})
	return nil
}

// SyncDir makes the names in a directory durable. If it fails they stay as
// they are, and the next one makes them durable: a journal holds them.
func (d *Disk) SyncDir(directory string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	relative := d.relative(directory)
	if _, err := d.begin(SyncNames, relative); errors.Is(err, errEnd) {
		return d.end()
	} else if err != nil {
		return err
	}
	if d.lying && d.fault.on(relative) {
		d.lied = true
		return nil
	}
	d.pending = slices.DeleteFunc(d.pending, func(change naming) bool {
		if filepath.Dir(change.path) != relative {
			return false
		}
		change.apply(d.durable)
		return true
	})
	return nil
}

// writeAt makes a write to a file, or what the fault leaves of it; to is the
// same write to the real file.
func (d *Disk) writeAt(path string, file *inode, p []byte, at int64, to func(p []byte, at int64) (int, error)) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	relative := d.relative(path)
	partial, err := d.begin(Write, relative)
	room := len(p)
	switch {
	case err != nil && !partial:
		return 0, err
	case err != nil:
		room = d.random.IntN(len(p) + 1)
	case d.full && d.fault.on(relative) && int(at)+len(p) > file.blocks():
		room, err = max(0, file.blocks()-int(at)), syscall.ENOSPC
	}
	if room > 0 {
		if n, err := to(p[:room], at); err != nil {
			return n, err
		}
		file.write(p[:room], int(at))
	}
	if errors.Is(err, errEnd) {
		return 0, d.end()
	}
	return room, err
}

// syncFile makes a file's content durable.
func (d *Disk) syncFile(path string, file *inode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	wasDead := d.dead
	relative := d.relative(path)
	switch _, err := d.begin(Sync, relative); {
	case errors.Is(err, errEnd):
		return d.end()
	case err != nil:
		if !wasDead {
			file.fail(d.random)
		}
		return err
	case d.lying && d.fault.on(relative):
		d.lied = d.lied || len(file.pending) > 0
		return nil
	}
	file.sync()
	return nil
}

// resize cuts a file or makes it longer; then does so to the real one.
func (d *Disk) resize(kind Kind, path string, file *inode, size int64, then func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	relative := d.relative(path)
	if _, err := d.begin(kind, relative); errors.Is(err, errEnd) {
		return d.end()
	} else if err != nil {
		return err
	}
	if d.full && d.fault.on(relative) && int(size) > file.blocks() {
		return syscall.ENOSPC
	}
	if err := then(); err != nil {
		return err
	}
	file.resize(int(size))
	return nil
}

// Durable returns the content of a file of which everything but what was synced
// is lost; nil if its name is not durable.
func (d *Disk) Durable(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if file := d.durable[name]; file != nil {
		return bytes.Clone(file.disk)
	}
	return nil
}

// Leave writes into an empty directory what is there after the end: after
// Kill everything that the process wrote, after anything else, as if the power
// were cut now, what the disk kept. Each call may leave something else.
func (d *Disk) Leave(directory string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	names := maps.Clone(d.durable)
	content := func(file *inode) []byte { return file.lose(d.random) }
	if d.fired > 0 && d.fault.Effect == Kill {
		names, content = d.names, func(file *inode) []byte { return file.live }
	} else {
		for _, change := range d.pending[:d.random.IntN(len(d.pending)+1)] {
			change.apply(names)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		place := filepath.Join(directory, path)
		if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(place, content(names[path]), 0o600); err != nil {
			return err
		}
	}
	return nil
}
