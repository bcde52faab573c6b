package policy

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-log/muster/tlog"
)

// keys makes keys once: they are the same for every test.
var keys = struct {
	sync.Mutex
	made map[string]*tlog.SigningKey
}{made: make(map[string]*tlog.SigningKey)}

func signingKey(t testing.TB, name string, keyType tlog.KeyType) *tlog.SigningKey {
	t.Helper()
	keys.Lock()
	defer keys.Unlock()
	id := fmt.Sprintf("%s %d", name, keyType)
	if keys.made[id] == nil {
		key, err := tlog.GenerateSigningKey(name, keyType)
		if err != nil {
			t.Fatal(err)
		}
		keys.made[id] = key
	}
	return keys.made[id]
}

func logKey(t testing.TB, name string) tlog.VerifierKey {
	return signingKey(t, name, tlog.TypeEd25519).Verifier()
}

func witnessKey(t testing.TB, name string) tlog.VerifierKey {
	return signingKey(t, name, tlog.TypeCosignatureEd25519).Verifier()
}

// testPolicy parses lines in which a word <name> stands for a witness key of
// that name, [name] for a log key.
func testPolicy(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := Parse([]byte(expand(t, text)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func expand(t testing.TB, text string) string {
	t.Helper()
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' })
	for _, word := range words {
		if name, ok := strings.CutPrefix(word, "<"); ok {
			text = strings.Replace(text, word, witnessKey(t, strings.TrimSuffix(name, ">")).String(), 1)
		}
		if name, ok := strings.CutPrefix(word, "["); ok {
			text = strings.Replace(text, word, logKey(t, strings.TrimSuffix(name, "]")).String(), 1)
		}
	}
	return text
}

const examplePolicy = `# The example of the specification.
log [log.example] https://log.example/

witness X1 <x1>
witness X2 <x2>	https://x2.example/submit
  witness X3 <x3>
group X-witnesses 2 X1 X2 X3
	# an indented comment
witness Y1 <y1>
witness Y2 <y2>
witness Y3 <y3>
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`

func TestParseSpecificationExample(t *testing.T) {
	got := testPolicy(t, examplePolicy)
	want := &Policy{
		Logs: []Log{{Key: logKey(t, "log.example"), URL: "https://log.example/"}},
		Witnesses: []Witness{
			{Name: "X1", Key: witnessKey(t, "x1")},
			{Name: "X2", Key: witnessKey(t, "x2"), URL: "https://x2.example/submit"},
			{Name: "X3", Key: witnessKey(t, "x3")},
			{Name: "Y1", Key: witnessKey(t, "y1")},
			{Name: "Y2", Key: witnessKey(t, "y2")},
			{Name: "Y3", Key: witnessKey(t, "y3")},
		},
		Groups: []Group{
			{Name: "X-witnesses", Threshold: 2, Members: []string{"X1", "X2", "X3"}},
			{Name: "Y-witnesses", Threshold: 1, Members: []string{"Y1", "Y2", "Y3"}},
			{Name: "X-and-Y", Threshold: 2, Members: []string{"X-witnesses", "Y-witnesses"}},
		},
		Quorum: "X-and-Y",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	again, err := Parse(got.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("read back: %s", diff)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
}

func TestParseAccepts(t *testing.T) {
	for name, text := range map[string]string{
		"quorum none":                "quorum none\n",
		"no logs":                    "witness w <w>\nquorum w\n",
		"two logs of one origin":     "log [a]\nlog MLDSA\nwitness w <w>\nquorum w\n",
		"lines after the quorum":     "witness w <w>\nquorum w\nwitness v <v>\n# end\n",
		"a witness named all":        "witness all <w>\ngroup any all all\nquorum any\n",
		"a witness named 2":          "witness 2 <w>\ngroup g 1 2\nquorum g\n",
		"octets above 0x7f in names": "witness \xe2\x84\xaa <w>\nwitness K <v>\ngroup \xff all \xe2\x84\xaa K\nquorum \xff\n",
		"no-break space in a name":   "witness a\xc2\xa0b <w>\nquorum a\xc2\xa0b\n",
		"two keys of one name":       "witness a <w>\nwitness b WITNESS\ngroup g 1 a b\nquorum g\n",
		"unused witness":             "witness a <w>\nwitness b <v>\nquorum a\n",
		"quorum that is a member":    "witness a <w>\nwitness b <v>\ngroup g 1 a b\nquorum a\n",
	} {
		t.Run(name, func(t *testing.T) {
			text = strings.Replace(text, "MLDSA", signingKey(t, "a", tlog.TypeCosignatureMLDSA44).Verifier().String(), 1)
			text = strings.Replace(text, "WITNESS", signingKey(t, "w", tlog.TypeCosignatureMLDSA44).Verifier().String(), 1)
			p := testPolicy(t, text)
			if err := p.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestC1PolicyMalformed(t *testing.T) {
	const abc = "witness a <a>\nwitness b <b>\nwitness c <c>\n"
	renamed := func(name string, of tlog.VerifierKey) string {
		key, err := tlog.NewVerifierKey(name, of.Type, of.Public)
		if err != nil {
			t.Fatal(err)
		}
		return key.String()
	}
	asCosigner, err := tlog.NewVerifierKey("l", tlog.TypeCosignatureEd25519, logKey(t, "l").Public)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":                          {"", "line feed"},
		"no quorum":                      {abc, "no quorum line"},
		"two quorums":                    {abc + "quorum a\nquorum a\n", "second quorum line"},
		"quorum, then none":              {abc + "quorum a\nquorum none\n", "second quorum line"},
		"none, then quorum":              {abc + "quorum none\nquorum a\n", "second quorum line"},
		"two quorum none":                {abc + "quorum none\nquorum none\n", "second quorum line"},
		"quorum of nothing":              {abc + "quorum\n", "want: quorum"},
		"quorum of two":                  {abc + "quorum a b\n", "want: quorum"},
		"quorum undefined":               {abc + "quorum d\n", "not defined"},
		"quorum defined later":           {"quorum a\n" + abc, "not defined"},
		"k of 0":                         {abc + "group g 0 a b\nquorum g\n", "want all, any or 1 to 2"},
		"k above n":                      {abc + "group g 3 a b\nquorum g\n", "want all, any or 1 to 2"},
		"k of -1":                        {abc + "group g -1 a b\nquorum g\n", "want all, any or 1 to 2"},
		"k of +1":                        {abc + "group g +1 a b\nquorum g\n", "want all, any or 1 to 2"},
		"k of 01":                        {abc + "group g 01 a b\nquorum g\n", "want all, any or 1 to 2"},
		"k of 0x1":                       {abc + "group g 0x1 a b\nquorum g\n", "want all, any or 1 to 2"},
		"k of 2^64+1":                    {abc + "group g 18446744073709551617 a b\nquorum g\n", "want all, any or 1 to 2"},
		"k of ALL":                       {abc + "group g ALL a b\nquorum g\n", "want all, any or 1 to 2"},
		"no members, all":                {abc + "group g all\nquorum g\n", "at least one member"},
		"no members, 1":                  {abc + "group g 1\nquorum g\n", "at least one member"},
		"no members, 0":                  {abc + "group g 0\nquorum g\n", "at least one member"},
		"repeated member":                {abc + "group g 2 a a\nquorum g\n", "already one of group"},
		"member of two groups":           {abc + "group g 1 a b\ngroup h 1 a c\ngroup i all g h\nquorum i\n", "already one of group"},
		"group in two groups":            {abc + "group g 1 a\ngroup h 1 g\ngroup i 1 g\nquorum i\n", "already one of group"},
		"member none":                    {abc + "group g 1 none a\nquorum g\n", "none cannot be a member"},
		"member undefined":               {abc + "group g 1 d\nquorum g\n", "not defined"},
		"member defined later":           {"group g 1 a\n" + abc + "quorum g\n", "not defined"},
		"group in itself":                {abc + "group g 1 g\nquorum g\n", "not defined"},
		"witness named none":             {"witness none <a>\nquorum none\n", "name none is taken"},
		"group named none":               {abc + "group none 1 a\nquorum none\n", "name none is taken"},
		"witness name twice":             {abc + "witness a <d>\nquorum a\n", "defined twice"},
		"group of a witness's name":      {abc + "group a 1 b\nquorum a\n", "defined twice"},
		"witness of a group's name":      {abc + "group g 1 b\nwitness g <d>\nquorum a\n", "defined twice"},
		"one key under two names":        {abc + "witness d " + renamed("other", witnessKey(t, "a")) + "\nquorum a\n", "same public key as witness \"a\""},
		"one vkey twice":                 {abc + "witness d <a>\nquorum a\n", "same public key"},
		"one log twice":                  {abc + "log [l]\nlog [l]\nquorum a\n", "same public key"},
		"C5 one key for two logs":        {abc + "log [l]\nlog " + renamed("m", logKey(t, "l")) + "\nquorum a\n", "same public key"},
		"one key for log and witness":    {"log [l]\nwitness w " + asCosigner.String() + "\nquorum w\n", "same public key"},
		"C4 log key as witness":          {"witness w [l]\nquorum w\n", "cannot cosign"},
		"C4 0x04 key as log":             {abc + "log <l>\nquorum a\n", "cannot sign for a log"},
		"bad witness key":                {"witness w w+00000000+AAAA\nquorum w\n", "line 1"},
		"no witness key":                 {"witness w\nquorum w\n", "want: witness"},
		"witness with surplus word":      {"witness w <w> https://w.example/ x\nquorum w\n", "want: witness"},
		"comment after a witness":        {"witness w <w> # mine\nquorum w\n", "want: witness"},
		"no log key":                     {"log\nquorum none\n", "want: log"},
		"log with surplus word":          {"log [l] https://l.example/ x\nquorum none\n", "want: log"},
		"unknown line":                   {abc + "quorum a\nWitness d <d>\n", "want log, witness, group or quorum"},
		"carriage return":                {abc + "quorum a\r\n", "line 4: control character 0x0d"},
		"NUL":                            {"# \x00\n" + abc + "quorum a\n", "control character 0x00"},
		"vertical tab":                   {abc + "quorum\va\n", "control character 0x0b"},
		"delete":                         {abc + "# \x7f\nquorum a\n", "control character 0x7f"},
		"no last line feed":              {abc + "quorum a", "line feed"},
		"no-break space is no separator": {abc + "quorum\xc2\xa0a\n", "want log, witness, group or quorum"},
		"byte order mark":                {"\xef\xbb\xbf" + abc + "quorum a\n", "want log, witness, group or quorum"},
		"too long":                       {abc + "quorum a\n" + strings.Repeat("#\n", MaxPolicy/2), "want at most 1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(expand(t, c.text)))
			if err == nil {
				t.Fatalf("accepted, want an error with %q", c.want)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %q, want it to hold %q", err, c.want)
			}
		})
	}
}

// Parsed keys whose ids collide by chance cannot be made here in a moment.
func TestW7KeyIDCollision(t *testing.T) {
	r := &reader{defined: make(map[string]bool), used: make(map[string]string)}
	a, b := witnessKey(t, "a"), witnessKey(t, "b")
	b.Name, b.KeyID = a.Name, a.KeyID
	if err := r.claim(a, "a"); err != nil {
		t.Fatal(err)
	}
	if err := r.claim(b, "b"); err == nil {
		t.Error("accepted two keys of one name and id")
	}
}

func TestParseLimits(t *testing.T) {
	lines := func(n int, line func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(line(i) + "\n")
		}
		return b.String()
	}
	witnesses := func(n int) string {
		return lines(n, func(i int) string { return fmt.Sprintf("witness w%d <w%d>", i, i) })
	}
	logs := func(n int) string {
		return lines(n, func(i int) string { return fmt.Sprintf("log [l%d]", i) })
	}
	groups := func(n int) string {
		return lines(n, func(i int) string { return fmt.Sprintf("group g%d all w%d", i, i) })
	}
	testPolicy(t, logs(32)+witnesses(32)+groups(32)+"quorum g0\n")
	for _, text := range []string{logs(33) + "quorum none\n", witnesses(33) + "quorum w0\n",
		witnesses(32) + groups(32) + "group g 1 g0\nquorum g\n"} {
		if _, err := Parse([]byte(expand(t, text))); err == nil || !strings.Contains(err.Error(), "more than 32") {
			t.Errorf("got %v, want more than 32", err)
		}
	}
}

func TestCheckOfPolicyMadeByHand(t *testing.T) {
	w := func(name, url string) Witness { return Witness{Name: name, Key: witnessKey(t, "w"), URL: url} }
	for name, p := range map[string]*Policy{
		"empty":                {},
		"empty name":           {Witnesses: []Witness{w("", "")}, Quorum: "w"},
		"name with space":      {Witnesses: []Witness{w("a b", "")}, Quorum: "a"},
		"injected line":        {Witnesses: []Witness{w("a", "x\nquorum none\n#")}, Quorum: "a"},
		"injected witness":     {Witnesses: []Witness{w("a", "x\n# ")}, Quorum: "a\nwitness b " + witnessKey(t, "b").String()},
		"URL with space":       {Witnesses: []Witness{w("a", "x y")}, Quorum: "a"},
		"URL with trailing sp": {Witnesses: []Witness{w("a", "x ")}, Quorum: "a"},
		"no quorum":            {Witnesses: []Witness{w("a", "")}},
		"quorum with comment":  {Witnesses: []Witness{w("a", "")}, Quorum: "a #"},
		"threshold 0":          {Witnesses: []Witness{w("a", "")}, Groups: []Group{{"g", 0, []string{"a"}}}, Quorum: "g"},
		"member with space":    {Witnesses: []Witness{w("a", "")}, Groups: []Group{{"g", 1, []string{"a "}}}, Quorum: "g"},
		"injected member":      {Witnesses: []Witness{w("a", ""), {Name: "b", Key: witnessKey(t, "b")}}, Groups: []Group{{"g", 1, []string{"a b"}}}, Quorum: "g"},
	} {
		if err := p.Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(expand(f, examplePolicy)))
	f.Add([]byte("quorum none\n"))
	f.Add([]byte(expand(f, "witness a <a>\nwitness b <b>\ngroup g any a b\nquorum g\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		again, err := Parse(p.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Error(diff)
		}
		if err := p.Check(); err != nil {
			t.Error(err)
		}
	})
}
