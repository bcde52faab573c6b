package foreign_test

import (
	"bytes"
	"compress/flate"
	"crypto"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
)

// made is when the keys of the tests are made; they last a year.
var made = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// configAt is a configuration of the OpenPGP library at a time.
func configAt(when time.Time, algorithm packet.PublicKeyAlgorithm) *packet.Config {
	return &packet.Config{Time: func() time.Time { return when }, Algorithm: algorithm, RSABits: 2048, Curve: packet.Curve25519,
		KeyLifetimeSecs: 365 * 24 * 3600, DefaultHash: crypto.SHA512}
}

func newEntity(tb testing.TB, algorithm packet.PublicKeyAlgorithm, change ...func(*packet.Config)) *openpgp.Entity {
	tb.Helper()
	config := configAt(made, algorithm)
	for _, change := range change {
		change(config)
	}
	entity, err := openpgp.NewEntity("Ana", "", "ana@example.com", config)
	if err != nil {
		tb.Fatal(err)
	}
	return entity
}

func serialized(tb testing.TB, entity *openpgp.Entity) []byte {
	tb.Helper()
	var out bytes.Buffer
	if err := entity.Serialize(&out); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func openPGPKey(tb testing.TB, entity *openpgp.Entity) release.Key {
	tb.Helper()
	key, err := foreign.ParseOpenPGPKey(serialized(tb, entity))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// signOpenPGP signs at a time, in the form that a log has.
func signOpenPGP(tb testing.TB, entity *openpgp.Entity, when time.Time, change ...func(*packet.Config)) []byte {
	tb.Helper()
	config := configAt(when, packet.PubKeyAlgoEdDSA)
	for _, change := range change {
		change(config)
	}
	// The library signs with what is valid when it signs; that is the test's business.
	key := entity.PrivateKey
	for _, subkey := range entity.Subkeys {
		if subkey.Sig.FlagSign {
			key = subkey.PrivateKey
		}
	}
	sig := &packet.Signature{Version: 4, SigType: packet.SigTypeBinary, PubKeyAlgo: key.PubKeyAlgo, Hash: config.Hash(), CreationTime: when, IssuerKeyId: &key.KeyId}
	if seconds := config.SigLifetime(); seconds != 0 {
		sig.SigLifetimeSecs = &seconds
	}
	hash := sig.Hash.New()
	hash.Write(release.PAE(payload))
	if err := sig.Sign(hash, key, config); err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	if err := sig.Serialize(&out); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func armoured(tb testing.TB, blockType string, binary []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	writer, err := armor.Encode(&out, blockType, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := writer.Write(binary); err != nil {
		tb.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func TestOpenPGPSignatures(t *testing.T) {
	for name, algorithm := range map[string]packet.PublicKeyAlgorithm{"EdDSA": packet.PubKeyAlgoEdDSA, "Ed25519": packet.PubKeyAlgoEd25519, "RSA": packet.PubKeyAlgoRSA,
		"ECDSA P-256": packet.PubKeyAlgoECDSA} {
		t.Run(name, func(t *testing.T) {
			entity := newEntity(t, algorithm, func(c *packet.Config) {
				if algorithm == packet.PubKeyAlgoECDSA {
					c.Curve = packet.CurveNistP256
				}
			})
			key := openPGPKey(t, entity)
			if len(key.Public) >= len(serialized(t, entity)) {
				t.Errorf("the key has %d bytes: the subkey that only encrypts is still there", len(key.Public))
			}
			// The bytes are their own form, in armour and without.
			for _, file := range [][]byte{key.Public, armoured(t, openpgp.PublicKeyType, key.Public), armoured(t, openpgp.PublicKeyType, serialized(t, entity))} {
				if again, err := foreign.ParseOpenPGPKey(file); err != nil || again.ID() != key.ID() {
					t.Errorf("read again: %s, %v", again.ID(), err)
				}
			}
			sig := signOpenPGP(t, entity, made.AddDate(0, 1, 0))
			if err := foreign.Verify(key, payload, sig); err != nil {
				t.Fatal(err)
			}
			wantCode(t, key.Verify(payload, sig), release.CodeCannotJudge)
			wantCode(t, foreign.Verify(key, []byte("another payload"), sig), release.CodeSignatureInvalid)
			wantCode(t, foreign.VerifyMessage(key, payload, sig), release.CodeSignatureInvalid)
			stranger := openPGPKey(t, newEntity(t, packet.PubKeyAlgoEdDSA))
			wantCode(t, foreign.Verify(stranger, payload, sig), release.CodeSignatureInvalid)
			for _, file := range [][]byte{sig, armoured(t, openpgp.SignatureType, sig)} {
				if got, err := foreign.ParseOpenPGPSignature(file); err != nil || !bytes.Equal(got, sig) {
					t.Errorf("read as %d bytes, %v", len(got), err)
				}
			}
			// In a log: binary, one packet.
			for _, bad := range [][]byte{nil, sig[:len(sig)-1], append(bytes.Clone(sig), 0), slices.Concat(sig, sig), armoured(t, openpgp.SignatureType, sig)} {
				wantCode(t, foreign.Verify(key, payload, bad), release.CodeSignatureInvalid)
			}
			// Nothing can change but the area that no signature covers (RFC 9580, section
			// 5.2.3), in which its issuer is said once more.
			from, to := unhashed(sig)
			for n := range sig {
				bad := bytes.Clone(sig)
				bad[n] ^= 1 << (n % 8)
				if err := foreign.Verify(key, payload, bad); err == nil && (n < from || n >= to) {
					t.Errorf("byte %d of %d changed, and it holds", n, len(sig))
				}
			}
		})
	}
}

// unhashed returns where the unhashed subpackets of a signature are.
func unhashed(sig []byte) (from, to int) {
	at := 2 // the header
	if sig[1] >= 192 {
		at = 3
	}
	at += 4 // version, type, algorithm, hash
	at += 2 + (int(sig[at])<<8 | int(sig[at+1]))
	return at + 2, at + 2 + (int(sig[at])<<8 | int(sig[at+1]))
}

// TestNoClock: what a signature says of its date is all that a date is judged by.
// The keys ended years before this test runs.
func TestNoClock(t *testing.T) {
	entity := newEntity(t, packet.PubKeyAlgoEdDSA)
	key := openPGPKey(t, entity)
	for when, holds := range map[time.Time]bool{
		made:                               true,
		made.AddDate(0, 11, 0):             true,
		made.Add(-time.Second):             false, // before the key
		made.AddDate(1, 0, 1):              false, // after its end
		time.Now().UTC():                   false,
		time.Now().AddDate(30, 0, 0).UTC(): false,
	} {
		err := foreign.Verify(key, payload, signOpenPGP(t, entity, when.Truncate(time.Second)))
		if (err == nil) != holds {
			t.Errorf("signed at %s: %v", when, err)
		}
	}
	// A signature that ended, too: at its own date it had not.
	sig := signOpenPGP(t, entity, made.AddDate(0, 1, 0), func(c *packet.Config) { c.SigLifetimeSecs = 1 })
	if err := foreign.Verify(key, payload, sig); err != nil {
		t.Errorf("a signature for one second in 2020: %v", err)
	}
	// A key of the future is a key, and one without an end signs in any year.
	future := newEntity(t, packet.PubKeyAlgoEdDSA, func(c *packet.Config) {
		c.Time, c.KeyLifetimeSecs = func() time.Time { return time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC) }, 0
	})
	if err := foreign.Verify(openPGPKey(t, future), payload, signOpenPGP(t, future, time.Date(2091, 1, 1, 0, 0, 0, 0, time.UTC))); err != nil {
		t.Errorf("a key of 2090: %v", err)
	}
}

// oldHeader writes a packet's header in the old format (RFC 9580, section 4.2.2)
// with a length of two bytes.
func oldHeader(sig []byte) []byte {
	body := sig[2:]
	if sig[1] >= 192 {
		body = sig[3:]
	}
	return slices.Concat([]byte{0x80 | 2<<2 | 1, byte(len(body) >> 8), byte(len(body))}, body)
}

// TestOpenPGPSignaturesRefused: in a log, and as a file.
func TestOpenPGPSignaturesRefused(t *testing.T) {
	entity := newEntity(t, packet.PubKeyAlgoEdDSA)
	key := openPGPKey(t, entity)
	when := made.AddDate(0, 1, 0)
	sig := signOpenPGP(t, entity, when)

	// Files of gpg have the old header; attached, they have the one form.
	old := oldHeader(sig)
	wantCode(t, foreign.Verify(key, payload, old), release.CodeSignatureInvalid)
	if got, err := foreign.ParseOpenPGPSignature(old); err != nil || !bytes.Equal(got, sig) {
		t.Errorf("an old header: %v", err)
	}

	message := func(write func(io.Writer)) []byte {
		var out bytes.Buffer
		write(&out)
		return out.Bytes()
	}
	bomb := message(func(out io.Writer) {
		var squeezed bytes.Buffer
		deflate, err := flate.NewWriter(&squeezed, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := deflate.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		if err := deflate.Close(); err != nil {
			t.Fatal(err)
		}
		body := append([]byte{1}, squeezed.Bytes()...)
		out.Write(append([]byte{0xc0 | 8, byte((len(body)-192)>>8 + 192), byte(len(body) - 192)}, body...))
	})
	inline := message(func(out io.Writer) {
		writer, err := openpgp.Sign(out, entity, nil, configAt(when, packet.PubKeyAlgoEdDSA))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write(release.PAE(payload)); err != nil {
			t.Fatal(err)
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
	})
	text := message(func(out io.Writer) {
		if err := openpgp.DetachSignText(out, entity, bytes.NewReader(release.PAE(payload)), configAt(when, packet.PubKeyAlgoEdDSA)); err != nil {
			t.Fatal(err)
		}
	})
	for name, bad := range map[string][]byte{
		"a compressed packet":       bomb,
		"an inline signature":       inline,
		"a signature of a text":     text,
		"over SHA-224":              signOpenPGP(t, entity, when, func(c *packet.Config) { c.DefaultHash = crypto.SHA224 }),
		"a thousand packets":        bytes.Repeat(sig, 1000),
		"two packets":               slices.Concat(sig, sig),
		"a key":                     key.Public,
		"a length of five bytes":    slices.Concat([]byte{sig[0], 255, 0, 0, 0, byte(len(sig) - 2)}, sig[2:]),
		"nothing":                   nil,
		"2049 bytes and no packets": make([]byte, 2049),
	} {
		t.Run(name, func(t *testing.T) {
			wantCode(t, foreign.Verify(key, payload, bad), release.CodeSignatureInvalid)
			if name == "a length of five bytes" {
				return // as a file it is one that is put in its form
			}
			_, err := foreign.ParseOpenPGPSignature(bad)
			wantCode(t, err, release.CodeSignatureInvalid)
		})
	}
	for name, bad := range map[string][]byte{
		"two blocks":       bytes.Repeat(armoured(t, openpgp.SignatureType, sig), 2),
		"a key's armour":   armoured(t, openpgp.PublicKeyType, sig),
		"more than 64 KiB": make([]byte, 70_000),
	} {
		_, err := foreign.ParseOpenPGPSignature(bad)
		wantCode(t, err, release.CodeSignatureInvalid)
		if err == nil {
			t.Error(name)
		}
	}
}

// TestArmourInsideASignature: rekor reads an armoured block that stands anywhere in
// the bytes of a signature. What holds is the signature itself and no other.
func TestArmourInsideASignature(t *testing.T) {
	entity := newEntity(t, packet.PubKeyAlgoEdDSA)
	key := openPGPKey(t, entity)
	good := signOpenPGP(t, entity, made.AddDate(0, 1, 0))
	stranger := newEntity(t, packet.PubKeyAlgoEdDSA)
	config := configAt(made.AddDate(0, 1, 0), packet.PubKeyAlgoEdDSA)
	outer := &packet.Signature{Version: 4, SigType: packet.SigTypeBinary, PubKeyAlgo: packet.PubKeyAlgoEdDSA, Hash: crypto.SHA512, CreationTime: config.Now(), IssuerKeyId: &stranger.PrivateKey.KeyId,
		Notations: []*packet.Notation{{Name: "x@example.com", Value: []byte("\n" + string(armoured(t, openpgp.SignatureType, good)) + "\n"), IsHumanReadable: true}}}
	hash := crypto.SHA512.New()
	hash.Write([]byte("something else"))
	if err := outer.Sign(hash, stranger.PrivateKey, config); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := outer.Serialize(&out); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out.Bytes(), []byte("-----BEGIN PGP SIGNATURE-----")) {
		t.Fatal("no armour in the signature")
	}
	wantCode(t, foreign.Verify(key, payload, out.Bytes()), release.CodeSignatureInvalid)
}

func TestOpenPGPKeysRefused(t *testing.T) {
	entity := newEntity(t, packet.PubKeyAlgoEdDSA)
	key := openPGPKey(t, entity)
	whole := serialized(t, entity)

	var secret bytes.Buffer
	if err := entity.SerializePrivate(&secret, configAt(made, packet.PubKeyAlgoEdDSA)); err != nil {
		t.Fatal(err)
	}
	revoked := newEntity(t, packet.PubKeyAlgoEdDSA)
	if err := revoked.RevokeKey(packet.NoReason, "", configAt(made, packet.PubKeyAlgoEdDSA)); err != nil {
		t.Fatal(err)
	}
	short := newEntity(t, packet.PubKeyAlgoEdDSA)
	for _, identity := range short.Identities {
		identity.SelfSignature.Hash = crypto.SHA224
		if err := identity.SelfSignature.SignUserId(identity.Name, short.PrimaryKey, short.PrivateKey, configAt(made, packet.PubKeyAlgoEdDSA)); err != nil {
			t.Fatal(err)
		}
		identity.Signatures = []*packet.Signature{identity.SelfSignature}
	}
	curve448 := newEntity(t, packet.PubKeyAlgoEd448, func(c *packet.Config) { c.Curve = packet.Curve448 })
	forged := bytes.Clone(key.Public)
	forged[len(forged)-1] ^= 1
	for _, c := range []struct {
		name, says string
		data       []byte
	}{
		{"nothing", "no key", nil},
		{"a secret key", "gpg --export", secret.Bytes()},
		{"two keys", "several keys", slices.Concat(whole, serialized(t, newEntity(t, packet.PubKeyAlgoEdDSA)))},
		{"revoked", "revoked", serialized(t, revoked)},
		{"self-signed over SHA-224", "renew them", serialized(t, short)},
		{"Ed448", "Ed25519", serialized(t, curve448)},
		{"a self-signature that does not hold", "hold", forged},
		{"a signature", "one OpenPGP public key", signOpenPGP(t, entity, made)},
		{"no user id", "user id", key.Public[:2+int(key.Public[1])]},
		{"junk", "OpenPGP", []byte("junk")},
		{"a signature's armour", "one OpenPGP public key", armoured(t, openpgp.SignatureType, key.Public)},
		{"many packets", "at most 512 packets", slices.Concat(whole, bytes.Repeat([]byte{0xc0 | 13, 1, 'x'}, 600))},
		{"too long", "at most 65536 bytes", make([]byte, 70_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := foreign.ParseOpenPGPKey(c.data)
			wantCode(t, err, release.CodeKey)
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, want it to say %q", err, c.says)
			}
		})
	}
	// In an authority: the one form and no other, else nothing holds.
	sig := signOpenPGP(t, entity, made.AddDate(0, 1, 0))
	for name, other := range map[string][]byte{"with the subkey that encrypts": whole, "in armour": armoured(t, openpgp.PublicKeyType, key.Public), "forged": forged, "no key": []byte("any bytes")} {
		key := release.Key{Format: release.FormatOpenPGP, Public: other}
		if err := key.Check(); err != nil {
			t.Fatal(err)
		}
		if code := release.CodeOf(foreign.Check(key)); code != release.CodeKey {
			t.Errorf("%s: got code %q", name, code)
		}
		wantCode(t, foreign.Verify(key, payload, sig), release.CodeSignatureInvalid)
	}
}

// TestSigningSubkey: what gpg users keep on a card.
func TestSigningSubkey(t *testing.T) {
	entity := newEntity(t, packet.PubKeyAlgoEdDSA)
	if err := entity.AddSigningSubkey(configAt(made, packet.PubKeyAlgoEdDSA)); err != nil {
		t.Fatal(err)
	}
	key := openPGPKey(t, entity)
	if err := foreign.Verify(key, payload, signOpenPGP(t, entity, made.AddDate(0, 1, 0))); err != nil {
		t.Error(err)
	}
	for range 4 {
		if err := entity.AddSigningSubkey(configAt(made, packet.PubKeyAlgoEdDSA)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := foreign.ParseOpenPGPKey(serialized(t, entity))
	wantCode(t, err, release.CodeKey)
}

func FuzzOpenPGPKey(f *testing.F) {
	entity := newEntity(f, packet.PubKeyAlgoEdDSA)
	f.Add(serialized(f, entity))
	f.Add(armoured(f, openpgp.PublicKeyType, serialized(f, entity)))
	f.Add(openPGPKey(f, entity).Public)
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := foreign.ParseOpenPGPKey(data)
		if err != nil {
			if release.CodeOf(err) == "" || strings.Contains(err.Error(), "panic") {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		if again, err := foreign.ParseOpenPGPKey(key.Public); err != nil || again.ID() != key.ID() {
			t.Fatalf("read again as %s, %v", again.ID(), err)
		}
	})
}

func FuzzOpenPGPSignature(f *testing.F) {
	entity := newEntity(f, packet.PubKeyAlgoEdDSA)
	key := openPGPKey(f, entity)
	sig := signOpenPGP(f, entity, made)
	f.Add(sig)
	f.Add(oldHeader(sig))
	f.Add(armoured(f, openpgp.SignatureType, sig))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := foreign.Verify(key, payload, data); err != nil {
			wantCode(t, err, release.CodeSignatureInvalid)
			if strings.Contains(err.Error(), "panic") {
				t.Fatal(err)
			}
		}
		form, err := foreign.ParseOpenPGPSignature(data)
		if err != nil {
			wantCode(t, err, release.CodeSignatureInvalid)
			return
		}
		if again, err := foreign.ParseOpenPGPSignature(form); err != nil || !bytes.Equal(again, form) {
			t.Fatalf("%x is read again as %x, %v", form, again, err)
		}
	})
}
