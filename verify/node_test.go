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

// TestNodeRequirements: what the requirements say of evidence decides, each member
// alone, about a real boot that passes otherwise.
func TestNodeRequirements(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*verify.Requirements)
		want   verify.Code
	}{
		"assurance":    {func(r *verify.Requirements) { r.Assurance = []verify.Assurance{verify.AssuranceTPM} }, verify.CodeAssurance},
		"by default":   {func(r *verify.Requirements) { r.Assurance = nil }, verify.CodeAssurance},
		"testRoots":    {func(r *verify.Requirements) { r.TestRoots = nil }, "ek-certificate"},
		"firmware":     {func(r *verify.Requirements) { r.Firmware = verify.FirmwareRequired }, "firmware"},
		"epoch alone":  {func(r *verify.Requirements) { r.Epoch = true }, "evidence-binding"},
		"cmdlineRules": {func(r *verify.Requirements) { r.CmdlineRules = 2 }, verify.CodeMinimumSecurityVersion},
	} {
		t.Run(name, func(t *testing.T) {
			b, answer, trust := readBoot(t, "released")
			changed := *trust.Requirements()
			test.change(&changed)
			requirements, err := changed.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if trust, err = verify.ParseTrust([]byte(b.Policy), requirements); err != nil {
				t.Fatal(err)
			}
			verdict := verify.Node(answer, readers, b.session(answer), trust, b.Time)
			if check, _ := verdict.Check(test.want); !check.Decisive() || verdict.Result == verify.Pass {
				t.Errorf("got %s, %s %s", verdict.Result, test.want, check.Status)
			}
		})
	}
	// Secure Boot off is refused, and reported where the requirements allow it.
	b, answer, trust := readBoot(t, "loader-in-front-without-secure-boot")
	changed := *trust.Requirements()
	changed.SecureBoot = verify.SecureBootNotRequired
	requirements, err := changed.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if trust, err = verify.ParseTrust([]byte(b.Policy), requirements); err != nil {
		t.Fatal(err)
	}
	if check, _ := verify.Node(answer, readers, b.session(answer), trust, b.Time).Check("secure-boot"); check.Status != verify.StatusWaived {
		t.Errorf("Secure Boot off, which is allowed: %s", check.Status)
	}
}

// TestNodeWithoutRules: a profile that this program cannot read is no reason to pass,
// nor to refuse.
func TestNodeWithoutRules(t *testing.T) {
	b, answer, trust := readBoot(t, "released")
	verdict := verify.Node(answer, nil, b.session(answer), trust, b.Time)
	if verdict.Result != verify.Unknown {
		t.Errorf("got %s, want %s", verdict.Result, verify.Unknown)
	}
	whole := verify.Node(answer, readers, b.session(answer), trust, b.Time)
	if len(verdict.Checks) != len(whole.Checks) {
		t.Errorf("got %d checks, want %d: the list always stands", len(verdict.Checks), len(whole.Checks))
	}
}

// TestNodeBrokenBundle: nothing is compared with a release that is not proved.
func TestNodeBrokenBundle(t *testing.T) {
	b, answer, trust := readBoot(t, "released")
	answer.Bundle = append([]byte{' '}, answer.Bundle...)
	verdict := verify.Node(answer, readers, b.session(answer), trust, b.Time)
	if verdict.Result != verify.Fail || verdict.Assurance != verify.AssuranceNone {
		t.Errorf("got %s with assurance %s", verdict.Result, verdict.Assurance)
	}
	if check, _ := verdict.Check("boot-chain"); check.Status != verify.StatusNotChecked {
		t.Errorf("boot-chain: %s", check.Status)
	}
}
