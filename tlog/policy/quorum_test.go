package policy

import (
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func names(present ...string) func(Witness) bool {
	return func(w Witness) bool { return slices.Contains(present, w.Name) }
}

func TestMet(t *testing.T) {
	p := testPolicy(t, examplePolicy)
	for present, want := range map[string]bool{
		"X1 X2 Y1":          true,
		"X2 X3 Y3":          true,
		"X1 X2 X3 Y1 Y2 Y3": true,
		"X1 X2":             false,
		"X1 Y1 Y2 Y3":       false,
		"Y1 Y2 Y3":          false,
		"":                  false,
	} {
		if got := p.Met(names(strings.Fields(present)...)); got != want {
			t.Errorf("%q: got %t, want %t", present, got, want)
		}
	}
	none := testPolicy(t, "quorum none\n")
	if !none.Met(names()) {
		t.Error("a quorum of none is not met by nobody")
	}
	if (&Policy{Quorum: "x"}).Met(names("x")) || (&Policy{}).Met(names()) {
		t.Error("an undefined quorum is met")
	}
}

func TestC9OperatorsManyKeysAreOneVote(t *testing.T) {
	p := testPolicy(t, "witness a1 <a1>\nwitness a2 <a2>\nwitness a3 <a3>\nwitness b <b>\ngroup g 2 a1 a2 a3 b\nquorum g\n")
	operators := map[string]string{"a1": "A", "a2": "A", "a3": "A", "b": "B"}
	if p.MetByOperators(names("a1", "a2", "a3"), operators, "L") {
		t.Error("three keys of one operator are two votes")
	}
	if !p.Met(names("a1", "a2", "a3")) {
		t.Error("they meet the policy by its letter")
	}
	if !p.MetByOperators(names("a3", "b"), operators, "L") {
		t.Error("two operators do not meet 2")
	}
}

func TestC9LogOperatorHasNoVote(t *testing.T) {
	p := testPolicy(t, "witness a <a>\nwitness b <b>\nwitness c <c>\ngroup g 2 a b c\nquorum g\n")
	operators := map[string]string{"a": "A", "b": "B", "c": "L"}
	if p.MetByOperators(names("a", "c"), operators, "L") {
		t.Error("the log's operator voted")
	}
	if !p.MetByOperators(names("a", "b", "c"), operators, "L") {
		t.Error("two others do not suffice")
	}
	delete(operators, "b")
	if p.MetByOperators(names("a", "b", "c"), operators, "L") {
		t.Error("a witness that nobody operates voted")
	}
	operators["b"], operators["c"] = "", ""
	if p.MetByOperators(names("a", "b", "c"), operators, "") {
		t.Error("a witness of an operator without a name voted")
	}
}

// Which of an operator's witnesses is taken matters: taking the first found
// would say no.
func TestOperatorWithWitnessesInSeveralGroups(t *testing.T) {
	p := testPolicy(t, `witness a1 <a1>
witness a2 <a2>
witness b1 <b1>
witness b2 <b2>
witness c2 <c2>
group one any a1 b1
group two 2 a2 b2 c2
group both all one two
quorum both
`)
	operators := map[string]string{"a1": "A", "a2": "A", "b1": "B", "b2": "B", "c2": "C"}
	for present, want := range map[string]bool{
		"a1 b2 c2":       true,
		"a2 b1 c2":       true,
		"a1 a2 b1 b2 c2": true,
		"a1 a2 b2":       false, // A in one group, then two has B alone
		"a1 a2 b1 b2":    false,
		"a1 a2 c2":       false,
	} {
		if got := p.MetByOperators(names(strings.Fields(present)...), operators, "L"); got != want {
			t.Errorf("%q: got %t, want %t", present, got, want)
		}
	}
}

// randomPolicy makes a policy of at most nine witnesses with nested groups.
func randomPolicy(t testing.TB, r *rand.Rand) *Policy {
	p := &Policy{}
	var free []string
	for i := range 1 + r.IntN(9) {
		name := fmt.Sprintf("w%d", i)
		p.Witnesses = append(p.Witnesses, Witness{Name: name, Key: witnessKey(t, name)})
		free = append(free, name)
	}
	for len(free) > 1 || r.IntN(4) == 0 && len(p.Groups) < 8 {
		r.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
		n := 1 + r.IntN(min(4, len(free)))
		g := Group{Name: fmt.Sprintf("g%d", len(p.Groups)), Threshold: 1 + r.IntN(n), Members: slices.Clone(free[:n])}
		p.Groups = append(p.Groups, g)
		free = append(free[n:], g.Name)
	}
	p.Quorum = free[0]
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	return p
}

func randomOperators(p *Policy, r *rand.Rand) map[string]string {
	operators := make(map[string]string)
	kinds := 1 + r.IntN(7)
	for _, w := range p.Witnesses {
		operators[w.Name] = fmt.Sprintf("O%d", r.IntN(kinds))
	}
	return operators
}

// metByAll tries every subset of the witnesses present.
func metByAll(p *Policy, present set, operators map[string]string, logOperator string) bool {
	for subset := present; ; subset = (subset - 1) & present {
		seen := make(map[string]bool)
		lawful := true
		for i, w := range p.Witnesses {
			if subset.has(i) {
				operator := operators[w.Name]
				lawful = lawful && !seen[operator] && operator != logOperator && operator != ""
				seen[operator] = true
			}
		}
		if lawful && p.Met(func(w Witness) bool {
			return subset.has(slices.IndexFunc(p.Witnesses, func(o Witness) bool { return o.Name == w.Name }))
		}) {
			return true
		}
		if subset == 0 {
			return false
		}
	}
}

func inSet(p *Policy, s set) func(Witness) bool {
	return func(w Witness) bool {
		return s.has(slices.IndexFunc(p.Witnesses, func(o Witness) bool { return o.Name == w.Name }))
	}
}

func TestMetByOperatorsAgreesWithAllSubsets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[bool]int{}
	for range 400 {
		p := randomPolicy(t, r)
		operators := randomOperators(p, r)
		for range 4 {
			present := set(r.Uint32()) & (1<<len(p.Witnesses) - 1)
			got := p.MetByOperators(inSet(p, present), operators, "O0")
			if want := metByAll(p, present, operators, "O0"); got != want {
				t.Fatalf("present %b, operators %v: got %t, want %t by\n%s", present, operators, got, want, p)
			}
			seen[got]++
		}
	}
	if seen[true] < 100 || seen[false] < 100 {
		t.Errorf("the policies are too much alike: %v", seen)
	}
}

