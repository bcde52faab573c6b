package download

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/muster-log/muster/internal/filelock"
	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

const (
	// partSuffix marks a file in the making.
	partSuffix = ".part"
	// fromSuffix marks what is remembered of where a part came from.
	fromSuffix = partSuffix + ".from"
	// maxFrom bounds that in bytes: a URL and an entity tag.
	maxFrom = 16 << 10
	// bufferSize is how many bytes are read at once.
	bufferSize = 256 << 10
)

func (s Set) path(artifact release.Artifact) string { return s.Directory + "/" + artifact.Name }

// checkNames refuses artifacts whose files, and files in the making, cannot stand
// beside each other: one of two would be taken for the other.
func checkNames(sets []Set) error {
	files, directories := map[string]bool{}, map[string]bool{}
	for _, set := range sets {
		if set.Directory == "" || set.Directory == "." || set.Directory == ".." || strings.ContainsAny(set.Directory, "/\\\x00") || directories[set.Directory] {
			return refuse(CodeNames, "", "fetch one image at a time, into different directories", "two images would have the directory %q, or it is no name", set.Directory)
		}
		directories[set.Directory] = true
		for _, artifact := range set.Artifacts {
			file := set.path(artifact)
			if path.Clean(file) != file || !strings.HasPrefix(file, set.Directory+"/") || strings.ContainsAny(file, "\\\x00") {
				return refuse(CodeNames, "", "", "artifact %q: no name of a file", artifact.Name)
			}
			for _, name := range []string{file, file + partSuffix, file + fromSuffix} {
				if files[name] {
					return refuse(CodeNames, name, "", "two artifacts would have this file")
				}
				files[name] = true
			}
			for above := path.Dir(file); above != set.Directory; above = path.Dir(above) {
				directories[above] = true
			}
		}
	}
	for file := range files {
		if directories[file] {
			return refuse(CodeNames, file, "", "one artifact would have this file, and another one this directory")
		}
	}
	return nil
}

// localError is a failure of this machine: no other URL helps.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

func local(err error) error {
	if err == nil {
		return nil
	}
	return &localError{err}
}

// transfer is one artifact on its way into its file.
type transfer struct {
	dir    *os.Root // of the file
	path   string   // for messages
	name   string
	size   int64
	digest release.Digest
	part   *os.File // nil until it is this process's alone
	done   int64    // bytes in part, all of them in hash
	hash   hash.Hash
	origin string // the URL that the first byte in part is from; empty: of an earlier call
	report progress.Reporter
	sync   func(*os.File) error // makes a file or a directory durable

	arrived int64 // bytes that the URL which is asked now has sent, of all its attempts
	again   bool  // the attempt began at the file's first byte, though there were others
}

