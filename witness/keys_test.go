package witness_test

import (
	"strings"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

func TestKeysReadBack(t *testing.T) {
	keys, err := witness.GenerateKeys("witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := witness.ParseKeys(keys.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []tlog.KeyType{tlog.TypeCosignatureEd25519, tlog.TypeCosignatureMLDSA44} {
		if got := again.Verifiers()[i]; got.Type != want || !got.Equal(keys.Verifiers()[i]) {
			t.Errorf("key %d: got %v, want %v of type %v", i, got, keys.Verifiers()[i], want)
		}
	}
}

func TestParseKeysRefuses(t *testing.T) {
	ed25519 := witnesstest.NewKey(t, "witness.example/w1", tlog.TypeCosignatureEd25519).String() + "\n"
	mldsa44 := witnesstest.NewKey(t, "witness.example/w1", tlog.TypeCosignatureMLDSA44).String() + "\n"
	other := witnesstest.NewKey(t, "witness.example/w2", tlog.TypeCosignatureMLDSA44).String() + "\n"
	logKey := witnesstest.NewKey(t, "witness.example/w1", tlog.TypeEd25519).String() + "\n"
	if _, err := witness.ParseKeys([]byte(ed25519 + mldsa44)); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{
		"empty":           "",
		"one key":         ed25519,
		"wrong order":     mldsa44 + ed25519,
		"three lines":     ed25519 + mldsa44 + mldsa44,
		"no last newline": ed25519 + strings.TrimSuffix(mldsa44, "\n"),
		"two names":       ed25519 + other,
		"a log's key":     logKey + mldsa44,
		"CRLF":            strings.ReplaceAll(ed25519+mldsa44, "\n", "\r\n"),
		"cut short":       ed25519 + mldsa44[:len(mldsa44)-5] + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := witness.ParseKeys([]byte(file))
			if err == nil {
				t.Fatal("accepted")
			}
			// The last 20 characters of a line are private key.
			for line := range strings.Lines(file) {
				if secret := strings.TrimSpace(line); len(secret) > 20 && strings.Contains(err.Error(), secret[len(secret)-20:]) {
					t.Errorf("the error quotes the key: %v", err)
				}
			}
		})
	}
}

func TestW11CheckOrigin(t *testing.T) {
	for origin, follow := range map[string]bool{
		"log.example/acme":       true,
		"log with spaces":        true,
		"log+plus":               true,
		"../../etc/passwd":       true, // a name like any other: it never becomes a path
		"lоg.example/acme":       true, // a Cyrillic look-alike is another origin
		strings.Repeat("a", 255): true,
		strings.Repeat("a", 256): false,
		"":                       false,
		"log.example/acme ":      false,
		" log.example/acme":      false,
		"log.example/acme\u00a0": false,
		"log.example\x00acme":    false,
		"log.example\nacme":      false,
		"log.example\x7f":        false,
		"log.example/\xff":       false,
		"log.example/acme\u2028": false,
	} {
		if err := witness.CheckOrigin(origin); (err == nil) != follow {
			t.Errorf("%+q: got %v, want followed: %v", origin, err, follow)
		}
	}
}
