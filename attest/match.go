package attest

import "fmt"

// Matched is a release's images by the evidence that each must have.
type Matched struct {
	OS       Image  // the one image of kind os that states the profile
	Firmware *Image // the release's firmware image; nil: it has none
	Ledger   Ledger // holds all model, adapter and config images
}

// MatchError says why images and evidence cannot be matched one to one.
type MatchError struct {
	Code   Code // CodeEvidenceProfile or CodeEvidenceImages
	Reason string
}

func (e *MatchError) Error() string { return e.Reason }

// Match finds for each image of the release the evidence that shows it: the image
// of kind os that states the profile, exactly one; the firmware image, at most one;
// the ledger for all others. An image of kind os that states another profile is for
// other machines; a second that states this one is refused, as are an image twice
// and a kind that no evidence shows. The error is a *MatchError.
func (r Reference) Match(profile string) (Matched, error) {
	refuse := func(code Code, format string, args ...any) (Matched, error) {
		return Matched{}, &MatchError{code, fmt.Sprintf(format, args...)}
	}
	var matched Matched
	var loaded []Digest
	found := 0
	seen := make(map[Digest]bool, len(r.Images))
	for _, image := range r.Images {
		if seen[image.Digest] {
			return refuse(CodeEvidenceImages, "got image %s twice, want it once", image.Digest)
		}
		seen[image.Digest] = true
		switch image.Kind {
		case KindOS:
			if profile == ProfileTPM2UKI && image.TPM2UKI != nil {
				matched.OS = image
				found++
			}
		case KindFirmware:
			if matched.Firmware != nil {
				return refuse(CodeEvidenceImages, "got firmware images %s and %s, want at most one", matched.Firmware.Digest, image.Digest)
			}
			if image.FirmwarePCRs == nil {
				return refuse(CodeEvidenceImages, "got firmware image %s without values of %s, want them", image.Digest, ProfileFirmwarePCRs)
			}
			matched.Firmware = &image
		case KindModel, KindAdapter, KindConfig:
			loaded = append(loaded, image.Digest)
		default:
			return refuse(CodeEvidenceImages, "got image %s of kind %q, want a kind that evidence shows", image.Digest, image.Kind)
		}
	}
	if found != 1 {
		return refuse(CodeEvidenceProfile, "got %d images of kind os that state %q, want exactly one", found, profile)
	}
	ledger, err := NewLedger(r.Release, loaded)
	if err != nil {
		return refuse(CodeEvidenceImages, "%v", err)
	}
	matched.Ledger = ledger
	return matched, nil
}
