package policy

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-log/muster/tlog"
)

var now = time.Unix(10_000, 0)

type stamp struct {
	witness string
	time    uint64
}

func cosignatures(p *Policy, stamps ...stamp) []tlog.Cosignature {
	var all []tlog.Cosignature
	for _, s := range stamps {
		i := slices.IndexFunc(p.Witnesses, func(w Witness) bool { return w.Name == s.witness })
		all = append(all, tlog.Cosignature{Key: p.Witnesses[i].Key, Time: s.time})
	}
	return all
}

const twoOfThree = "witness a <a>\nwitness b <b>\nwitness c <c>\ngroup g 2 a b c\nquorum g\n"

func TestFreshAndKnownTime(t *testing.T) {
	p := testPolicy(t, twoOfThree)
	own := p.OwnOperators()
	for name, c := range map[string]struct {
		stamps       []stamp
		operators    map[string]string
		fresh, known uint64
	}{
		"nobody":             {nil, own, 0, 0},
		"one":                {[]stamp{{"a", 100}}, own, 0, 0},
		"two":                {[]stamp{{"a", 100}, {"b", 200}}, own, 100, 200},
		"two at one time":    {[]stamp{{"a", 100}, {"b", 100}}, own, 100, 100},
		"three":              {[]stamp{{"a", 100}, {"b", 200}, {"c", 300}}, own, 200, 200},
		"one twice":          {[]stamp{{"a", 100}, {"a", 200}}, own, 0, 0},
		"both times of one":  {[]stamp{{"a", 100}, {"a", 900}, {"b", 500}}, own, 500, 500},
		"C8 stale beside":    {[]stamp{{"a", 9000}, {"b", 9000}, {"c", 1}}, own, 9000, 9000},
		"C8 stale twice":     {[]stamp{{"a", 9000}, {"b", 9001}, {"a", 1}}, own, 9000, 9001},
		"5 minutes ahead":    {[]stamp{{"a", 9000}, {"b", 10_300}}, own, 9000, 10_300},
		"more than that":     {[]stamp{{"a", 9000}, {"b", 10_301}}, own, 0, 0},
		"2^63-1":             {[]stamp{{"a", 9000}, {"b", 8000}, {"c", tlog.MaxSize}}, own, 8000, 9000},
		"ahead, and not":     {[]stamp{{"a", 9000}, {"b", 10_301}, {"b", 8000}}, own, 8000, 9000},
		"one operator":       {[]stamp{{"a", 100}, {"b", 200}}, map[string]string{"a": "A", "b": "A", "c": "C"}, 0, 0},
		"operator's other":   {[]stamp{{"a", 100}, {"b", 900}, {"c", 500}}, map[string]string{"a": "A", "b": "A", "c": "C"}, 500, 500},
		"log's operator":     {[]stamp{{"a", 100}, {"b", 200}, {"c", 900}}, map[string]string{"a": "A", "b": "B", "c": "L"}, 100, 200},
		"unknown operator":   {[]stamp{{"a", 100}, {"b", 200}}, map[string]string{"a": "A"}, 0, 0},
		"cosignature by all": {[]stamp{{"c", 300}, {"b", 200}, {"a", 100}}, own, 200, 200},
	} {
		t.Run(name, func(t *testing.T) {
			all := cosignatures(p, c.stamps...)
			fresh, ok := p.FreshTime(all, c.operators, "L", now)
			if fresh != c.fresh || ok != (c.fresh > 0) {
				t.Errorf("fresh time: got %d, %t, want %d", fresh, ok, c.fresh)
			}
			known, ok := p.KnownTime(all, c.operators, "L", now)
			if known != c.known || ok != (c.known > 0) {
				t.Errorf("known time: got %d, %t, want %d", known, ok, c.known)
			}
			if met := p.Tally(all, c.operators, "L", now).Met; met != (c.fresh > 0) {
				t.Errorf("met: got %t", met)
			}
		})
	}
}

func TestFreshTimeOfNone(t *testing.T) {
	p := testPolicy(t, "witness a <a>\nquorum none\n")
	all := cosignatures(p, stamp{"a", 100})
	if _, ok := p.FreshTime(all, p.OwnOperators(), "L", now); ok {
		t.Error("a quorum of none has a fresh time")
	}
	tally := p.Tally(all, p.OwnOperators(), "L", now)
	if !tally.Met || tally.Votes[0].Standing != Unasked {
		t.Errorf("got %+v", tally)
	}
}

func TestCosignaturesByOtherKeysCountForNothing(t *testing.T) {
	p := testPolicy(t, twoOfThree)
	stranger := tlog.Cosignature{Key: witnessKey(t, "stranger"), Time: 100}
	renamed := tlog.Cosignature{Key: witnessKey(t, "b"), Time: 100}
	renamed.Key.Name = "other"
	all := append(cosignatures(p, stamp{"a", 100}), stranger, renamed)
	if p.Tally(all, p.OwnOperators(), "L", now).Met {
		t.Error("a stranger's cosignature counted")
	}
}

