package verify_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/verify"
)

// boots are recorded boots of a real machine: the README.md beside them.
const boots = "../attest/tpm/testdata/boots"

var readers = map[string]attest.Reader{tpm.Profile: tpm.Read}

// boot is what a client knew when a node had answered.
type boot struct {
	Time         time.Time `json:"time"`
	Nonce        []byte    `json:"nonce"`
	SPKI         []byte    `json:"spki"`
	Activated    bool      `json:"activated"`
	AKName       []byte    `json:"akName"`
	Policy       string    `json:"policy"`
	Requirements string    `json:"requirements"`
	Answer       string    `json:"answer"`
}

func readBoot(t testing.TB, name string) (boot, *attest.Answer, *verify.Trust) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(boots, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var b boot
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	answer, err := attest.ParseAnswer([]byte(b.Answer))
	if err != nil {
		t.Fatal(err)
	}
	trust, err := verify.ParseTrust([]byte(b.Policy), []byte(b.Requirements))
	if err != nil {
		t.Fatal(err)
	}
	return b, answer, trust
}

func (b boot) session(answer *attest.Answer) verify.Session {
	session := verify.Session{Nonce: attest.Digest(b.Nonce), SPKI: attest.Digest(b.SPKI)}
	if b.Activated {
		session.Activated = []attest.Activation{{AKName: b.AKName, EKCertificate: attest.DigestOf(answer.Certificates[0])}}
	}
	return session
}

// TestNode judges real boots: the released image passes, and each attack is refused by
// the checks that show it.
func TestNode(t *testing.T) {
	for name, want := range map[string][]attest.Code{
		"released":                            nil,
		"loader-in-front":                     {attest.CodeBootChain, attest.CodeUnusedPCRs},
		"credential-on-boot-partition":        {attest.CodeKernelInputs, attest.CodeUnusedPCRs},
		"loader-in-front-without-secure-boot": {attest.CodeBootChain, attest.CodeSecureBoot, attest.CodeKernelInputs, attest.CodeUnusedPCRs},
	} {
		t.Run(name, func(t *testing.T) {
			b, answer, trust := readBoot(t, name)
			verdict := verify.Node(answer, readers, b.session(answer), trust, b.Time)
			var failed []attest.Code
			for _, check := range verdict.Checks {
				if check.Decisive() {
					failed = append(failed, attest.Code(check.Code))
					t.Logf("%s: %s: expected %s, found %s", check.Code, check.Status, check.Expected, check.Found)
				}
			}
			if len(failed) != len(want) {
				t.Fatalf("got %q, want %q", failed, want)
			}
			for i := range want {
				if failed[i] != want[i] {
					t.Errorf("got %q, want %q", failed, want)
				}
			}
			if (verdict.Result == verify.Pass) != (want == nil) {
				t.Errorf("got %s", verdict.Result)
			}
		})
	}
}
