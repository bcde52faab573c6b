package measure

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// FormatOptions says how a hash tree is made.
type FormatOptions struct {
	Image string // a file system, without a tree
	// Hash is the file that superblock and tree are written to; empty: they are
	// appended to Image.
	Hash string
	Salt []byte // at most 256 bytes; empty: none
	// UUID of the superblock, which nothing measures; nil: taken from the root
	// hash, so that the same image gets the same tree.
	UUID *[16]byte
}

// FormatVerity makes the dm-verity superblock and hash tree of an image, as
// veritysetup format does with SHA-256 and blocks of 4096 bytes. It returns the
// root hash. Measure the image afterwards: Verity reads back what was written.
//
// An image is first filled up with zeros to whole blocks. When appending fails,
// the image is cut back to what it was.
func FormatVerity(ctx context.Context, o FormatOptions, report progress.Reporter) (root release.Digest, err error) {
	image, err := open(o.Image)
	if err != nil {
		return root, err
	}
	defer image.Close()
	fileSystem, length, err := findFileSystem(image)
	if err != nil {
		return root, at(o.Image, image.truncated(err))
	}
	data := roundUp(length, defaultBlockSize)
	if found, err := readSuperblock(image, image.size(), data); err == nil {
		return root, &Error{Code: CodeVerityParameters, Path: o.Image, Hint: "measure it without --format, or cut it back first: truncate --size=" + fmt.Sprint(found.layout.dataSize()) + " " + quotePath(o.Image),
			Err: errors.New("has a hash tree already")}
	}
	if image.size() > data {
		return root, &Error{Code: CodeVerityParameters, Path: o.Image, Hint: "cut the image back to its file system: truncate --size=" + fmt.Sprint(data) + " " + quotePath(o.Image),
			Err: fmt.Errorf("has %d bytes behind its %s file system, which no hash tree would cover", image.size()-data, fileSystem)}
	}
	layout, err := newVerityLayout(defaultBlockSize, defaultBlockSize, data/defaultBlockSize, o.Salt)
	if err != nil {
		return root, &Error{Code: CodeVerityParameters, Path: o.Image, Err: err}
	}

	out, base, undo, err := openTree(o, data, image.size())
	if err != nil {
		return root, err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
		if err != nil {
			undo()
		}
	}()
	super := &superblock{layout: layout}
	offset := super.treeOffset(base)
	report.Start("hash tree of "+fileSystem, data)
	defer report.Done()
	root, err = layout.compute(ctx, &padded{image, image.size(), data}, func(level int, index int64, block []byte) error {
		_, err := out.WriteAt(block, offset+layout.place(level, index))
		return err
	}, report)
	if err != nil {
		return root, image.truncated(err)
	}
	if o.UUID != nil {
		super.uuid = *o.UUID
	} else {
		super.uuid = uuidOf(root)
	}
	// The superblock comes last: an image with half a tree has none.
	block := make([]byte, offset-base)
	copy(block, super.marshal())
	if _, err := out.WriteAt(block, base); err != nil {
		return root, err
	}
	return root, out.Sync()
}

// openTree opens the file that a tree is written to: base is where its superblock
// goes, undo puts back what was there.
func openTree(o FormatOptions, data, size int64) (out *os.File, base int64, undo func(), err error) {
	if o.Hash != "" {
		out, err = os.OpenFile(o.Hash, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		return out, 0, func() { os.Remove(o.Hash) }, err
	}
	out, err = os.OpenFile(o.Image, os.O_WRONLY, 0)
	if err != nil {
		return nil, 0, nil, err
	}
	if data > size {
		if _, err := out.WriteAt(make([]byte, data-size), size); err != nil {
			out.Close()
			os.Truncate(o.Image, size)
			return nil, 0, nil, err
		}
	}
	return out, data, func() { os.Truncate(o.Image, size) }, nil
}

// uuidOf derives a UUID of version 8 (RFC 9562) from a root hash.
func uuidOf(root release.Digest) (uuid [16]byte) {
	digest := sha256.Sum256(append([]byte("muster dm-verity superblock"), root[:]...))
	copy(uuid[:], digest[:])
	uuid[6] = uuid[6]&0x0f | 0x80
	uuid[8] = uuid[8]&0x3f | 0x80
	return uuid
}
