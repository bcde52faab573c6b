package tpm

import (
	"crypto/sha256"
	"fmt"

	"github.com/muster-log/muster/attest"
)

// The digests that firmware extends into PCR 4 besides images (PC Client Platform
// Firmware Profile, 2.3.4.5): an event's type and data are whoever's who brings the
// log, its digest is not.
var (
	digestCalling   = attest.Digest(sha256.Sum256([]byte("Calling EFI Application from Boot Option")))
	digestReturning = attest.Digest(sha256.Sum256([]byte("Returning from EFI Application from Boot Option")))
	digestSeparator = attest.Digest(sha256.Sum256(make([]byte, 4)))
)

// checkBootChain holds the digests of PCR 4 against a closed grammar: the separator
// once, the unified kernel image once, its kernel once after it where kernel says
// that the firmware measures it and else never, and around them only the firmware's
// words on calling a boot option and on its return. Any other digest is a program
// that nobody logged, and refused wherever it stands.
func checkBootChain(digests [][sha256.Size]byte, os *attest.TPM2UKI, kernel bool) error {
	separators, images, kernels := 0, 0, 0
	for i, digest := range digests {
		switch attest.Digest(digest) {
		case digestCalling, digestReturning:
		case digestSeparator:
			separators++
		case os.Authenticode:
			images++
		case os.KernelAuthenticode:
			if !kernel {
				return fmt.Errorf("event %d: the kernel alone, want it inside its image only", i+1)
			}
			if images == 0 {
				return fmt.Errorf("event %d: the kernel before its image", i+1)
			}
			kernels++
		default:
			return fmt.Errorf("event %d: %x: a program that the release does not name", i+1, digest)
		}
	}
	wantKernels := 0
	if kernel {
		wantKernels = 1
	}
	if separators != 1 || images != 1 || kernels != wantKernels {
		return fmt.Errorf("got %d separators, the image %d times, its kernel %d times, want 1, 1, %d", separators, images, kernels, wantKernels)
	}
	return nil
}

// measuresKernel says whether the firmware measures the inner kernel too, which
// depends on the stub and, for systemd-stub v252, on Secure Boot.
func measuresKernel(os *attest.TPM2UKI, state secureBootState) (bool, error) {
	switch os.KernelMeasured {
	case attest.KernelMeasuredAlways:
		return true, nil
	case attest.KernelMeasuredNever:
		return false, nil
	case attest.KernelMeasuredWithoutSecureBoot:
		if state == secureBootUnknown {
			return false, fmt.Errorf("PCR 7 does not say whether Secure Boot was on")
		}
		return state == secureBootOff, nil
	}
	return false, fmt.Errorf("got kernelMeasured %q, want a value that is known", os.KernelMeasured)
}
