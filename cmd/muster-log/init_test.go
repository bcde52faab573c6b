package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// offline is a site whose witnesses are only keys.
func offline(t *testing.T) *testSite {
	t.Helper()
	s := &testSite{t: t, dir: t.TempDir()}
	s.data, s.authority = filepath.Join(s.dir, "data"), filepath.Join(s.dir, "authority.json")
	entry, digest := releasetest.SignStatement(t, authorityOf(t, origin, time.Now()), "root1", "root2")
	s.digest = digest
	if err := os.WriteFile(s.authority, entry, 0o644); err != nil {
		t.Fatal(err)
	}
	for i, keyType := range []tlog.KeyType{tlog.TypeCosignatureEd25519, tlog.TypeCosignatureMLDSA44, tlog.TypeCosignatureEd25519} {
		name := fmt.Sprintf("w%d.example", i)
		s.witnesses = append(s.witnesses, witness{vkey: tlogtest.Key(t, name, keyType).Verifier().String(), url: "https://" + name})
	}
	return s
}

func TestInit(t *testing.T) {
	s := offline(t)
	printed := must(t, "muster-log", s.flags("--url", "https://log.example", "--log-operator", "Acme")...)
	for _, want := range []string{"log " + origin + ", run by Acme", "muster-witness log add --data DIR " + origin + "+", "muster-log serve --data " + s.data, "a witness of 2 of 3 operators", s.digest.String()} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
	keys := s.data + "-keys"
	for path, mode := range map[string]fs.FileMode{keys: 0o700 | fs.ModeDir, filepath.Join(keys, keyFile): 0o600, s.data: 0o755 | fs.ModeDir, filepath.Join(s.data, policyFile): 0o644} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: mode %v, %v, want %v", path, info.Mode(), err, mode)
		}
	}
	secret, err := os.ReadFile(filepath.Join(keys, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	key, err := tlog.ParseSigningKey(strings.TrimSuffix(string(secret), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if private := strings.SplitN(strings.TrimSpace(string(secret)), "+", 5)[4]; strings.Contains(printed, private) || strings.Contains(printed, "PRIVATE") {
		t.Error("the private key was printed")
	}
	var public, own *policy.Policy
	for name, p := range map[string]**policy.Policy{policyFile: &public, witnessesFile: &own} {
		data, err := os.ReadFile(filepath.Join(s.data, name))
		if err != nil {
			t.Fatal(err)
		}
		if *p, err = policy.Parse(data); err != nil {
			t.Fatal(err)
		}
		if logs := (*p).Logs; len(logs) != 1 || !logs[0].Key.Equal(key.Verifier()) || logs[0].URL != "https://log.example" {
			t.Errorf("%s: logs %v", name, logs)
		}
	}
	for i := range 3 {
		if public.Witnesses[i].URL != "" || own.Witnesses[i].URL != s.witnesses[i].url || public.Witnesses[i].Key.String() != s.witnesses[i].vkey {
			t.Errorf("witness %d: %+v, %+v", i, public.Witnesses[i], own.Witnesses[i])
		}
	}
	config, err := readConfiguration(s.data)
	if err != nil || config.Key != filepath.Join(keys, keyFile) || config.HighWater != filepath.Join(keys, highWaterFile) || config.Operators["w1"] != "Operator 1" {
		t.Errorf("configuration %+v, %v", config, err)
	}
	authority, err := os.ReadFile(filepath.Join(s.data, authorityFile(0)))
	if given, _ := os.ReadFile(s.authority); err != nil || string(given) != string(authority) {
		t.Errorf("the authority was changed, %v", err)
	}
	// Data and keys are found again where both are moved together.
	moved := filepath.Join(s.dir, "moved")
	if err := os.Mkdir(moved, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"data", "data-keys"} {
		if err := os.Rename(filepath.Join(s.dir, name), filepath.Join(moved, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := readSite(filepath.Join(moved, "data")); err != nil {
		t.Errorf("moved: %v", err)
	}
}

// TestOperatorsHaveOneVote: keys of one operator are one vote in the policy as
// it is written, and the log operator's are none.
func TestOperatorsHaveOneVote(t *testing.T) {
	key := tlogtest.Key(t, origin, tlog.TypeEd25519).Verifier()
	flag := func(name, operator string) witnessFlag {
		return witnessFlag{Witness: policy.Witness{Name: name, Key: tlogtest.Key(t, name, tlog.TypeCosignatureEd25519).Verifier(), URL: "https://" + name + ".example"}, operator: operator}
	}
	own, public, _, err := policies(key, "", []witnessFlag{flag("a", "A"), flag("a2", "A"), flag("b", "B"), flag("mine", "log"), flag("c", "C")}, 2, "log")
	if err != nil {
		t.Fatal(err)
	}
	for cosigned, want := range map[string]bool{"a b": true, "a2 c": true, "a a2": false, "a mine": false, "mine b": false, "b c": true, "b": false} {
		met := own.Met(func(w policy.Witness) bool { return strings.Contains(" "+cosigned+" ", " "+w.Name+" ") })
		if met != want || public.Met(func(w policy.Witness) bool { return strings.Contains(" "+cosigned+" ", " "+w.Name+" ") }) != want {
			t.Errorf("cosigned by %s: met %v, want %v", cosigned, met, want)
		}
	}
	if _, _, _, err := policies(key, "", []witnessFlag{flag("mine", "log"), flag("a", "A")}, 1, "log"); !errors.Is(err, policy.ErrLogOperatorAlone) {
		t.Errorf("a quorum that the log's operator meets: %v", err)
	}
	if _, _, _, err := policies(key, "", []witnessFlag{flag("mine", "log"), flag("a", "A")}, 2, "log"); !errors.Is(err, policy.ErrNobody) {
		t.Errorf("a quorum that nobody meets: %v", err)
	}
}

// TestInitRefuses: what does not fit is refused before anything is written.
func TestInitRefuses(t *testing.T) {
	s := offline(t)
	good, err := os.ReadFile(s.authority)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, data []byte) string {
		path := filepath.Join(s.dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	statement := authorityOf(t, origin, time.Now())
	half, _ := releasetest.SignStatement(t, statement, "root1")
	elsewhere, _ := releasetest.SignStatement(t, authorityOf(t, "log.example/other", time.Now()), "root1", "root2")
	noKey, _ := releasetest.SignStatement(t, withOpenPGP(t, []byte("no OpenPGP key")), "root1", "root2")
	old, _ := releasetest.SignStatement(t, authorityOf(t, origin, time.Now().AddDate(-2, 0, 0)), "root1", "root2")
	logKey := tlogtest.Key(t, "x.example", tlog.TypeEd25519).Verifier().String()
	full := filepath.Join(s.dir, "full")
	if err := os.Mkdir(full, 0o755); err != nil {
		t.Fatal(err)
	}
	file("full/something", nil)
	w0 := fmt.Sprintf("x=%s=https://x.example=", s.witnesses[0].vkey)
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no flags":                        {[]string{"init"}, 2, "missing --data, --origin, --authority, --witness, --quorum"},
		"an argument too many":            {s.flags("x"), 2, "--help"},
		"an unknown flag":                 {s.flags("--frob"), 2, "--help"},
		"an unknown command":              {[]string{"frob"}, 2, "--help"},
		"a data directory that is used":   {s.flags("--data", full), 2, "exists and is not overwritten"},
		"a keys directory that is used":   {s.flags("--keys", full), 2, "exists and is not overwritten"},
		"keys in the data":                {s.flags("--keys", filepath.Join(s.data, "keys")), 2, "must lie outside"},
		"the high-water mark in the data": {s.flags("--high-water", filepath.Join(s.data, "high-water")), 2, "must lie outside"},
		"data in the keys":                {s.flags("--keys", s.dir), 2, "lies in the directory of the keys"},
		"a high-water mark that is used":  {s.flags("--high-water", s.authority), 2, "exists and is not overwritten"},
		"an origin with a space":          {s.flags("--origin", "log example"), 2, "--origin"},
		"another origin":                  {s.flags("--origin", "log.example/b"), 1, `is of origin "log.example/acme"`},
		"an authority of another origin":  {s.flags("--authority", file("elsewhere", elsewhere)), 1, "log.example/other"},
		"no authority":                    {s.flags("--authority", filepath.Join(s.dir, "none")), 3, "--authority"},
		"an authority signed by too few":  {s.flags("--authority", file("half", half)), 1, "own-root-missed"},
		"an authority with no key":        {s.flags("--authority", file("no-key", noKey)), 1, "key-form"},
		"an authority that has expired":   {s.flags("--authority", file("old", old)), 1, "expired at"},
		"an authority with a line feed":   {s.flags("--authority", file("line-feed", append(good, '\n'))), 1, "hint: "},
		"something else as authority":     {s.flags("--authority", file("x", []byte("{}"))), 1, "member-missing"},
		"too large an authority":          {s.flags("--authority", file("large", make([]byte, 70000))), 3, "more than 65535 bytes"},
		"a quorum of none":                {s.flags("--quorum", "0"), 2, "want 1 to 3"},
		"a quorum of four":                {s.flags("--quorum", "4"), 2, "want 1 to 3"},
		"a quorum of the log's operator":  {[]string{"init", "--data", s.data, "--origin", origin, "--authority", s.authority, "--quorum", "1", "--witness", w0 + "Acme", "--log-operator", "Acme"}, 2, "the log's operator meets the quorum alone"},
		"a quorum of nobody":              {s.flags("--log-operator", "Operator 0", "--quorum", "3"), 2, "nobody can meet the quorum"},
		"a witness without operator":      {s.flags("--witness", w0), 2, "NAME=VKEY=URL=OPERATOR"},
		"a witness without URL":           {s.flags("--witness", "x="+s.witnesses[0].vkey+"=Op"), 2, "NAME=VKEY=URL=OPERATOR"},
		"a witness with a log's key":      {s.flags("--witness", "x="+logKey+"=https://x.example=Op"), 2, "take a key of the witness"},
		"a witness with a broken key":     {s.flags("--witness", "x=x.example+00000000+AAAA=https://x.example=Op"), 2, "verifier key"},
		"a witness at a password":         {s.flags("--witness", "x="+s.witnesses[0].vkey+"=https://u:p@x.example=Op"), 2, "without user"},
		"one key twice":                   {s.flags("--witness", w0+"Op"), 2, "same public key"},
		"one name twice":                  {s.flags("--witness", "w0"+w0[1:]+"Op"), 2, "given twice"},
		"a URL of the log with a query":   {s.flags("--url", "https://log.example/?x"), 2, "--url"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := execute(t, "muster-log", append(test.args, "--json")...)
			if code != test.code || !strings.Contains(stderr, test.want) || !strings.HasPrefix(stderr, "muster-log: ") {
				t.Errorf("exit code %d, %q; want %d and %q", code, stderr, test.code, test.want)
			}
			sameInJSON(t, "muster-log", stdout, stderr, test.code)
		})
	}
	if entries, err := os.ReadDir(s.dir); err != nil || len(entries) != 9 {
		t.Errorf("something was written: %v, %v", entries, err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"serve"}, 2, "missing --data, --listen"},
		{[]string{"serve", "--data", s.dir, "--listen", "127.0.0.1:0"}, 3, "muster-log init"},
		{[]string{"serve", "--data", s.dir, "--listen", "127.0.0.1:0", "--publish-wait", "0s"}, 2, "--publish-wait"},
	} {
		if _, stderr, code := execute(t, "muster-log", test.args...); code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("%v: exit code %d, %s", test.args, code, stderr)
		}
	}
}

// sameInJSON holds the JSON of a failure to what standard error says.
func sameInJSON(t *testing.T, program, stdout, stderr string, code int) {
	t.Helper()
	var failure command.Explained
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&failure); err != nil || failure.Exit != code || failure.Error.Code == "" {
		t.Errorf("standard output %q, %v", stdout, err)
	}
	want := program + ": " + failure.Error.Message + "\n"
	if failure.Error.Hint != "" {
		want += "hint: " + failure.Error.Hint + "\n"
	}
	if stderr != want {
		t.Errorf("standard error says %q, standard output %q", stderr, stdout)
	}
}

// TestServeRefusesFilesThatDoNotFit: a key that others can read, a policy that
// somebody has weakened.
func TestServeRefusesFilesThatDoNotFit(t *testing.T) {
	s := offline(t)
	must(t, "muster-log", s.flags()...)
	key := filepath.Join(s.data+"-keys", keyFile)
	serve := []string{"serve", "--data", s.data, "--listen", "127.0.0.1:0"}
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := execute(t, "muster-log", serve...); code != 3 || !strings.Contains(stderr, "chmod 600") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.data, witnessesFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for old, new := range map[string]string{"quorum quorum\n": "quorum none\n", "group quorum 2": "group quorum 0"} {
		if err := os.WriteFile(path, []byte(strings.Replace(string(data), old, new, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := execute(t, "muster-log", serve...); code != 3 || !strings.Contains(stderr, "policy") {
			t.Errorf("%s: exit code %d, %s", new, code, stderr)
		}
	}
}

// withOpenPGP states a first authority that gives an OpenPGP key the role withdraw.
func withOpenPGP(t *testing.T, public []byte) *release.Statement {
	t.Helper()
	authority := authorityOf(t, origin, time.Now()).Predicate.(*release.Authority)
	key := release.Key{Format: release.FormatOpenPGP, Public: public}
	authority.Keys[key.ID()] = key
	authority.Roles = append(authority.Roles, release.Role{Name: release.RoleWithdraw, Keys: []release.KeyID{key.ID()}, Threshold: 1})
	statement, err := release.NewAuthority(authority)
	if err != nil {
		t.Fatal(err)
	}
	return statement
}