// begin opens the part of an artifact, and hashes what is there of it. It returns
// nil if the artifact itself is there.
func begin(ctx context.Context, root *os.Root, file string, artifact release.Artifact, report progress.Reporter) (*transfer, error) {
	t := &transfer{path: file, name: path.Base(file), size: int64(artifact.Size), digest: artifact.Digest, report: report, sync: (*os.File).Sync}
	var err error
	if t.dir, err = makeDirectory(root, path.Dir(file)); err != nil {
		return nil, err
	}
	if there, err := t.there(ctx); there || err != nil {
		t.close()
		return nil, err
	}
	if err := t.openPart(ctx); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// makeDirectory makes a directory below root, and opens it. No part of its path
// may be a symbolic link.
func makeDirectory(root *os.Root, directory string) (*os.Root, error) {
	at, err := root.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(directory, "/") {
		next, err := openDirectory(at, name)
		at.Close()
		if err != nil {
			if refused, ok := errors.AsType[*Error](err); ok {
				refused.Path = directory
			}
			return nil, err
		}
		at = next
	}
	return at, nil
}

func openDirectory(at *os.Root, name string) (*os.Root, error) {
	if err := at.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	named, err := at.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !named.IsDir() {
		return nil, refuse(CodeNotRegular, "", "remove it, or name another directory", "%q is there and is no directory", name)
	}
	next, err := at.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := next.Stat(".")
	if err == nil && !os.SameFile(named, opened) {
		err = refuse(CodeNotRegular, "", "stop what changes the directory", "%q was replaced while it was opened", name)
	}
	if err != nil {
		next.Close()
		return nil, err
	}
	return next, nil
}

// there reports whether the artifact is in its place. Another file there stands,
// and is an error.
func (t *transfer) there(ctx context.Context) (bool, error) {
	file, err := t.open(t.name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	other := func(format string, args ...any) (bool, error) {
		return false, refuse(CodeExists, t.path, "remove it, or name another directory", format, args...)
	}
	if info.Size() != t.size {
		return other("is there and has %d bytes, the artifact %d", info.Size(), t.size)
	}
	t.report.Start("checking "+t.name, t.size)
	defer t.report.Done()
	digest := sha256.New()
	if _, err := t.read(ctx, file, digest); err != nil {
		return false, err
	}
	if got := release.Digest(digest.Sum(nil)); got != t.digest {
		return other("is there and has SHA-256 %s, the artifact %s", got, t.digest)
	}
	return true, nil
}

// open opens a regular file that is there, and nothing that a symbolic link leads to.
func (t *transfer) open(name string, flag int) (*os.File, error) {
	named, err := t.dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !named.Mode().IsRegular() {
		return nil, refuse(CodeNotRegular, t.path, "remove it, or name another directory", "%s is there and is no regular file", name)
	}
	file, err := t.dir.OpenFile(name, flag, 0)
	if err != nil {
		return nil, err
	}
	opened, err := file.Stat()
	if err == nil && !os.SameFile(named, opened) {
		err = refuse(CodeNotRegular, t.path, "stop what changes the directory", "%s was replaced while it was opened", name)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// lock keeps other processes from writing to a file until it is closed; false:
// one has it. On a system without such locks it does nothing: of two processes that
// fetch one artifact, each notices by its digest what the other spoiled.
func lock(file *os.File) (bool, error) {
	mine, err := filelock.Try(file)
	if errors.Is(err, errors.ErrUnsupported) {
		return true, nil
	}
	return mine, err
}

// openPart opens or makes the file in the making, for this process alone.
func (t *transfer) openPart(ctx context.Context) error {
	file, err := t.open(t.name+partSuffix, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = t.dir.OpenFile(t.name+partSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	}
	if err != nil {
		return err
	}
	mine, err := lock(file)
	if err == nil && !mine {
		err = refuse(CodeBusy, t.path, "wait until it is done", "another process is fetching it")
	}
	if err != nil {
		file.Close()
		return err
	}
	t.part, t.hash = file, sha256.New()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > t.size {
		return t.restart()
	}
	if info.Size() == 0 {
		return nil
	}
	t.report.Start("checking "+t.name+partSuffix, info.Size())
	defer t.report.Done()
	if t.done, err = t.read(ctx, io.LimitReader(file, info.Size()), t.hash); err != nil {
		return err
	}
	if t.done == t.size && !t.complete() {
		return t.restart()
	}
	return nil
}

// read hashes what a file holds.
func (t *transfer) read(ctx context.Context, from io.Reader, into hash.Hash) (int64, error) {
	done, buffer := int64(0), make([]byte, bufferSize)
	for {
		if ctx.Err() != nil {
			return done, context.Cause(ctx)
		}
		n, err := from.Read(buffer)
		into.Write(buffer[:n])
		done += int64(n)
		t.report.Add(int64(n))
		if err == io.EOF {
			return done, nil
		}
		if err != nil {
			return done, err
		}
	}
}

// write appends to the part.
func (t *transfer) write(data []byte) error {
	n, err := t.part.WriteAt(data, t.done)
	t.hash.Write(data[:n])
	t.done += int64(n)
	return local(err)
}

// restart forgets what is in the part.
func (t *transfer) restart() error {
	t.done, t.origin = 0, ""
	t.hash.Reset()
	if err := t.forgetSource(); err != nil {
		return local(err)
	}
	return local(t.part.Truncate(0))
}

// complete reports whether the part is the artifact.
func (t *transfer) complete() bool {
	return t.done == t.size && release.Digest(t.hash.Sum(nil)) == t.digest
}

// publish makes the part durable and then gives it its name, so that after a crash a
// file of that name is the artifact. What has got that name meanwhile stands.
func (t *transfer) publish() error {
	if err := t.sync(t.part); err != nil {
		return err
	}
	err := t.dir.Link(t.name+partSuffix, t.name)
	switch {
	case errors.Is(err, fs.ErrExist):
		return refuse(CodeExists, t.path, "remove it, or name another directory", "has come there meanwhile")
	case err == nil:
		err = t.dir.Remove(t.name + partSuffix)
	default: // a file system without hard links
		if _, missing := t.dir.Lstat(t.name); !errors.Is(missing, fs.ErrNotExist) {
			return err
		}
		err = t.dir.Rename(t.name+partSuffix, t.name)
	}
	if err != nil {
		return err
	}
	if err := t.forgetSource(); err != nil {
		return err
	}
	directory, err := t.dir.Open(".")
	if err != nil {
		return err
	}
	defer directory.Close()
	return t.sync(directory)
}

func (t *transfer) close() {
	if t.part != nil {
		t.part.Close()
		if t.done == 0 { // nothing to go on with
			if info, err := t.dir.Lstat(t.name + partSuffix); err == nil && info.Size() == 0 {
				t.dir.Remove(t.name + partSuffix)
			}
		}
	}
	t.dir.Close()
}

// source says where a part came from, and what tells that the file there is
// still the same: an entity tag, or a date.
type source struct {
	URL       string `json:"url"`
	Validator string `json:"validator"`
}

// source returns the validator of the part if it came from the URL. What cannot
// be read is nothing remembered.
func (t *transfer) source(url string) string {
	file, err := t.open(t.name+fromSuffix, os.O_RDONLY)
	if err != nil {
		return ""
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFrom))
	var s source
	if err != nil || json.Unmarshal(data, &s) != nil || s.URL != url || !isValidator(s.Validator) {
		return ""
	}
	return s.Validator
}

// remember notes where the part comes from.
func (t *transfer) remember(url, validator string) error {
	if err := t.forgetSource(); err != nil || !isValidator(validator) {
		return local(err)
	}
	data, err := json.Marshal(source{url, validator})
	if err != nil {
		return err
	}
	file, err := t.dir.OpenFile(t.name+fromSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return local(err)
	}
	if _, err := file.Write(data); err != nil {
		file.Close()
		return local(fmt.Errorf("%s: %w", t.path, err))
	}
	return local(file.Close())
}

func (t *transfer) forgetSource() error {
	if err := t.dir.Remove(t.name + fromSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// isValidator tells what may stand in If-Range: a strong entity tag or a date.
func isValidator(text string) bool {
	if text == "" || len(text) > 1024 || strings.HasPrefix(text, "W/") {
		return false
	}
	for i := range len(text) {
		if text[i] < 0x20 || text[i] > 0x7e {
			return false
		}
	}
	return true
}
