package foreign_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
	"github.com/muster-log/muster/release/releasetest"
)

// programKeys are a signer's key in several formats, and the signer.
func programKeys(tb testing.TB) (crypto.Signer, map[string]release.Key) {
	tb.Helper()
	signer := signers(tb)["Ed25519"].(ed25519.PrivateKey)
	certified, err := foreign.ParseCertificate(certificate(tb, signer))
	if err != nil {
		tb.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		tb.Fatal(err)
	}
	plain, err := release.ParseKey(release.FormatEd25519, public)
	if err != nil {
		tb.Fatal(err)
	}
	return signer, map[string]release.Key{"certificate": certified, "plain": plain, "other": releasetest.KeyFromName("other").Key(), "ssh": releasetest.SSHKeyFromName("ana")}
}

func keySet(keys ...release.Key) map[release.KeyID]release.Key {
	set := map[release.KeyID]release.Key{}
	for _, key := range keys {
		set[key.ID()] = key
	}
	return set
}

func TestProgramsAreKnownByWhatTheyWrote(t *testing.T) {
	entity := newEntity(t, packet.PubKeyAlgoEdDSA)
	gpg := signOpenPGP(t, entity, time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC))
	// openssl writes bytes that say nothing of themselves.
	raw := append([]byte{0x80}, bytes.Repeat([]byte{7}, 63)...)
	ssh := pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: releasetest.SignSSH(t, payload, "ana").Sig})
	for name, test := range map[string]struct {
		data    []byte
		program string
		fails   bool
	}{
		"ssh-keygen":              {ssh, "ssh-keygen", false},
		"ssh-keygen, cut":         {ssh[:60], "ssh-keygen", true},
		"minisign, cut":           {[]byte("untrusted comment: x\nRWQ\n"), "minisign", true},
		"gpg --armor":             {armoured(t, "PGP SIGNATURE", gpg), "gpg", false},
		"gpg":                     {gpg, "gpg", false},
		"gpg, a key":              {[]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), "gpg", true},
		"openssl":                 {raw, "openssl", false},
		"openssl, 512 bytes":      {append(bytes.Repeat([]byte{0}, 511), 0x80), "openssl", false},
		"no text, 513 bytes":      {append(bytes.Repeat([]byte{0}, 512), 0x80), "", false},
		"text, as zero bytes are": {make([]byte, 64), "", false},
		"text":                    {[]byte("hello"), "", false},
		"JSON":                    {[]byte("{}"), "", false},
		"nothing":                 {nil, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			made, known, err := foreign.ParseProgramSignature(test.data)
			if known != (test.program != "") || (err != nil) != test.fails || !test.fails && made.Program != test.program {
				t.Errorf("got %q, %t, %v; want %q, an error: %t", made.Program, known, err, test.program, test.fails)
			}
			if known && err == nil && (len(made.Sig) == 0 || len(made.Formats) == 0 || (made.Signer != nil) != (test.program == "ssh-keygen")) {
				t.Errorf("got %d bytes, formats %v, signer %v", len(made.Sig), made.Formats, made.Signer)
			}
		})
	}
}

func TestFindSigner(t *testing.T) {
	signer, keys := programKeys(t)
	over := func(message []byte) foreign.ProgramSignature {
		made, known, err := foreign.ParseProgramSignature(signX509(t, signer, message))
		if !known || err != nil || made.Program != "openssl" {
			t.Fatalf("got %q, %t, %v, want a signature of openssl", made.Program, known, err)
		}
		return made
	}
	good := over(release.PAE(payload))
	for name, test := range map[string]struct {
		made         foreign.ProgramSignature
		keys         []string
		holds, tried int
		fails        bool
	}{
		"by one key":                {good, []string{"plain"}, 1, 1, false},
		"by one of several":         {good, []string{"plain", "other", "ssh"}, 1, 2, true},
		"by one key in two formats": {good, []string{"plain", "certificate"}, 2, 2, false},
		"by none":                   {good, []string{"other"}, 0, 1, true},
		"by none that could":        {good, []string{"ssh"}, 0, 0, false},
		"over something else":       {over(payload), []string{"plain", "certificate"}, 0, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			var among []release.Key
			for _, name := range test.keys {
				among = append(among, keys[name])
			}
			found := foreign.FindSigner(payload, &test.made, keySet(among...))
			if len(found.Holds) != test.holds || len(found.Tried) != test.tried || (found.Why != nil) != test.fails {
				t.Fatalf("holds by %d of %d tried, why not: %v; want %d of %d, a reason: %t", len(found.Holds), len(found.Tried), found.Why, test.holds, test.tried, test.fails)
			}
			if !slices.IsSortedFunc(found.Tried, func(x, y release.Key) int { return x.ID().Compare(y.ID()) }) {
				t.Error("the keys tried are in no order")
			}
			for _, signature := range found.Holds {
				if signature.KeyID == keys["other"].ID() || !bytes.Equal(signature.Sig, test.made.Sig) {
					t.Errorf("got signature %v", signature)
				}
			}
		})
	}
	// What names its key holds by that.
	sig := releasetest.SignSSH(t, payload, "ana").Sig
	made, _, err := foreign.ParseProgramSignature(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: sig}))
	if err != nil {
		t.Fatal(err)
	}
	if found := foreign.FindSigner(payload, &made, keySet(*made.Signer, keys["plain"])); made.Signer.ID() != keys["ssh"].ID() || len(found.Holds) != 1 || len(found.Tried) != 1 {
		t.Errorf("signer %s, holds by %d of %d tried; want %s, 1 of 1", made.Signer.ID(), len(found.Holds), len(found.Tried), keys["ssh"].ID())
	}
}

func FuzzProgramSignature(f *testing.F) {
	for _, data := range []string{"untrusted comment: x\nRWQ\n", "-----BEGIN PGP SIGNATURE-----\n", "-----BEGIN SSH SIGNATURE-----\n", "\xc2\x01", "\x30\x82\x01\x00"} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if made, known, err := foreign.ParseProgramSignature(data); known && err == nil && (len(made.Sig) == 0 || len(made.Formats) == 0) {
			t.Fatalf("no signature in %q", data)
		}
	})
}