// pigeons has 11 groups that all must cosign and 10 operators with a witness in
// three groups each: nobody can meet it, and no bound sees that early.
func pigeons(t testing.TB) (*Policy, map[string]string) {
	p := &Policy{}
	operators := make(map[string]string)
	members := make([][]string, 11)
	for i := range 10 {
		for _, group := range []int{i, i + 1, (i + 5) % 11} {
			name := fmt.Sprintf("w%d", len(p.Witnesses))
			p.Witnesses = append(p.Witnesses, Witness{Name: name, Key: witnessKey(t, name)})
			operators[name] = fmt.Sprintf("O%d", i)
			members[group] = append(members[group], name)
		}
	}
	all := Group{Name: "all-groups", Threshold: 11}
	for i, m := range members {
		g := Group{Name: fmt.Sprintf("g%d", i), Threshold: 1, Members: m}
		p.Groups = append(p.Groups, g)
		all.Members = append(all.Members, g.Name)
	}
	p.Groups = append(p.Groups, all)
	p.Quorum = all.Name
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	return p, operators
}

func TestMetByOperatorsIsBounded(t *testing.T) {
	p, operators := pigeons(t)
	everybody := func(Witness) bool { return true }
	if p.MetByOperators(everybody, operators, "L") {
		t.Error("ten operators met eleven groups")
	}
	p.Groups[11].Threshold = 10
	if !p.MetByOperators(everybody, operators, "L") {
		t.Error("ten operators do not meet ten of eleven groups")
	}
}

func BenchmarkMetByOperatorsWorst(b *testing.B) {
	p, operators := pigeons(b)
	for b.Loop() {
		p.MetByOperators(func(Witness) bool { return true }, operators, "L")
	}
}

func TestCheckOperators(t *testing.T) {
	p := testPolicy(t, "witness a <a>\nwitness b <b>\nwitness c <c>\ngroup g 2 a b c\nquorum g\n")
	good := map[string]string{"a": "A", "b": "B", "c": "C"}
	for name, c := range map[string]struct {
		policy      *Policy
		change      map[string]string
		logOperator string
		want        error
	}{
		"good":                      {p, nil, "L", nil},
		"witness without operator":  {p, map[string]string{"c": ""}, "L", ErrOperatorUnknown},
		"log without operator":      {p, nil, "", ErrOperatorUnknown},
		"log operator alone":        {p, map[string]string{"a": "L", "b": "L"}, "L", ErrLogOperatorAlone},
		"quorum none":               {testPolicy(t, "quorum none\n"), nil, "L", ErrLogOperatorAlone},
		"nobody can":                {p, map[string]string{"a": "A", "b": "A", "c": "A"}, "L", ErrNobody},
		"nobody, with the log's":    {p, map[string]string{"b": "A", "c": "L"}, "L", ErrNobody},
		"log operator, with others": {p, map[string]string{"c": "L"}, "L", nil},
	} {
		operators := maps.Clone(good)
		maps.Copy(operators, c.change)
		if err := c.policy.CheckOperators(operators, c.logOperator); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if err := p.CheckOperators(p.OwnOperators(), "L"); err != nil {
		t.Error(err)
	}
}

func TestRequirement(t *testing.T) {
	p := testPolicy(t, examplePolicy)
	r, ok := p.Requirement()
	if !ok || r.Name != "X-and-Y" || r.Threshold != 2 || len(r.Members) != 2 {
		t.Fatalf("got %+v", r)
	}
	if x := r.Members[0]; x.Threshold != 2 || len(x.Members) != 3 || x.Members[1].Witness.Name != "X2" {
		t.Errorf("got %+v", x)
	}
	if _, ok := testPolicy(t, "quorum none\n").Requirement(); ok {
		t.Error("a quorum of none requires something")
	}
}

func TestToleratesKOfN(t *testing.T) {
	for _, c := range []struct{ k, n, satisfying, blocking, lying int }{
		{1, 1, 1, 1, 0}, {1, 2, 1, 2, -1}, {2, 2, 2, 1, 1}, {2, 3, 2, 2, 0}, {3, 3, 3, 1, 2},
		{2, 4, 2, 3, -1}, {3, 4, 3, 2, 1}, {3, 5, 3, 3, 0}, {5, 7, 5, 3, 2},
	} {
		p := &Policy{Quorum: "g", Groups: []Group{{Name: "g", Threshold: c.k}}}
		for i := range c.n {
			name := fmt.Sprintf("w%d", i)
			p.Witnesses = append(p.Witnesses, Witness{Name: name, Key: witnessKey(t, name)})
			p.Groups[0].Members = append(p.Groups[0].Members, name)
		}
		got, err := p.Tolerates(p.OwnOperators(), "L")
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Satisfying) != c.satisfying || len(got.Blocking) != c.blocking || got.Lying != c.lying || !got.LyingKnown {
			t.Errorf("%d of %d: got %+v, want %+v", c.k, c.n, got, c)
		}
	}
}

