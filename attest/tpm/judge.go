package tpm

import (
	"bytes"
	"fmt"

	"github.com/muster-log/muster/attest"
)

// Judge makes every check of profile tpm2-uki/v1, in the order of package attest's
// list of codes.
func (e *evidence) Judge(reference attest.Reference) attest.Judgement {
	j := &judge{registers: &e.registers, reference: reference}
	j.match()
	quote := j.quote(e)
	j.key(e, quote)
	j.binding(e, quote)
	j.rows(Stage{Phases: -1, Ledger: LedgerLocked})
	if quote != nil {
		j.result.Machine.ResetCount, j.result.Machine.RestartCount = quote.ResetCount, quote.RestartCount
	}
	return j.result
}

// A judge collects the checks of one evidence.
type judge struct {
	*registers
	reference attest.Reference
	matched   attest.Matched
	// unmatched says why there are no reference values; nil: there are.
	unmatched error
	result    attest.Judgement
}

func (j *judge) add(check attest.Check) { j.result.Checks = append(j.result.Checks, check) }

// decide adds a check that passed, or failed for a reason.
func (j *judge) decide(code attest.Code, expected, found string, err error) {
	check := attest.Check{Code: code, Status: attest.StatusPass, Expected: expected, Found: found, Required: true}
	if err != nil {
		check.Status, check.Found = attest.StatusFail, err.Error()
	}
	j.add(check)
}

// skip adds a check that could not be made.
func (j *judge) skip(code attest.Code, required bool, expected, why string) {
	j.add(attest.Check{Code: code, Status: attest.StatusNotChecked, Expected: expected, Found: why, Required: required})
}

func (j *judge) match() {
	matched, err := j.reference.Match(Profile)
	j.matched, j.unmatched = matched, err
	const profile, images = "one os image that states " + Profile, "each image of the release in its evidence, once"
	if err == nil {
		j.decide(attest.CodeEvidenceProfile, profile, matched.OS.Digest.String(), nil)
		j.decide(attest.CodeEvidenceImages, images, fmt.Sprintf("%d images", len(j.reference.Images)), nil)
		return
	}
	refusal, ok := err.(*attest.MatchError)
	if ok && refusal.Code == attest.CodeEvidenceProfile {
		j.decide(attest.CodeEvidenceProfile, profile, "", err)
		j.skip(attest.CodeEvidenceImages, true, images, "no os image to begin with")
		return
	}
	j.skip(attest.CodeEvidenceProfile, true, profile, "the images cannot be matched")
	j.decide(attest.CodeEvidenceImages, images, "", err)
}

func (j *judge) quote(e *evidence) *Quote {
	quote, err := ParseQuote(e.signed)
	if err == nil && !bytes.Equal(quote.PCRDigest, e.ak.pcrDigest(e.pcrs)) {
		err = fmt.Errorf("the PCR values are not those that the quote holds the digest of")
	}
	j.decide(attest.CodeQuoteForm, "a quote over PCRs 0 to 15 of the SHA-256 bank, and their values", "as expected", err)
	return quote
}

// key judges the attestation key: what it is, that it signed, and whose it is.
func (j *judge) key(e *evidence, quote *Quote) {
	j.decide(attest.CodeAKAttributes, "fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign; not decrypt", fmt.Sprintf("%#08x", e.ak.Attributes), e.ak.CheckAttributes())
	j.decide(attest.CodeEvidenceSignature, "the attestation key's, over the quote", "as expected", e.ak.Verify(e.signed, e.signature))
	j.result.Machine.AKName = e.ak.Name

	const chain = "a chain to a pinned root"
	const bound = "a certificate of the key, or a credential that its TPM activated"
	if e.endorsement == nil {
		j.skip(attest.CodeEKCertificate, true, chain, "the node has no certificate")
		j.decide(attest.CodeAKBound, bound, "", fmt.Errorf("neither: anyone can make such a key"))
		return
	}
	result, err := e.endorsement.verify(j.reference.Policy.TestRoots, j.reference.Now)
	j.decide(attest.CodeEKCertificate, chain, result.root, err)
	if err == nil {
		j.result.Assurance, j.result.Deadline = result.assurance, result.deadline
	}
	if e.endorsement.ofAK {
		j.decide(attest.CodeAKBound, bound, "the key's own certificate", err)
		return
	}
	j.result.Machine.EKCertificate = e.endorsement.leaf
	switch {
	case e.endorsement.activated(e.ak.Name, j.reference.Activated):
		j.decide(attest.CodeAKBound, bound, "an activated credential", nil)
	case j.reference.Bystander:
		j.skip(attest.CodeAKBound, true, bound, "only whoever made a credential knows whether it was activated")
	default:
		j.decide(attest.CodeAKBound, bound, "", fmt.Errorf("the certificate is an endorsement key's, and no credential was activated for this key"))
	}
}

// binding judges that the quote is about this moment, this connection and this
// ledger.
func (j *judge) binding(e *evidence, quote *Quote) {
	const expected = "nonce, TLS key and ledger of this session"
	var zero attest.Digest
	switch {
	case quote == nil:
		j.skip(attest.CodeEvidenceBinding, true, expected, "there is no quote to read it from")
		return
	case j.reference.SPKI == zero:
		j.skip(attest.CodeEvidenceBinding, true, expected, "the TLS key of the connection is not known")
		return
	case j.reference.Nonce == zero && j.reference.Epoch == zero:
		j.skip(attest.CodeEvidenceBinding, true, expected, "the nonce is not known")
		return
	case j.unmatched != nil:
		j.skip(attest.CodeEvidenceBinding, true, expected, "without the images there is no ledger to compare")
		return
	}
	try := func(nonce attest.Digest) error {
		root, err := e.place.Root(nonce)
		if err != nil {
			return err
		}
		ledger := j.matched.Ledger.SHA256()
		want, err := attest.Binding{Profile: Profile, Nonce: root, SPKI: j.reference.SPKI, Ledger: ledger[:]}.SHA256()
		if err == nil && !bytes.Equal(want[:], quote.ExtraData) {
			err = fmt.Errorf("got extraData %x, want %s: another nonce, TLS key or ledger", quote.ExtraData, want)
		}
		return err
	}
	err := fmt.Errorf("no nonce")
	found := "the nonce"
	if j.reference.Nonce != zero {
		err = try(j.reference.Nonce)
	}
	if err != nil && j.reference.Epoch != zero {
		if epoch := try(j.reference.Epoch); epoch == nil {
			err, found = nil, "the epoch: the newest cosigned checkpoint"
		} else if j.reference.Nonce == zero {
			err = epoch
		}
	}
	j.decide(attest.CodeEvidenceBinding, expected, found, err)
}
