package tpm

import (
	"fmt"
	"slices"

	"github.com/muster-log/muster/attest"
)

// notCovered are the PCRs that the quote shows and nothing judges.
var notCovered = []struct {
	pcr int
	why string
}{
	{1, "settings of the platform, which change with its hardware"},
	{5, "boot manager's settings and the partition table"},
	{10, "measurements of files by the kernel (IMA)"},
}

// rows judges the PCRs, each by its row of the profile's table.
func (j *judge) rows(stage Stage) {
	j.eventLog()
	secureBoot := secureBootUnknown
	if digests, ok := j.proved(7); ok {
		secureBoot = secureBootOf(digests)
	}
	j.bootChain(secureBoot)
	j.secureBoot(secureBoot)
	j.firmware()
	j.kernel(stage)
	var zero attest.Digest
	var err error
	for _, pcr := range []int{8, 12, 13, 14} {
		if err == nil && j.pcrs[pcr] != zero {
			err = fmt.Errorf("PCR %d: got %s: something beside the image was read", pcr, j.pcrs[pcr])
		}
	}
	j.decide(attest.CodeUnusedPCRs, "PCRs 8, 12, 13 and 14 are zero", "zero", err)
	j.ledger(stage)
	for _, n := range notCovered {
		value := j.pcrs[n.pcr]
		j.result.NotCovered = append(j.result.NotCovered, attest.NotCovered{Register: fmt.Sprintf("PCR %d", n.pcr), Value: value[:], Why: n.why})
	}
	j.skip(attest.CodeNotCovered, false, "PCRs 1, 5 and 10", "quoted and shown, and covered by no rule")
}

func (j *judge) eventLog() {
	const expected = "a log whose own replay leads to PCRs 0 to 7 and 9"
	err := j.logError
	for pcr := range quoted {
		if err != nil || !Replayed(pcr) {
			continue
		}
		if _, ok := j.proved(pcr); !ok {
			value, _ := j.log.Replay(pcr)
			err = fmt.Errorf("PCR %d: the log leads to %x, the PCR is %s", pcr, value, j.pcrs[pcr])
		}
	}
	j.decide(attest.CodeEventLog, expected, "as expected", err)
}

// about adds a check of the os image, with the members of its values that it uses.
func (j *judge) about(code attest.Code, members []string, expected, found string, err error) {
	check := attest.Check{Code: code, Status: attest.StatusPass, Expected: expected, Found: found, Required: true, Images: []attest.Digest{j.matched.OS.Digest}, Members: members}
	if err != nil {
		check.Status, check.Found = attest.StatusFail, err.Error()
	}
	j.add(check)
}

const unmatchedWords = "the release's images give no values to compare with"

func (j *judge) bootChain(state secureBootState) {
	const expected = "PCR 4: the image, its kernel, and nothing else"
	if j.unmatched != nil {
		j.skip(attest.CodeBootChain, true, expected, unmatchedWords)
		return
	}
	os := j.matched.OS.TPM2UKI
	digests, ok := j.proved(4)
	err := fmt.Errorf("PCR 4 is not what the event log leads to")
	if ok {
		var kernel bool
		if kernel, err = measuresKernel(os, state); err == nil {
			err = checkBootChain(digests, os, kernel)
		}
	}
	j.about(attest.CodeBootChain, []string{"authenticode", "kernelAuthenticode", "kernelMeasured"}, expected, "as expected", err)
}

func (j *judge) secureBoot(state secureBootState) {
	const expected = "on"
	switch {
	case state == secureBootOn:
		j.decide(attest.CodeSecureBoot, expected, "on", nil)
	case state == secureBootUnknown:
		j.decide(attest.CodeSecureBoot, expected, "", fmt.Errorf("PCR 7 does not begin with the variable SecureBoot"))
	case j.reference.Policy.SecureBootOff:
		j.add(attest.Check{Code: attest.CodeSecureBoot, Status: attest.StatusWaived, Expected: expected, Found: "off, which the requirements allow", Required: true})
	default:
		j.decide(attest.CodeSecureBoot, expected, "", fmt.Errorf("off"))
	}
}

