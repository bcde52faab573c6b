package guest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/verify"
)

// recordings is where the evidence of real boots is kept, for every test that wants
// some; its README.md says what it is.
const recordings = "../attest/tpm/testdata/boots"

// recorded is a recording: an answer, and all that a client knew when it came.
type recorded struct {
	Time         time.Time `json:"time"`         // of the client, when the answer came
	Nonce        []byte    `json:"nonce"`        // of its request
	SPKI         []byte    `json:"spki"`         // SHA-256 of the connection's SubjectPublicKeyInfo
	Activated    bool      `json:"activated"`    // the credential for akPublic and the first certificate was
	AKName       []byte    `json:"akName"`       // TPM name of akPublic
	Policy       string    `json:"policy"`       // log.policy
	Requirements string    `json:"requirements"` // requirements.json
	Answer       string    `json:"answer"`       // the answer's bytes
	Differing    []int     `json:"differing"`    // PCRs that the release does not explain
}

func (r recorded) evidence(t testing.TB) evidence {
	t.Helper()
	answer, err := attest.ParseAnswer([]byte(r.Answer))
	if err != nil {
		t.Fatal(err)
	}
	return evidence{answer: answer, raw: []byte(r.Answer), nonce: attest.Digest(r.Nonce), spki: attest.Digest(r.SPKI), at: r.Time, activated: r.Activated}
}

// TestRecorded checks that each recording is whole: the quote, the log and the
// certificates hold, the release passed at the time, and the registers differ where
// the boot made them.
func TestRecorded(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(recordings, "*.json"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%s holds %d recordings, want 4 (%v)", recordings, len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r := readRecorded(t, file)
			e := r.evidence(t)
			e.checkHonestTPM(t)
			if found := e.differing(t); !slices.Equal(found, r.Differing) {
				t.Errorf("registers %v are not explained, recorded was %v", found, r.Differing)
			}
			if string(e.akName()) != string(r.AKName) {
				t.Errorf("the attestation key's name is %x, recorded was %x", e.akName(), r.AKName)
			}
			trust, err := verify.ParseTrust([]byte(r.Policy), []byte(r.Requirements))
			if err != nil {
				t.Fatal(err)
			}
			if verdict := verify.Bundle(e.answer.Bundle, trust, r.Time); verdict.Result != verify.Pass {
				t.Errorf("the release: %s", verdict.Result)
			}
		})
	}
}

func readRecorded(t testing.TB, file string) (r recorded) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecordedAltered: the check of quotes that all tests of boots rely on sees what it
// is there for.
func TestRecordedAltered(t *testing.T) {
	r := readRecorded(t, filepath.Join(recordings, "released.json"))
	if err := r.evidence(t).quoted(); err != nil {
		t.Fatal(err)
	}
	for name, alter := range map[string]func(e *evidence){
		"another nonce":              func(e *evidence) { e.nonce[0] ^= 1 },
		"another connection":         func(e *evidence) { e.spki[0] ^= 1 },
		"another place in the batch": func(e *evidence) { e.answer.Batch.Size = 2 },
		"a register":                 func(e *evidence) { e.answer.Evidence["pcrs"][32*11] ^= 1 },
		"the ledger's register":      func(e *evidence) { e.answer.Evidence["pcrs"][32*15] ^= 1 },
		"a register more":            func(e *evidence) { e.answer.Evidence["pcrs"] = append(e.answer.Evidence["pcrs"], make([]byte, 32)...) },
		"the quote's clock":          func(e *evidence) { e.answer.Evidence["attest"][80] ^= 1 },
		"the signature":              func(e *evidence) { e.answer.Evidence["signature"][10] ^= 1 },
		"the attestation key":        func(e *evidence) { e.answer.Evidence["akPublic"][40] ^= 1 },
	} {
		e := r.evidence(t)
		alter(&e)
		if e.quoted() == nil {
			t.Errorf("%s: not seen", name)
		}
	}
}