func TestToleratesCountsOperators(t *testing.T) {
	p := testPolicy(t, "witness a1 <a1>\nwitness a2 <a2>\nwitness b <b>\nwitness c <c>\nwitness l <l>\ngroup g 2 a1 a2 b c l\nquorum g\n")
	got, err := p.Tolerates(map[string]string{"a1": "A", "a2": "A", "b": "B", "c": "C", "l": "L"}, "L")
	if err != nil {
		t.Fatal(err)
	}
	// What is left is 2 of A, B and C.
	if len(got.Satisfying) != 2 || len(got.Blocking) != 2 || got.Lying != 0 || !got.LyingKnown || slices.Contains(got.Satisfying, "L") {
		t.Errorf("got %+v", got)
	}
	if _, err := p.Tolerates(map[string]string{"a1": "A"}, "L"); !errors.Is(err, ErrOperatorUnknown) {
		t.Errorf("got %v, want ErrOperatorUnknown", err)
	}
}

func TestToleratesAgreesWithAllSubsets(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	several, once := 0, 0
	for range 600 {
		p := randomPolicy(t, r)
		operators := randomOperators(p, r)
		got, err := p.Tolerates(operators, "O0")
		if err != nil {
			continue
		}
		all := slices.Sorted(maps.Values(operators))
		all = slices.DeleteFunc(slices.Compact(all), func(o string) bool { return o == "O0" })
		met := func(chosen uint) bool {
			return p.MetByOperators(func(w Witness) bool {
				i := slices.Index(all, operators[w.Name])
				return i >= 0 && chosen&(1<<i) != 0
			}, operators, "O0")
		}
		everybody := uint(1)<<len(all) - 1
		satisfying, blocking, overlap := 99, 99, 99
		var quorums []uint
		for chosen := uint(0); chosen <= everybody; chosen++ {
			if met(chosen) {
				quorums = append(quorums, chosen)
				satisfying = min(satisfying, bits.OnesCount(chosen))
			}
			if !met(everybody &^ chosen) {
				blocking = min(blocking, bits.OnesCount(chosen))
			}
		}
		for _, a := range quorums {
			for _, b := range quorums {
				overlap = min(overlap, bits.OnesCount(a&b))
			}
		}
		if len(got.Satisfying) != satisfying || len(got.Blocking) != blocking || got.LyingKnown && got.Lying != overlap-1 {
			t.Fatalf("operators %v: got %+v, want %d, %d, %d for\n%s", operators, got, satisfying, blocking, overlap-1, p)
		}
		mask := func(names []string) (m uint) {
			for _, name := range names {
				m |= 1 << slices.Index(all, name)
			}
			return m
		}
		if !met(mask(got.Satisfying)) || met(everybody&^mask(got.Blocking)) {
			t.Fatalf("operators %v: %+v does not satisfy or block\n%s", operators, got, p)
		}
		if got.LyingKnown {
			once++
		} else {
			several++
		}
	}
	if several < 30 || once < 30 {
		t.Errorf("the policies are too much alike: %d and %d", several, once)
	}
}

func TestToleratesIsBounded(t *testing.T) {
	p, operators := pigeons(t)
	p.Groups[11].Threshold = 6
	got, err := p.Tolerates(operators, "L")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Satisfying) != 6 || got.LyingKnown {
		t.Errorf("got %+v", got)
	}
}
