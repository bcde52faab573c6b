package verify

import (
	"slices"
	"strings"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/release"
)

// Session is what whoever asked a node knows of the asking itself.
type Session struct {
	// Nonce is what was sent, fresh and random. Zero: none was, and only an epoch
	// can show that the evidence is of now.
	Nonce attest.Digest
	// SPKI is SHA-256 of the SubjectPublicKeyInfo (DER) of the certificate of the
	// TLS connection that is judged. Zero: there is no connection, and the result
	// is unknown at best.
	SPKI attest.Digest
	// Activated are the credentials that the caller made and saw come back.
	Activated []attest.Activation
	// Bystander: the caller was not there, and has the rest from a record. Whether a
	// credential was activated is then not known, and not refused.
	Bystander bool
}

// Node judges a node: the proof bundle in its answer as Bundle does, and the
// evidence by what that bundle proved, with the reader of the evidence's profile. The
// same arguments make the same verdict. Checks of evidence are made only where the
// release and its images have passed: there is nothing to compare with otherwise.
func Node(answer *attest.Answer, readers map[string]attest.Reader, session Session, trust *Trust, now time.Time, options ...Option) *Verdict {
	j := newJudgement(answer.Bundle, trust, now, options)
	j.run(releaseChecks)
	var evidence attest.Evidence
	form := undecided("evidence of "+attest.ProfileTPM2UKI, "got evidence of profile "+answer.Profile+", for which this program has no rules")
	if reader, ok := readers[answer.Profile]; ok {
		var err error
		if evidence, err = reader(answer); err != nil {
			form = fail("evidence of "+answer.Profile, err.Error())
		} else {
			form = pass("evidence of "+answer.Profile, answer.Profile)
		}
	}
	j.judge(form, evidence, session)
	j.run([]check{
		{CodeAssurance, "an accepted level of assurance", []Code{Code(attest.CodeEKCertificate), Code(attest.CodeAKBound)}, (*judgement).acceptedAssurance},
		{CodeImage, "images that are opened by their measurements", []Code{CodeImageSignatures, CodeImageStatements}, (*judgement).openedImages},
	})
	j.run(uncheckedChecks)
	return j.verdict(AboutNode)
}

// evidenceCodes are the checks of evidence in their order. They stand in every
// verdict about a node, made or not.
var evidenceCodes = []attest.Code{
	attest.CodeEvidenceProfile, attest.CodeEvidenceImages,
	attest.CodeQuoteForm, attest.CodeAKAttributes, attest.CodeEvidenceSignature, attest.CodeEKCertificate, attest.CodeAKBound, attest.CodeEvidenceBinding,
	attest.CodeEventLog, attest.CodeBootChain, attest.CodeSecureBoot, attest.CodeFirmware, attest.CodeKernelInputs, attest.CodeKernelImage, attest.CodeUnusedPCRs,
	attest.CodeLedger, attest.CodeNotCovered,
}

// proved are the checks without which the bundle says nothing to compare with.
var proved = []Code{CodeInclusion, CodeQuorum, CodeReleaseSignatures, CodeImageSignatures, CodeImageStatements}

// judge makes the checks of evidence, nil where it could not be read.
func (j *judgement) judge(form finding, evidence attest.Evidence, session Session) {
	j.run([]check{{Code(attest.CodeEvidenceForm), "evidence that can be read", nil, func(*judgement) finding { return form }}})
	var made []attest.Check
	why := "not made: " + string(attest.CodeEvidenceForm) + " did not pass"
	if failed, missing := j.missing(proved); missing {
		why = "not made: " + string(failed) + " did not pass"
	} else if evidence != nil {
		judgement := evidence.Judge(j.reference(session))
		made = judgement.Checks
		j.machine = judgement.Machine
		if judgement.Assurance != "" {
			j.assurance = string(judgement.Assurance)
		}
		if !judgement.Deadline.IsZero() {
			j.expires(judgement.Deadline)
		}
	}
	for _, code := range evidenceCodes {
		check := Check{Code: Code(code), Status: StatusNotChecked, Expected: "evidence", Found: why}
		if i := slices.IndexFunc(made, func(c attest.Check) bool { return c.Code == code }); i >= 0 {
			c := made[i]
			check.Status, check.required = Status(c.Status), c.Required
			check.Expected, check.Found = plain(c.Expected), plain(c.Found)
		} else if made != nil {
			// A profile that does not make a check of the list has no such register.
			check.Found = "no part of " + evidence.Profile()
		}
		j.made = append(j.made, check)
	}
	// What a profile checks besides the list decides all the same.
	for _, c := range made {
		if !slices.Contains(evidenceCodes, c.Code) {
			j.made = append(j.made, Check{Code: Code(c.Code), Status: Status(c.Status), Expected: plain(c.Expected), Found: plain(c.Found), required: c.Required})
		}
	}
}

// reference is what evidence is compared with: what the bundle proved, what the
// requirements accept, and what the session was.
func (j *judgement) reference(session Session) attest.Reference {
	requirements := j.trust.requirements
	reference := attest.Reference{
		Release: attest.Digest(j.judged.release().Identity()),
		SPKI:    session.SPKI,
		Now:     j.now,
		Policy: attest.Policy{
			SecureBootOff:      requirements.SecureBoot == SecureBootNotRequired,
			FirmwareNotChecked: requirements.Firmware == FirmwareNotChecked,
		},
		Activated: session.Activated,
		Bystander: session.Bystander,
	}
	for _, root := range requirements.TestRoots {
		reference.Policy.TestRoots = append(reference.Policy.TestRoots, attest.Digest(root))
	}
	if requirements.Nonce || !requirements.Epoch {
		reference.Nonce = session.Nonce
	}
	if requirements.Epoch {
		reference.Epoch = Epoch(j.bundle.Checkpoint)
	}
	for _, e := range j.images {
		reference.Images = append(reference.Images, JudgedImage{Image: e.image(), Digest: e.prepared.Digest}.Reference())
	}
	return reference
}

// acceptedAssurance holds the level of the evidence against the requirements.
func (j *judgement) acceptedAssurance() finding {
	var accepted []string
	for _, level := range j.trust.requirements.AcceptedAssurance() {
		accepted = append(accepted, string(level))
	}
	expected := strings.Join(accepted, " or ")
	if !slices.Contains(accepted, j.assurance) {
		return fail(expected, j.assurance)
	}
	return pass(expected, j.assurance)
}

// openedImages finds images that a node cannot open by measurements: those were
// read as plain files, which may change after they were read.
func (j *judgement) openedImages() finding {
	for _, e := range j.images {
		image := e.image()
		switch image.Kind {
		case release.KindModel, release.KindAdapter, release.KindConfig:
			if image.Measurements.Verity == nil {
				f := undecided("", indexed(e.index)+": "+string(image.Kind)+" "+image.Name+" states no verity/v1: it is a plain directory, which nothing holds still")
				f.required = image.Mode == release.ModeProduction
				return f
			}
		}
	}
	return pass("", "every model, adapter and config image")
}
