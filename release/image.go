package release

import "time"

// Image says what one image is and how to recognise it when it runs.
type Image struct {
	Issued          time.Time
	Authority       Digest // payload digest of the authority in force
	Product         string
	Kind            Kind
	Name            string
	Version         string
	SecurityVersion uint64
	Mode            Mode
	Measurements    Measurements
	Artifacts       []Artifact
	PublishBy       time.Time // by when the artifacts can be downloaded
	Provenance      []Digest
	Note            string
}

// Kind is what an image is in a release.
type Kind string

// The kinds of image.
const (
	KindOS       Kind = "os"
	KindModel    Kind = "model"
	KindAdapter  Kind = "adapter"
	KindConfig   Kind = "config"
	KindFirmware Kind = "firmware"
)

// Artifact is one file of an image, for download.
type Artifact struct {
	Name      string
	Digest    Digest // SHA-256 of the file, member sha256
	Size      uint64 // in bytes
	MediaType string
	URLs      []string // https, at most 8, in the signer's order
}
