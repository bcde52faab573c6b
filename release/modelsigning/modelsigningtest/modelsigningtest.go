// Package modelsigningtest makes Model Signing bundles for tests, laid out as the
// program model_signing 1.1 lays them out. Its keys are made anew at each call:
// nothing here is to be trusted.
package modelsigningtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"testing"

	"github.com/muster-log/muster/release"
)

// Key makes a key of a signer, and its public half as the file that people hand
// out.
func Key(tb testing.TB, curve elliptic.Curve) (*ecdsa.PrivateKey, []byte) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key, PublicKey(tb, key)
}

// PublicKey is the PEM file of a key's public half.
func PublicKey(tb testing.TB, key *ecdsa.PrivateKey) []byte {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// Object is a JSON object; tests change members of it.
type Object = map[string]any

// Statement is the statement of a model, its files in the order given.
func Statement(model string, ignored []string, files ...release.Resource) Object {
	resources, root := []any{}, sha256.New()
	for _, file := range files {
		root.Write(file.Digest[:])
		resources = append(resources, Object{"algorithm": "sha256", "digest": file.Digest.String(), "name": file.Name})
	}
	if ignored == nil {
		ignored = []string{}
	}
	return Object{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       []any{Object{"name": model, "digest": Object{"sha256": hex.EncodeToString(root.Sum(nil))}}},
		"predicateType": "https://model_signing/signature/v1.0",
		"predicate": Object{
			"serialization": Object{"method": "files", "hash_type": "sha256", "allow_symlinks": false, "ignore_paths": ignored},
			"resources":     resources,
		},
	}
}

// Marshal lays a JSON value out as Python's protocol buffers do.
func Marshal(tb testing.TB, value any) []byte {
	tb.Helper()
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// Sign signs a payload as the program does: the hash is that of the curve.
func Sign(tb testing.TB, key *ecdsa.PrivateKey, payload []byte) []byte {
	tb.Helper()
	hash := map[int]crypto.Hash{256: crypto.SHA256, 384: crypto.SHA384, 521: crypto.SHA512}[key.Params().BitSize]
	digest := hash.New()
	digest.Write(release.PAE(payload))
	signature, err := key.Sign(rand.Reader, digest.Sum(nil), hash)
	if err != nil {
		tb.Fatal(err)
	}
	return signature
}

// Bundle is the bundle of a payload that a key signs. material is what it is said
// to be verified with; nil: the hint of the key.
func Bundle(tb testing.TB, key *ecdsa.PrivateKey, payload []byte, material Object) Object {
	tb.Helper()
	if material == nil {
		hint := sha256.Sum256(PublicKey(tb, key))
		material = Object{"publicKey": Object{"hint": hex.EncodeToString(hint[:])}, "tlogEntries": []any{}}
	}
	return Object{
		"mediaType":            "application/vnd.dev.sigstore.bundle.v0.3+json",
		"verificationMaterial": material,
		"dsseEnvelope": Object{
			"payload":     base64.StdEncoding.EncodeToString(payload),
			"payloadType": "application/vnd.in-toto+json",
			"signatures":  []any{Object{"sig": base64.StdEncoding.EncodeToString(Sign(tb, key, payload)), "keyid": ""}},
		},
	}
}

// Chain is the verification material of certificates in DER, the signer's first.
func Chain(certificates ...[]byte) Object {
	list := []any{}
	for _, der := range certificates {
		list = append(list, Object{"rawBytes": base64.StdEncoding.EncodeToString(der)})
	}
	return Object{"x509CertificateChain": Object{"certificates": list}, "tlogEntries": []any{}}
}
