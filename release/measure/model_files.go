package measure

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/release"
)

// Symlinks says which symbolic links of a model are followed.
type Symlinks string

// How symbolic links are treated. Links to directories are never followed: the
// tools of Model Signing would pass over what lies behind them.
const (
	SymlinksRefused  Symlinks = ""         // none
	SymlinksInside   Symlinks = "inside"   // to files of the model's directory
	SymlinksAnywhere Symlinks = "anywhere" // to any file
)

const (
	maxModelFiles = 100_000
	maxModelDepth = 64
	maxFileName   = 255 // bytes; file systems hold no more
)

// modelFile is a file of a model as it was found.
type modelFile struct {
	name string // slash-separated path in the model
	info fs.FileInfo
}

// modelWalk finds the files of a model.
type modelWalk struct {
	dir      string
	resolved string // dir without symbolic links
	symlinks Symlinks
	ignored  []string
	files    []modelFile
}

// listModel returns the files of a model in the order of Model Signing.
func listModel(dir string, symlinks Symlinks, ignored []string) ([]modelFile, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &Error{Code: CodeNotDirectory, Path: dir, Hint: "name the directory that holds the model's files", Err: fmt.Errorf("is %s, want a directory", kindOrFile(info.Mode()))}
	}
	w := &modelWalk{dir: dir, symlinks: symlinks, ignored: ignored}
	if w.resolved, err = filepath.EvalSymlinks(dir); err == nil {
		w.resolved, err = filepath.Abs(w.resolved)
	}
	if err != nil {
		return nil, err
	}
	if err := w.walk("", 0); err != nil {
		return nil, err
	}
	if len(w.files) == 0 {
		return nil, &Error{Code: CodeNotDirectory, Path: dir, Hint: "name the directory that holds the model's files", Err: errors.New("holds no file")}
	}
	slices.SortFunc(w.files, func(a, b modelFile) int { return release.CompareResourceNames(a.name, b.name) })
	return w.files, nil
}

func (w *modelWalk) walk(below string, depth int) error {
	here := filepath.Join(w.dir, below)
	if depth > maxModelDepth {
		return &Error{Code: CodeModelSize, Path: here, Hint: "flatten the model", Err: fmt.Errorf("more than %d directories deep", maxModelDepth)}
	}
	entries, err := os.ReadDir(here)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := path.Join(below, entry.Name())
		if slices.Contains(w.ignored, name) {
			continue
		}
		if err := w.entry(name, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *modelWalk) entry(name string, depth int) error {
	at := filepath.Join(w.dir, name)
	if base := path.Base(name); !isPrintableASCII(base) || len(base) > maxFileName {
		return &Error{Code: CodeName, Path: at, Hint: "rename it, or leave it out with --ignore", Err: errors.New("its name has characters outside printable ASCII, or too many")}
	}
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if info, err = w.follow(at); err != nil {
			return err
		}
	}
	switch {
	case info.IsDir():
		return w.walk(name, depth+1)
	case !info.Mode().IsRegular():
		return &Error{Code: CodeNotRegular, Path: at, Hint: "remove it, or leave it out with --ignore " + name, Err: fmt.Errorf("is %s, want a regular file or a directory", inputfile.Kind(info.Mode()))}
	case len(w.files) == maxModelFiles:
		return &Error{Code: CodeModelSize, Path: w.dir, Hint: "pack small files together", Err: fmt.Errorf("more than %d files", maxModelFiles)}
	}
	w.files = append(w.files, modelFile{name, info})
	return nil
}

// follow returns what a symbolic link leads to, if it is to be followed.
func (w *modelWalk) follow(link string) (fs.FileInfo, error) {
	refused := func(hint, format string, args ...any) error {
		return &Error{Code: CodeSymlink, Path: link, Hint: hint, Err: fmt.Errorf(format, args...)}
	}
	target, err := os.Readlink(link)
	if err != nil {
		return nil, err
	}
	shown := quotePath(target)
	resolved, err := filepath.EvalSymlinks(link)
	if err == nil {
		resolved, err = filepath.Abs(resolved)
	}
	if err != nil {
		return nil, refused("remove it, or leave it out with --ignore", "is a symbolic link to %s, which leads nowhere: %w", shown, err)
	}
	info, err := os.Stat(resolved)
	if err != nil {
		return nil, err
	}
	inside := strings.HasPrefix(resolved, w.resolved+string(filepath.Separator))
	switch {
	case info.IsDir():
		return nil, refused("put the directory itself there", "is a symbolic link to the directory %s: tools of Model Signing pass over such links", shown)
	case w.symlinks == SymlinksAnywhere || w.symlinks == SymlinksInside && inside:
		return info, nil
	case inside:
		return nil, refused("follow links with --follow-symlinks, or put the file itself there", "is a symbolic link to %s", shown)
	}
	return nil, refused("follow links that leave the directory with --follow-symlinks=anywhere if you trust where they lead, or put the file itself there", "is a symbolic link to %s, outside of the model's directory", shown)
}

func kindOrFile(mode fs.FileMode) string {
	if mode.IsRegular() {
		return "a file"
	}
	return inputfile.Kind(mode)
}

// sameModel fails if files came, went or changed between two listings.
func sameModel(dir string, before, after []modelFile) error {
	changed := func(name, what string) error {
		return &Error{Code: CodeChanged, Path: filepath.Join(dir, name), Hint: "stop what writes to the model and measure again", Err: errors.New(what + " while the model was read")}
	}
	for i, file := range before {
		switch {
		case i >= len(after) || release.CompareResourceNames(after[i].name, file.name) > 0:
			return changed(file.name, "was removed")
		case after[i].name != file.name:
			return changed(after[i].name, "appeared")
		case !os.SameFile(file.info, after[i].info):
			return changed(file.name, "was replaced by another file")
		case file.info.Size() != after[i].info.Size() || !file.info.ModTime().Equal(after[i].info.ModTime()):
			return changed(file.name, "was modified")
		}
	}
	if len(after) > len(before) {
		return changed(after[len(before)].name, "appeared")
	}
	return nil
}
