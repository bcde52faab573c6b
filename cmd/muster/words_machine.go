package main

import (
	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/verify"
)

// machineWords says which machine gave evidence, and against whom it holds.
func machineWords(p *page, v *verify.Verdict) {
	if v.About != verify.AboutNode {
		return
	}
	p.line("machine")
	if len(v.Machine.AKName) > 0 {
		p.field("attestation key", "%x", v.Machine.AKName)
		p.field("boot", "reset count %d, restart count %d", v.Machine.ResetCount, v.Machine.RestartCount)
	}
	if v.Machine.EKCertificate != (attest.Digest{}) {
		p.field("TPM", "endorsement certificate %s", v.Machine.EKCertificate)
	}
	if len(v.Machine.ChipID) > 0 {
		p.field("chip", "%x", v.Machine.ChipID)
	}
	p.field("assurance", "%s: %s", v.Assurance, assuranceWords(v.Assurance))
}
