package tlog

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
)

func TestKeysRoundTrip(t *testing.T) {
	for _, keyType := range []KeyType{TypeEd25519, TypeCosignatureEd25519, TypeCosignatureMLDSA44} {
		t.Run(keyType.String(), func(t *testing.T) {
			key, err := GenerateSigningKey("log.example/a", keyType)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseSigningKey(key.String())
			if err != nil {
				t.Fatal(err)
			}
			if again.String() != key.String() || !again.Verifier().Equal(key.Verifier()) {
				t.Error("the signing key read back is another")
			}
			verifier, err := ParseVerifierKey(key.Verifier().String())
			if err != nil {
				t.Fatal(err)
			}
			if !verifier.Equal(key.Verifier()) {
				t.Error("the verifier key read back is another")
			}
		})
	}
}

func TestSigningKeyDoesNotPrintItsSecret(t *testing.T) {
	key := testKey(t, "log.example", TypeEd25519)
	secret := key.String()[strings.LastIndex(key.String(), "+")+1:]
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("start", "key", key)
	for _, printed := range []string{
		fmt.Sprint(key), fmt.Sprintf("%s %q %+v %#v %x %d", key, key, key, key, key, key),
		fmt.Sprintf("%v", struct{ Key *SigningKey }{key}), logged.String(),
	} {
		if strings.Contains(printed, secret) || strings.Contains(printed, "PRIVATE") || strings.Contains(printed, hex.EncodeToString(key.seed[:])) {
			t.Errorf("printed the secret: %s", printed)
		}
	}
	broken := strings.Replace(key.String(), "log.example+", "", 1)
	if _, err := ParseSigningKey(broken); err == nil || strings.Contains(err.Error(), secret[:6]) {
		t.Errorf("got error %v, want one without the secret", err)
	}
}

func TestVerifierKeyMalformed(t *testing.T) {
	key := testKey(t, "log.example", TypeEd25519).Verifier()
	id := fmt.Sprintf("%08x", key.KeyID)
	encoded := func(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }
	public := append([]byte{1}, key.Public...)
	long := strings.Repeat("a", MaxKeyName+1)
	for name, c := range map[string]struct{ vkey, want string }{
		"empty":             {"", "joined by plus signs"},
		"no id":             {"log.example+" + encoded(public)[:8], "joined by plus signs"},
		"empty name":        {"+" + id + "+" + encoded(public), "name is empty"},
		"space in name":     {"log example+" + id + "+" + encoded(public), "space"},
		"NUL in name":       {"log\x00example+" + id + "+" + encoded(public), "control character"},
		"trailing space":    {"log.example+" + id + "+" + encoded(public) + " ", "not standard base64"},
		"upper case id":     {"log.example+ABCDEF01+" + encoded(public), "lowercase hex"},
		"short id":          {"log.example+123+" + encoded(public), "lowercase hex"},
		"signed id":         {"log.example++1234567+" + encoded(public), "lowercase hex"},
		"other id":          {"log.example+00000000+" + encoded(public), "want " + id},
		"of another name":   {"log.example2+" + id + "+" + encoded(public), "for this name and key"},
		"no key":            {"log.example+" + id + "+" + encoded(public[:1]), "key is empty"},
		"31 bytes":          {"log.example+" + id + "+" + encoded(public[:32]), "want 32"},
		"33 bytes":          {"log.example+" + id + "+" + encoded(append(public, 0)), "want 32"},
		"type 0x02":         {"log.example+" + id + "+" + encoded(append([]byte{2}, key.Public...)), "unknown key type"},
		"ML-DSA, 32 bytes":  {"log.example+" + id + "+" + encoded(append([]byte{6}, key.Public...)), "ML-DSA-44"},
		"256 byte name":     {long + "+" + fmt.Sprintf("%08x", keyID(long, 1, key.Public)) + "+" + encoded(public), "want at most 255"},
		"too long to be it": {strings.Repeat("a", 4096), "want at most"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseVerifierKey(c.vkey)
			wantError(t, err, c.want)
		})
	}
}