func TestTallyExplains(t *testing.T) {
	p := testPolicy(t, "witness a <a>\nwitness b <b>\nwitness c <c>\nwitness d <d>\nwitness e <e>\nwitness f <f>\ngroup g 2 a b c d e\nquorum g\n")
	operators := map[string]string{"a": "A", "b": "L", "c": "C", "e": "E", "f": "F"}
	tally := p.Tally(cosignatures(p, stamp{"a", 200}, stamp{"a", 100}, stamp{"a", 200}, stamp{"b", 100}, stamp{"c", 99_999}, stamp{"d", 100}, stamp{"f", 100}), operators, "L", now)
	want := []Vote{
		{p.Witnesses[0], "A", Counted, []uint64{100, 200}},
		{p.Witnesses[1], "L", OfLog, []uint64{100}},
		{p.Witnesses[2], "C", Ahead, nil},
		{p.Witnesses[3], "", NoOperator, []uint64{100}},
		{p.Witnesses[4], "E", Absent, nil},
		{p.Witnesses[5], "F", Unasked, []uint64{100}},
	}
	if diff := cmp.Diff(want, tally.Votes); tally.Met || diff != "" {
		t.Errorf("met %t, %s", tally.Met, diff)
	}
}

func TestTimesAgreeWithTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	met := 0
	for range 400 {
		p := randomPolicy(t, r)
		operators := randomOperators(p, r)
		var stamps []stamp
		for range r.IntN(16) {
			stamps = append(stamps, stamp{p.Witnesses[r.IntN(len(p.Witnesses))].Name, 9_990 + r.Uint64N(8)*50})
		}
		within := func(in func(uint64) bool) bool {
			var present set
			for _, s := range stamps {
				if s.time <= 10_300 && in(s.time) {
					present |= single(slices.IndexFunc(p.Witnesses, func(w Witness) bool { return w.Name == s.witness }))
				}
			}
			return metByAll(p, present, operators, "O0")
		}
		var fresh, known uint64
		for at := uint64(9_900); at <= 10_400; at++ {
			if within(func(u uint64) bool { return u >= at }) {
				fresh = at
			}
			if known == 0 && within(func(u uint64) bool { return u <= at }) {
				known = at
			}
		}
		tally := p.Tally(cosignatures(p, stamps...), operators, "O0", now)
		if tally.Fresh != fresh || tally.Known != known || tally.Met != (fresh > 0) {
			t.Fatalf("stamps %v, operators %v: got %d and %d, want %d and %d\n%s", stamps, operators, tally.Fresh, tally.Known, fresh, known, p)
		}
		if tally.Met {
			met++
		}
	}
	if met < 50 {
		t.Errorf("only %d of 400 quorums were met", met)
	}
}

func checkpoint(t *testing.T, origin string, logName string, at uint64, witnesses ...string) *tlog.SignedCheckpoint {
	t.Helper()
	c := tlog.Checkpoint{Origin: origin, Size: 1, Root: tlog.LeafHash([]byte("entry"))}
	line, err := signingKey(t, logName, tlog.TypeEd25519).SignNote(c.Text())
	if err != nil {
		t.Fatal(err)
	}
	lines := []tlog.NoteSignature{line}
	for _, w := range witnesses {
		line, err := signingKey(t, w, tlog.TypeCosignatureEd25519).Cosign(c, at)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	signed, err := tlog.NewSignedCheckpoint(c, lines...)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestC1EitherOfTwoLogsSuffices(t *testing.T) {
	p := testPolicy(t, "log [one.example]\nlog [two.example]\n"+twoOfThree)
	for _, name := range []string{"one.example", "two.example"} {
		got, err := p.Verify(checkpoint(t, name, name, 100, "a", "b", "stranger"))
		if err != nil || len(got) != 2 {
			t.Errorf("%s: got %v, %v, want 2 cosignatures", name, got, err)
		}
	}
}

func TestC5RightLogKeyWrongOrigin(t *testing.T) {
	p := testPolicy(t, "log [one.example]\nlog [two.example]\n"+twoOfThree)
	for _, origin := range []string{"two.example", "three.example", "one.example ", "One.example"} {
		if got, err := p.Verify(checkpoint(t, origin, "one.example", 100, "a", "b")); err == nil {
			t.Errorf("origin %q signed by one.example: accepted with %v", origin, got)
		}
	}
}

func TestVerifyRefusesOneBadLine(t *testing.T) {
	p := testPolicy(t, "log [one.example]\n"+twoOfThree)
	good := checkpoint(t, "one.example", "one.example", 100, "a", "b")
	other := checkpoint(t, "two.example", "two.example", 100, "c")
	bad, err := good.With(other.Note.Signatures[1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Verify(bad); !errors.Is(err, tlog.ErrSignature) {
		t.Errorf("got %v, want ErrSignature", err)
	}
	if _, err := p.Verify(good); err != nil {
		t.Error(err)
	}
}
