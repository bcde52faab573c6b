package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

func digestOf(text string) release.Digest { return sha256.Sum256([]byte(text)) }

func TestC2BundlesOfAnotherForm(t *testing.T) {
	s := newSite(t).standard()
	good := string(marshal(t, s.bundle()))
	nine := s.bundle()
	for range 9 {
		s.clock = s.clock.Add(time.Second)
		nine.Anchors = append(nine.Anchors, bundle.Anchor{Checkpoint: string(s.checkpoint(4).Marshal())})
	}
	if _, err := nine.Marshal(); err == nil {
		t.Error("nine anchors are written")
	}
	replaced := func(old, new string) string {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("the bundle has no %q", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for name, text := range map[string]string{
		"empty":                     "",
		"no JSON":                   "muster",
		"trailing line feed":        good + "\n",
		"trailing bytes":            good + "{}",
		"white space":               replaced(`{"anchors":`, `{ "anchors":`),
		"index 003":                 replaced(`"index":3}`, `"index":003}`),
		"index +3":                  replaced(`"index":3}`, `"index":+3}`),
		"index 3.0":                 replaced(`"index":3}`, `"index":3.0}`),
		"index twice":               replaced(`"index":3}`, `"index":2}`),
		"index at the size":         replaced(`"index":3}`, `"index":4}`),
		"index 2^63":                replaced(`"index":3}`, `"index":9223372036854775808}`),
		"an unknown member":         replaced(`{"anchors":`, `{"a":1,"anchors":`),
		"a member twice":            replaced(`{"anchors":[],`, `{"anchors":[],"anchors":[],`),
		"no anchors":                replaced(`"anchors":[],`, ``),
		"anchors null":              replaced(`"anchors":[]`, `"anchors":null`),
		"another origin":            replaced(`"origin":"log.example/acme"`, `"origin":"log.example/acmf"`),
		"an escaped character":      replaced(`"origin":"log`, `"origin":"\u006cog`),
		"CRLF in the checkpoint":    replaced(`acme\n4\n`, `acme\r\n4\r\n`),
		"size 04 in the checkpoint": replaced(`acme\n4\n`, `acme\n04\n`),
		"size 0 in the checkpoint":  replaced(`acme\n4\n`, `acme\n0\n`),
		"no entries":                good[:strings.Index(good, `"entries":[`)] + `"entries":[],"origin":"log.example/acme"}`,
		"loose bits in base64":      looseBits(t, good),
	} {
		wantFail(t, s.judge([]byte(text)), verify.CodeBundleForm)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	wantPass(t, s.judge([]byte(good)))
}

// looseBits sets a bit that the padding of a hash does not cover.
func looseBits(t *testing.T, good string) string {
	t.Helper()
	at := strings.Index(good, `"inclusion":["`)
	end := at + strings.Index(good[at:], `="`)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := strings.IndexByte(alphabet, good[end-1])
	return good[:end-1] + string(alphabet[last|1]) + good[end:]
}

func TestC2ProofsOfAnotherLength(t *testing.T) {
	s := newSite(t).standard()
	for name, change := range map[string]func(*bundle.Entry){
		"missing hash": func(e *bundle.Entry) { e.Inclusion = e.Inclusion[:1] },
		"surplus hash": func(e *bundle.Entry) { e.Inclusion = append(e.Inclusion, tlog.Hash{}) },
		"wrong order":  func(e *bundle.Entry) { slices.Reverse(e.Inclusion) },
		"none":         func(e *bundle.Entry) { e.Inclusion = nil },
	} {
		b := s.bundle()
		change(&b.Entries[2])
		v := s.judge(marshal(t, b))
		wantFail(t, v, verify.CodeInclusion)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	// Entries in another order do not get as far.
	b := s.bundle()
	slices.Reverse(b.Entries)
	if _, err := b.Marshal(); err == nil {
		t.Error("entries in descending order are written")
	}
}

// TestC3InteriorNodeAsEntry: the 64 bytes of two hashes are no leaf.
func TestC3InteriorNodeAsEntry(t *testing.T) {
	s := newSite(t).standard()
	left, right := tlog.LeafHash(s.log.Entry(0)), tlog.LeafHash(s.log.Entry(1))
	b := s.bundle()
	b.Entries[0].Envelope = slices.Concat(left[:], right[:])
	b.Entries[0].Inclusion = b.Entries[0].Inclusion[1:]
	wantFail(t, s.judge(marshal(t, b)), verify.CodeInclusion)
}

// TestC4SignaturesOfAnotherKind: a log's signature is no cosignature, and the
// other way about, though the key is the same.
func TestC4SignaturesOfAnotherKind(t *testing.T) {
	s := newSite(t).standard()
	checkpoint := tlog.Checkpoint{Origin: siteOrigin, Size: 4, Root: s.log.Root(4)}
	b := s.bundle()

	// The witness's key used as a log's: 64 bytes, without a time stamp.
	bare := tlogtest.Key(t, "w2.example", tlog.TypeEd25519)
	line, err := bare.SignNote(checkpoint.Text())
	if err != nil {
		t.Fatal(err)
	}
	line.KeyID = s.witnesses[1].Key.Verifier().KeyID
	signed := s.checkpoint(4, 1)
	forged, err := tlog.NewSignedCheckpoint(checkpoint, append(slices.Clone(signed.Note.Signatures), line)...)
	if err != nil {
		t.Fatal(err)
	}
	b.Checkpoint = string(forged.Marshal())
	wantFail(t, s.judge(marshal(t, b)), verify.CodeQuorum)

	// The log's key used as a witness's.
	cosigner := tlogtest.NewWitness(t, siteOrigin, "", tlog.TypeCosignatureEd25519)
	cosigner.Key = tlogtest.Key(t, siteOrigin, tlog.TypeCosignatureEd25519)
	line = cosigner.At(s.clock).Cosign(t, checkpoint)
	line.KeyID = s.log.Key.Verifier().KeyID
	forged, err = tlog.NewSignedCheckpoint(checkpoint, append([]tlog.NoteSignature{line}, signed.Note.Signatures[1:]...)...)
	if err != nil {
		t.Fatal(err)
	}
	b.Checkpoint = string(forged.Marshal())
	wantFail(t, s.judge(marshal(t, b)), verify.CodeLogSignature)
}

// TestC5ReleaseInASecondLog: the same authority and the same entries under
// another origin that the relying party trusts too.
func TestC5ReleaseInASecondLog(t *testing.T) {
	s := newSite(t).standard()
	second := tlogtest.NewLog(t, "log.example/second")
	for index := range s.log.Size() {
		second.Add(s.log.Entry(index))
	}
	s.policy = tlogtest.Policy(t, 2, s.witnesses, s.log, second)
	b := second.Bundle(second.Checkpoint(4, s.witnesses[0].At(s.clock), s.witnesses[1].At(s.clock)), nil, 0, 1, 2, 3)
	wantFail(t, s.judge(marshal(t, b)), verify.CodeAuthorityOrigin)
	wantPass(t, s.judge(marshal(t, s.bundle())))
}

// TestC5RightKeyWrongOrigin: a checkpoint of a log that shares its key with
// another one, but not the name.
func TestC5RightKeyWrongOrigin(t *testing.T) {
	s := newSite(t).standard()
	b := s.bundle()
	b.Origin = "log.example/acmf"
	b.Checkpoint = strings.ReplaceAll(b.Checkpoint, siteOrigin, b.Origin)
	wantFail(t, s.judge(marshal(t, b)), verify.CodeOrigin)
}

func TestC6RepeatedLinesAreOneVote(t *testing.T) {
	s := newSite(t).standard()
	signed := s.checkpoint(4, 1)
	lines := slices.Clone(signed.Note.Signatures)
	for i := range 3 {
		s.clock = s.clock.Add(time.Duration(i) * time.Second)
		lines = append(lines, s.checkpoint(4, 1).Note.Signatures[1])
	}
	again := &tlog.Note{Text: signed.Checkpoint.Text(), Signatures: lines}
	b := s.bundle()
	b.Checkpoint = string(again.Marshal())
	v := s.judge(marshal(t, b))
	if v.Result != verify.Fail {
		t.Errorf("one witness, four lines: got %s, want fail", v.Result)
	}
}

// TestC6HundredForeignLines: up to 128 lines are read, of which the foreign ones
// count for nothing; more are refused before anything is verified.
func TestC6HundredForeignLines(t *testing.T) {
	s := newSite(t).standard()
	with := func(foreign int, numbers ...int) *verify.Verdict {
		signed := s.checkpoint(4, numbers...)
		lines := slices.Clone(signed.Note.Signatures)
		for i := range foreign {
			lines = append(lines, tlog.NoteSignature{Name: fmt.Sprintf("foreign%d.example", i), KeyID: uint32(i), Sig: bytes.Repeat([]byte{1}, 72)})
		}
		note := &tlog.Note{Text: signed.Checkpoint.Text(), Signatures: lines}
		b := s.bundle()
		good := b.Checkpoint
		data := marshal(t, b)
		// Put in as bytes: the writer refuses what the reader would.
		return s.judge(bytes.Replace(data, jsonText(t, good), jsonText(t, string(note.Marshal())), 1))
	}
	wantPass(t, with(101))
	wantFail(t, with(101, 1), verify.CodeQuorum)
	wantFail(t, with(126), verify.CodeBundleForm)
}

// jsonText is a text as it stands in canonical JSON.
func jsonText(t *testing.T, text string) []byte {
	t.Helper()
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(data, []byte(`\u003c`), []byte("<"))
}

// TestC8Frozen: valid and old. One stale cosignature beside a fresh quorum does
// no harm; two stale ones do.
func TestC8Frozen(t *testing.T) {
	s := newSite(t).standard()
	old := s.clock
	s.clock = old.Add(3 * day)
	at := func(stale ...int) []byte {
		var cosigners []tlogtest.At
		for i, witness := range s.witnesses {
			when := s.clock
			if slices.Contains(stale, i) {
				when = old
			}
			cosigners = append(cosigners, witness.At(when))
		}
		return marshal(t, s.log.Bundle(s.log.Checkpoint(4, cosigners...), nil, 0, 1, 2, 3))
	}
	wantPass(t, s.judge(at(0)))
	wantFail(t, s.judge(at(0, 1)), verify.CodeCheckpointAge)
}

// TestC8CosignaturesFromTheFuture count for nothing from five minutes on.
func TestC8CosignaturesFromTheFuture(t *testing.T) {
	s := newSite(t).standard()
	now := s.clock
	s.clock = now.Add(5 * time.Minute)
	wantPass(t, s.judgeAt(marshal(t, s.bundle()), now))
	s.clock = s.clock.Add(time.Second)
	wantFail(t, s.judgeAt(marshal(t, s.bundle()), now), verify.CodeQuorum)
}

func TestC9OneOperatorIsOneVote(t *testing.T) {
	s := newSite(t).standard()
	b := s.bundle()
	b.Checkpoint = string(s.checkpoint(4, 1, 2).Marshal())
	data := marshal(t, b)
	wantPass(t, s.judge(data))
	s.requirements.Operators["w2"] = s.requirements.Operators["w1"]
	wantFail(t, s.judge(data), verify.CodeQuorum)
	s.requirements.Operators["w2"] = s.requirements.LogOperator
	wantFail(t, s.judge(data), verify.CodeQuorum)
}

func TestC11CompromisedKeyBeforeAndAfter(t *testing.T) {
	s := newSite(t).standard()
	s.rotate(compromise("rel1", 4)) // the release stands at index 3
	wantPass(t, s.judge(marshal(t, s.bundle())))
}

func TestC11RotationLeftOut(t *testing.T) {
	s := newSite(t).standard()
	s.rotate(compromise("rel1", 0))
	// Nothing in the bundle names the version that was left out, and no roll is asked
	// for: the verdict says waived.
	v := s.judge(marshal(t, s.bundle(0, 1, 2, 3)))
	wantStatus(t, v, verify.Pass, verify.CodeRollAge, verify.StatusWaived)
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeStruck)

	// A roll made before it stays good for its age, and no longer.
	s = newSite(t)
	anchor := s.live()
	s.rotate(compromise("rel1", 0))
	s.clock = s.clock.Add(day - time.Second)
	data := s.staple(anchor, 0, 1, 2, 3, 4)
	wantPass(t, s.judgeAt(data, s.clock))
	wantFail(t, s.judgeAt(data, s.clock.Add(time.Second)), verify.CodeRollAge)
}

// TestC11RenewalKeepsItsAge: the age counts from the smallest anchor that covers
// the oldest entry of the identity.
func TestC11RenewalKeepsItsAge(t *testing.T) {
	s := newSite(t)
	_, system := s.system()
	s.release([]release.Digest{system})
	anchor := s.checkpoint(3)
	s.clock = s.clock.Add(10 * day)
	s.release([]release.Digest{system}, func(r *release.Release) { r.NotAfter = s.clock.Add(60 * day) })
	s.requirements.MinimumAge = siteDuration(t, "9d")

	with := s.log.Bundle(s.checkpoint(4), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3)
	v := s.judge(marshal(t, with))
	wantPass(t, v)
	if v.Judged.Index != 3 {
		t.Errorf("judged index %d, want 3", v.Judged.Index)
	}
	// Without the oldest entry, and without its anchor, it is new.
	wantFail(t, s.judge(marshal(t, s.log.Bundle(s.checkpoint(4), []*tlog.SignedCheckpoint{anchor}, 0, 1, 3))), verify.CodeMinimumAge)
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeMinimumAge)
	// An anchor without a quorum covers nothing.
	s.clock = siteStart
	one := s.checkpoint(3, 1)
	s.clock = siteStart.Add(10 * day)
	wantFail(t, s.judge(marshal(t, s.log.Bundle(s.checkpoint(4), []*tlog.SignedCheckpoint{one}, 0, 1, 2, 3))), verify.CodeMinimumAge)
}

// TestDeadlineIsTheEarliest of all that were seen, and does not move with now.
func TestDeadlineIsTheEarliest(t *testing.T) {
	for name, want := range map[string]time.Duration{"checkpoint": day, "release": 40 * time.Hour, "authority": 30 * time.Hour} {
		s := newSite(t, func(a *release.Authority) {
			if name == "authority" {
				a.Expires = a.Issued.Add(want)
			}
		})
		_, system := s.system()
		s.release([]release.Digest{system}, func(r *release.Release) {
			if name == "release" {
				r.NotAfter = s.clock.Add(want)
			}
		})
		if name != "checkpoint" {
			s.requirements.CheckpointMaxAge = siteDuration(t, "none")
		}
		data := marshal(t, s.bundle())
		for _, later := range []time.Duration{0, time.Hour, 23 * time.Hour} {
			v := s.judgeAt(data, s.clock.Add(later))
			wantPass(t, v)
			if !v.Deadline.Equal(s.clock.Add(want)) {
				t.Errorf("%s: deadline %s, want %s", name, v.Deadline, s.clock.Add(want))
			}
		}
		if v := s.judgeAt(data, s.clock.Add(want)); v.Result != verify.Fail {
			t.Errorf("%s: got %s at the deadline, want fail", name, v.Result)
		}
	}
}

// bindsWithEvidence are the members that a verdict about a release does not look at.
var bindsWithEvidence = []string{"Assurance", "SecureBoot", "Firmware", "TestRoots", "Nonce", "Epoch"}

// TestC13EveryMemberMatters changes one member of the requirements at a time under
// a bundle that passes. A member that is new to the struct has no row and fails.
func TestC13EveryMemberMatters(t *testing.T) {
	rows := map[string]struct {
		change func(r *verify.Requirements)
		result verify.Result
		code   verify.Code // the check that decides
	}{
		"Authority":        {func(r *verify.Requirements) { r.Authority[31] ^= 1 }, verify.Fail, verify.CodeAuthorityPin},
		"Products":         {func(r *verify.Requirements) { r.Products = nil }, verify.Fail, verify.CodeProduct},
		"Channels":         {func(r *verify.Requirements) { r.Channels = nil }, verify.Fail, verify.CodeChannel},
		"Modes":            {func(r *verify.Requirements) { r.Modes = []release.Mode{} }, verify.Fail, verify.CodeModes},
		"RollMaxAge":       {func(r *verify.Requirements) { r.RollMaxAge = siteDuration(t, "1h") }, verify.Fail, verify.CodeRollAge},
		"CheckpointMaxAge": {func(r *verify.Requirements) { r.CheckpointMaxAge = siteDuration(t, "1h") }, verify.Fail, verify.CodeCheckpointAge},
		"MinimumAge":       {func(r *verify.Requirements) { r.MinimumAge = siteDuration(t, "2h") }, verify.Fail, verify.CodeMinimumAge},
		"Consistency":      {func(r *verify.Requirements) { r.Consistency = verify.ConsistencyRequired }, verify.Unknown, verify.CodeConsistency},
		"MinimumSecurityVersion": {func(r *verify.Requirements) { r.MinimumSecurityVersion = map[string]uint64{"os/node-os": 2} },
			verify.Fail, verify.CodeMinimumSecurityVersion},
		"CmdlineRules": {func(r *verify.Requirements) { r.CmdlineRules = 2 }, verify.Fail, verify.CodeMinimumSecurityVersion},
		"Operators":    {func(r *verify.Requirements) { r.Operators["w1"] = r.Operators["w2"] }, verify.Fail, verify.CodeQuorum},
		"LogOperator":  {func(r *verify.Requirements) { r.LogOperator = r.Operators["w1"] }, verify.Fail, verify.CodeQuorum},
	}
	for member := range reflect.TypeFor[verify.Requirements]().Fields() {
		row, ok := rows[member.Name]
		if evidence := slices.Contains(bindsWithEvidence, member.Name); ok == evidence {
			t.Errorf("%s: changes a verdict about a release: %v; binds with evidence alone: %v", member.Name, ok, evidence)
		}
		if !ok {
			continue
		}
		t.Run(member.Name, func(t *testing.T) {
			s := newSite(t)
			anchor := s.live()
			data := marshal(t, s.log.Bundle(s.checkpoint(5, 1, 2), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4))
			wantPass(t, s.judge(data))
			row.change(s.requirements)
			v := s.judge(data)
			decides := slices.IndexFunc(v.Checks, verify.Check.Decisive)
			if v.Result != row.result || decides < 0 || v.Checks[decides].Code != row.code {
				t.Errorf("got %s, decided by check %d, want %s by %s", v.Result, decides, row.result, row.code)
			}
		})
	}
}

// TestC11EachCaseHasItsCode: what must be refused of a release, in the vectors that
// show it. A code names what a verifier can see: why a roll does not list a release
// it does not say.
func TestC11EachCaseHasItsCode(t *testing.T) {
	for _, c := range []struct {
		what, vector string
		code         verify.Code // empty: survived
	}{
		{"OS live but the model another release's", "model-of-another-release", verify.CodeImages},
		{"an image withdrawn under a live release", "image-withdrawn", verify.CodeRollLive},
		{"a compromised key's release after from", "release-key-stolen", verify.CodeStruck},
		{"a compromised key's release before from", "release-key-stolen-later", ""},
		{"a renewal, age counted from the first", "renewal-keeps-its-age", ""},
		{"release withdrawn under its identity and renewed without reinstating", "withdrawn-identity-renewed", verify.CodeRollLive},
		{"an old roll under a fresh checkpoint", "roll-old-under-fresh-checkpoint", verify.CodeRollAge},
		{"an old roll appended late under a fresh anchor", "roll-held-back", verify.CodeRollAge},
		{"a thief's renewal struck", "thiefs-renewal-struck", verify.CodeStruck},
		{"the good entry before it is live again", "thiefs-renewal-left-out", ""},
		{"a reinstated release renewed without listing the withdrawal again", "reinstated-then-renewed", verify.CodeRollLive},
		{"roll of another product", "roll-of-another-product", verify.CodeRollProduct},
		{"roll without this release", "roll-does-not-list", verify.CodeRollLive},
		{"roll older than this release", "roll-before-the-release", verify.CodeRollSize},
		{"roll without its anchor", "roll-without-its-anchor", verify.CodeRollAnchor},
		{"release younger than the minimum age", "younger-than-minimum-age", verify.CodeMinimumAge},
		{"authority rotated since, across the roll", "roll-under-older-authority", verify.CodeRollAuthority},
		{"authority rotated since, and the roll's key struck", "roll-key-stolen", verify.CodeRollStruck},
		{"authority rotated since", "roll-before-a-rotation", ""},
		{"rotation left out of the bundle", "rotation-left-out", verify.CodeAuthorityComplete},
		{"a retired log", "retired-log", verify.CodeLogRetired},
		{"its successor", "successor-log", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			trust, err := verify.ParseTrust([]byte(readVector(t, c.vector, "log.policy")), []byte(readVector(t, c.vector, "requirements.json")))
			if err != nil {
				t.Fatal(err)
			}
			now, err := release.ParseTime(strings.TrimSpace(readVector(t, c.vector, "now")))
			if err != nil {
				t.Fatal(err)
			}
			v := verify.Bundle([]byte(readVector(t, c.vector, "bundle.muster")), trust, now)
			if c.code == "" {
				wantPass(t, v)
				return
			}
			wantFail(t, v, c.code)
		})
	}
}

// TestMinimumOfNoImageIsNamed: it asks for nothing, and may be a mistyped name.
func TestMinimumOfNoImageIsNamed(t *testing.T) {
	s := newSite(t).standard()
	s.requirements.MinimumSecurityVersion = map[string]uint64{"os/nod-os": 7, "os/node-os": 1}
	v := s.judge(marshal(t, s.bundle()))
	wantPass(t, v)
	if c, _ := v.Check(verify.CodeMinimumSecurityVersion); c.Found != "2 minimums, this release has no os/nod-os" {
		t.Errorf("found %q", c.Found)
	}
}
