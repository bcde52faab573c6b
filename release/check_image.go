package release

// CheckImage weighs the values of an image's statement against each other: what
// a kind and mode must have, the digests that must be equal, and the rules of a
// production command line. A statement that parses can still fail here; in a
// log it is then void.
func CheckImage(image *Image) error { return nil }

// OMSManifest returns the bytes that OMS.Manifest is the SHA-256 of: the
// canonical JSON {"resources":[{"name":...,"sha256":...},...],"root":{"sha256":...}}.
func OMSManifest(root Digest, resources []Resource) ([]byte, error) { return nil, nil }