func (j *judge) firmware() {
	const expected = "PCRs 0, 2, 3 and 6 of the release's firmware image, and 7 where it states it"
	switch {
	case j.unmatched != nil:
		j.skip(attest.CodeFirmware, true, expected, unmatchedWords)
	case j.matched.Firmware != nil:
		check := attest.Check{Code: attest.CodeFirmware, Status: attest.StatusPass, Expected: expected, Found: "as expected", Required: true, Images: []attest.Digest{j.matched.Firmware.Digest}, Members: []string{"pcrs"}}
		values := j.matched.Firmware.FirmwarePCRs
		for _, pcr := range []int{0, 2, 3, 6, 7} {
			listed, stated := (*values)[pcr]
			if !stated && pcr == 7 {
				continue
			}
			if !slices.Contains(listed, j.pcrs[pcr]) && check.Status == attest.StatusPass {
				check.Status, check.Found = attest.StatusFail, fmt.Sprintf("PCR %d: got %s, which is none of its %d values", pcr, j.pcrs[pcr], len(listed))
			}
		}
		j.add(check)
	case j.reference.Policy.FirmwareNotChecked:
		j.add(attest.Check{Code: attest.CodeFirmware, Status: attest.StatusWaived, Expected: expected, Found: "not checked: the release has no firmware image, which the requirements allow", Required: true})
	default:
		j.skip(attest.CodeFirmware, true, expected, "the release has no firmware image")
	}
}

// kernel judges what the kernel was given, and which kernel it is.
func (j *judge) kernel(stage Stage) {
	const inputs, image = "PCR 9: the command line and the initrd, and nothing else", "PCR 11: the image's sections and phases"
	if j.unmatched != nil {
		j.skip(attest.CodeKernelInputs, true, inputs, unmatchedWords)
		j.skip(attest.CodeKernelImage, true, image, unmatchedWords)
		return
	}
	os := j.matched.OS.TPM2UKI
	want, err := kernelInputs(os)
	if err == nil && want != j.pcrs[9] {
		err = fmt.Errorf("got %s, want %s: another command line or initrd, or something beside them", j.pcrs[9], want)
	}
	j.about(attest.CodeKernelInputs, []string{"cmdline", "initrd", "pcr9"}, inputs, want.String(), err)

	phases := len(os.Phases)
	first := phases
	if stage.Phases < 0 {
		first = 0
		if stage.Ledger == LedgerLocked {
			first = phases
		}
	} else if stage.Phases < phases {
		first, phases = stage.Phases, stage.Phases
	}
	found := ""
	for n := first; n <= phases; n++ {
		if want = attest.PCR11(os.Sections, os.Phases[:n]); want == j.pcrs[11] {
			found = fmt.Sprintf("%s, after %d phases", want, n)
		}
	}
	err = nil
	if found == "" {
		err = fmt.Errorf("got %s, want %s: another image, or another phase", j.pcrs[11], want)
	}
	j.about(attest.CodeKernelImage, []string{"phases", "sections"}, image, found, err)
}

func (j *judge) ledger(stage Stage) {
	const expected = "PCR 15: "
	if j.unmatched != nil {
		j.skip(attest.CodeLedger, true, expected+"the locked ledger of the release", unmatchedWords)
		return
	}
	var zero attest.Digest
	register, ledger := j.pcrs[15], j.matched.Ledger
	empty := register == zero && stage.Ledger != LedgerLocked
	locked := register == ledger.SHA256() && stage.Ledger != LedgerEmpty
	var err error
	if !empty && !locked {
		err = fmt.Errorf("%s", ledger.Describe(register))
	}
	j.decide(attest.CodeLedger, expected+stage.Ledger.String(), ledger.Describe(register), err)
}
