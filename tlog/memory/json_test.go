package memory_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/muster-log/muster/tlog/memory"
)

func text(t testing.TB, m *memory.Memory) string {
	t.Helper()
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// reread returns the memory after a round through its JSON.
func reread(t testing.TB, m *memory.Memory) *memory.Memory {
	t.Helper()
	read, err := memory.Parse([]byte(text(t, m)))
	if err != nil {
		t.Fatal(err)
	}
	if again := text(t, read); again != text(t, m) {
		t.Fatalf("reads back as %s", again)
	}
	return read
}

// sample remembers two logs, one of which forked, and a witness that lied.
func sample(t testing.TB) *memory.Memory {
	t.Helper()
	log := grown(t, origin, 9)
	w := witness(t, "w1")
	m := &memory.Memory{}
	add(t, m, kept(log, 7, 2, w), kept(log, 3, 1, w))
	add(t, m, kept(grown(t, "log.example/other", 2), 2, 1))
	fork := log.Fork(2)
	fork.Add([]byte("x"), []byte("y"))
	if evidence, err := m.Add(kept(fork, 3, 3, w)); err != nil || len(evidence) != 1 {
		t.Fatalf("got %v, %v", evidence, err)
	}
	return m
}

func TestStrict(t *testing.T) {
	good := text(t, sample(t))
	for _, test := range []struct{ name, old, new string }{
		{"white space", `[{`, `[ {`},
		{"an unknown member", `"evidence":`, `"else":1,"evidence":`},
		{"no evidence member", `,"evidence":[]`, ``},
		{"a link back", `"extendedBy":1`, `"extendedBy":0`},
		{"a link out", `"extendedBy":1`, `"extendedBy":2`},
		{"proven beside the list", `"proven":1`, `"proven":2`},
		{"proven, and extended", `"proven":1`, `"proven":0`},
		{"a time as text", `"fresh":`, `"fresh":"`},
		{"another origin", `"origin":"log.example/acme"`, `"origin":"log.example/acmf"`},
		{"another size", `acme\n7\n`, `acme\n2\n`},
		{"evidence of another log", `"origin":"log.example/acme","origin"`, `"origin"`},
		{"no list", `[{`, `{`},
		{"a log twice", `[{`, good[:len(good)-1] + `,{`},
	} {
		changed := strings.Replace(good, test.old, test.new, 1)
		if _, err := memory.Parse([]byte(changed)); err == nil && changed != good {
			t.Errorf("%s: accepted", test.name)
		}
	}
	for _, data := range []string{"", "{}", "null", good + "\n", good[:len(good)-1], strings.Repeat(" ", memory.MaxSize+1)} {
		if _, err := memory.Parse([]byte(data)); err == nil {
			t.Errorf("accepted %.20q of %d bytes", data, len(data))
		}
	}
	if read, err := memory.Parse([]byte("[]")); err != nil || len(read.Origins()) != 0 {
		t.Errorf("nothing remembered: %v", err)
	}
}

// FuzzParse: what parses has one encoding, and keeps within its bounds.
func FuzzParse(f *testing.F) {
	f.Add([]byte("[]"))
	f.Add([]byte(text(f, sample(f))))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := memory.Parse(data)
		if err != nil {
			return
		}
		if again := text(t, m); !bytes.Equal([]byte(again), data) {
			t.Errorf("reads %q, writes %q", data, again)
		}
		for _, origin := range m.Origins() {
			if n := len(m.Checkpoints(origin)); n == 0 || n > memory.MaxCheckpoints {
				t.Errorf("%d checkpoints of %q", n, origin)
			}
		}
	})
}
