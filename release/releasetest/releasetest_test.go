package releasetest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/release"
)

func example(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("..", "register", "testdata", "example", name))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// The keys of the example log's authority, by the names that they are made of.
func TestKeysOfTheExampleLog(t *testing.T) {
	statement, err := release.ParseStatement(example(t, "00.json"))
	if err != nil {
		t.Fatal(err)
	}
	keys := statement.Predicate.(*release.Authority).Keys
	names := []string{"root1", "root2", "root3", "ci", "rel1", "rel2", "rel3", "wd", "roll"}
	if len(keys) != len(names) {
		t.Errorf("the authority has %d keys, want %d", len(keys), len(names))
	}
	for _, name := range names {
		key := KeyFromName(name).Key()
		if stated, ok := keys[key.ID()]; !ok || !bytes.Equal(stated.Public, key.Public) || stated.Format != key.Format {
			t.Errorf("%s: the authority has no key %s", name, key.ID())
		}
	}
}

func TestSignReproducesEntry3(t *testing.T) {
	entry := Sign(t, example(t, "03.json"), "rel2", "rel1")
	if want := example(t, "03.envelope.json"); !bytes.Equal(entry, want) {
		t.Fatalf("got\n%s\nwant\n%s", entry, want)
	}
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"rel1", "rel2"} {
		key := KeyFromName(name).Key()
		for _, signature := range envelope.Signatures {
			err := key.Verify(envelope.Payload, signature.Sig)
			if mine := signature.KeyID == key.ID(); mine != (err == nil) {
				t.Errorf("%s verifies the signature of %s: %v", name, signature.KeyID, err)
			}
		}
	}
}

func TestSignStatement(t *testing.T) {
	statement, err := release.ParseStatement(example(t, "03.json"))
	if err != nil {
		t.Fatal(err)
	}
	entry, digest := SignStatement(t, statement, "rel1", "rel2")
	if !bytes.Equal(entry, example(t, "03.envelope.json")) {
		t.Errorf("got %s", entry)
	}
	if got := digest.String(); got != "c4293fc86e42fb94b822dd6552aa1516d2be6828eb19895dc6a6f1d7b3598c1f" {
		t.Errorf("payload digest: got %s", got)
	}
}
