package measure

import "io"

// ImageFile is a file in an erofs image.
type ImageFile struct {
	Name string // slash-separated path, without . and ..
	Size int64  // in bytes

	image io.ReaderAt
	file  erofsFile
}

// ImageFiles lists the files of an erofs image without compression, of which image
// begins with size bytes. Nothing is checked but the image's form: measure it first.
func ImageFiles(image io.ReaderAt, size int64) ([]ImageFile, error) {
	found, err := readErofs(image, size)
	if err != nil {
		return nil, err
	}
	files := make([]ImageFile, 0, len(found))
	for _, file := range found {
		files = append(files, ImageFile{Name: file.name, Size: file.size, image: image, file: file})
	}
	return files, nil
}

// Reader reads the file's content.
func (f ImageFile) Reader() io.Reader {
	var parts []io.Reader
	for _, part := range f.file.ranges {
		parts = append(parts, io.NewSectionReader(f.image, part.offset, part.size))
	}
	return io.MultiReader(parts...)
}