func TestSigningKeyMalformed(t *testing.T) {
	key := testKey(t, "log.example", TypeEd25519)
	text := key.String()
	for name, bad := range map[string]string{
		"public key":   key.Verifier().String(),
		"line feed":    text + "\n",
		"other id":     strings.Replace(text, fmt.Sprintf("%08x", key.Verifier().KeyID), "00000000", 1),
		"other name":   strings.Replace(text, "log.example", "log.other", 1),
		"longer seed":  fmt.Sprintf("PRIVATE+KEY+log.example+%08x+%s", key.Verifier().KeyID, base64.StdEncoding.EncodeToString(make([]byte, 34))),
		"unknown type": fmt.Sprintf("PRIVATE+KEY+log.example+%08x+%s", key.Verifier().KeyID, base64.StdEncoding.EncodeToString(append([]byte{2}, make([]byte, 32)...))),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseSigningKey(bad); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestC6SmallOrderAndNonCanonicalKeys(t *testing.T) {
	for encoded, want := range map[string]string{
		"0000000000000000000000000000000000000000000000000000000000000000": "small order",
		"0000000000000000000000000000000000000000000000000000000000000080": "small order",
		"0100000000000000000000000000000000000000000000000000000000000000": "small order",
		"0100000000000000000000000000000000000000000000000000000000000080": "small order",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": "small order",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "small order",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05": "small order",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85": "small order",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a": "small order",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa": "small order",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": "not canonical",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": "not canonical",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "not canonical",
		"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": "not canonical",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "not canonical",
		"0200000000000000000000000000000000000000000000000000000000000000": "not a point",
		"0700000000000000000000000000000000000000000000000000000000000080": "not a point",
	} {
		public, err := hex.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		for _, keyType := range []KeyType{TypeEd25519, TypeCosignatureEd25519} {
			_, err := NewVerifierKey("log.example", keyType, public)
			wantError(t, err, want)
		}
	}
	for _, encoded := range []string{
		"0300000000000000000000000000000000000000000000000000000000000000",
		"0400000000000000000000000000000000000000000000000000000000000080",
	} {
		public, _ := hex.DecodeString(encoded)
		if _, err := NewVerifierKey("log.example", TypeEd25519, public); err != nil {
			t.Errorf("point of the curve: %v", err)
		}
	}
}

func TestC6NonCanonicalScalar(t *testing.T) {
	key := testKey(t, "log.example", TypeEd25519)
	sig, err := key.SignNote("text\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Verifier().VerifyNote("text\n", sig); err != nil {
		t.Fatal(err)
	}
	// S + L is the same scalar modulo the group's order L.
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(sig.Sig[32:])
	slices.Reverse(s)
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	sig.Sig = append(slices.Clone(sig.Sig[:32]), sum...)
	if err := key.Verifier().VerifyNote("text\n", sig); !errors.Is(err, ErrSignature) {
		t.Errorf("got %v, want ErrSignature", err)
	}
}

func TestVerifyNoteRefusesOtherKeys(t *testing.T) {
	a, b := testKey(t, "a.example", TypeEd25519), testKey(t, "b.example", TypeEd25519)
	sig, err := a.SignNote("text\n")
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, b.Verifier().VerifyNote("text\n", sig), "made by another key")
	wantError(t, VerifierKey{Name: a.Verifier().Name, KeyID: a.Verifier().KeyID, Type: TypeEd25519}.VerifyNote("text\n", sig), "does not verify")
	sig.Sig = sig.Sig[:ed25519.SignatureSize-1]
	wantError(t, a.Verifier().VerifyNote("text\n", sig), "does not verify")
}

func FuzzParseVerifierKey(f *testing.F) {
	f.Add(exampleKey)
	f.Add(testKey(f, "w.example", TypeCosignatureMLDSA44).Verifier().String())
	f.Fuzz(func(t *testing.T, vkey string) {
		key, err := ParseVerifierKey(vkey)
		if err == nil && key.String() != vkey {
			t.Errorf("read %q, wrote %q", vkey, key)
		}
	})
}

func FuzzParseSigningKey(f *testing.F) {
	f.Add(testKey(f, "log.example", TypeEd25519).String())
	f.Add(testKey(f, "w.example", TypeCosignatureMLDSA44).String())
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseSigningKey(text)
		if err == nil && key.String() != text {
			t.Errorf("read %q, wrote %q", text, key.String())
		}
	})
}

// Somebody who gives the private key by mistake does not find it in a log.
func TestParseVerifierKeyKeepsSecret(t *testing.T) {
	for _, secret := range []string{
		"PRIVATE+KEY+a+00000000+AcmVhbGx5IHNlY3JldCBieXRlcyBhcmUgaGVyZQ==",
		"PRIVATE+KEY+acmVhbGx5IHNlY3JldCBieXRlcyBhcmUgaGVyZQ",
	} {
		_, err := ParseVerifierKey(secret)
		if err == nil || !strings.Contains(err.Error(), "private key") || strings.Contains(err.Error(), "cmVhbGx5") {
			t.Errorf("got %v, want an error that says it is a private key and repeats nothing of it", err)
		}
	}
}
