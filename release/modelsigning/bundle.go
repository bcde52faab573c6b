package modelsigning

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
)

const (
	// MaxBundle bounds a bundle in bytes: a hundred thousand files, each with a path
	// of a hundred characters, take 34 MB as the programs lay them out.
	MaxBundle = 64 << 20
	// MaxFiles bounds the files of a model, as package measure does.
	MaxFiles = 100_000

	maxSignature    = 1 << 10
	maxCertificates = 16
	maxCertificate  = 64 << 10
)

const payloadType = "application/vnd.in-toto+json"

// mediaTypes are the two spellings of version 0.3 of sigstore's bundle.
var mediaTypes = []string{"application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dev.sigstore.bundle+json;version=0.3"}

const resignHint = "sign the model again with model_signing 1.0 or 1.1"

// Verify checks the signature of a bundle and returns what was signed. Of unsigned
// bytes nothing is read but what finds the signature, or explains why it fails. The
// error is an *Error.
func Verify(data []byte, trust Trust) (*Manifest, error) {
	if len(data) == 0 || len(data) > MaxBundle {
		return nil, refuse(CodeSize, "", "", "got %d bytes, want 1 to %d", len(data), MaxBundle)
	}
	value, err := parseJSON(data)
	if err != nil {
		return nil, refuse(CodeJSON, "", "give the signature file of model_signing", "bundle: %w", err)
	}
	bundle, ok := value.(map[string]any)
	if !ok {
		return nil, refuse(CodeForm, "", "give the signature file of model_signing", "got %s, want a bundle", kindOf(value))
	}
	mediaType, at, err := member[string](bundle, "", "mediaType")
	if err != nil {
		return nil, err
	}
	if !slices.Contains(mediaTypes, mediaType) {
		return nil, refuse(CodeVersion, at, resignHint, "got %s, want %s", shown(mediaType), mediaTypes[0])
	}
	payload, signature, err := envelope(bundle)
	if err != nil {
		return nil, err
	}
	key, certificate, err := trust.keyOf(bundle)
	if err != nil {
		return nil, err
	}
	if !verify(key, release.PAE(payload), signature) {
		if version := otherVersion(payload); version != "" {
			return nil, refuse(CodeVersion, "predicateType", resignHint, "Model Signing of another version, as the bundle says itself: %s; its signature was not checked", shown(version))
		}
		hint := "is this the signer's key, and did nobody change the file?"
		if certificate != nil {
			hint = "the file was changed since it was signed: get it again"
		}
		return nil, refuse(CodeSignature, "dsseEnvelope.signatures[0].sig", hint, "the key did not make this signature over the statement")
	}
	manifest, err := parseStatement(payload)
	if err != nil {
		return nil, err
	}
	if manifest.Signer, err = signerOf(key, certificate); err != nil {
		return nil, err
	}
	return manifest, nil
}

// envelope takes payload and signature out of the bundle's DSSE envelope.
func envelope(bundle map[string]any) (payload, signature []byte, err error) {
	if bundle["messageSignature"] != nil {
		return nil, nil, refuse(CodeVersion, "messageSignature", resignHint, "a signature over a file, want one over a statement, in dsseEnvelope")
	}
	dsse, path, err := member[map[string]any](bundle, "", "dsseEnvelope")
	if err != nil {
		return nil, nil, err
	}
	held, at, err := member[string](dsse, path, "payloadType")
	if err != nil {
		return nil, nil, err
	}
	if held != payloadType {
		return nil, nil, refuse(CodeVersion, at, "", "got %s, want %s", shown(held), payloadType)
	}
	if payload, err = base64Member(dsse, path, "payload", MaxBundle); err != nil {
		return nil, nil, err
	}
	signatures, at, err := member[[]any](dsse, path, "signatures")
	if err != nil {
		return nil, nil, err
	}
	if len(signatures) != 1 {
		return nil, nil, refuse(CodeForm, at, "", "got %d signatures, want one", len(signatures))
	}
	one, at, err := element[map[string]any](signatures, at, 0)
	if err != nil {
		return nil, nil, err
	}
	signature, err = base64Member(one, at, "sig", maxSignature)
	return payload, signature, err
}

// base64Member decodes a member of standard, padded base64 of at most limit bytes.
func base64Member(object map[string]any, path, name string, limit int) ([]byte, error) {
	text, at, err := member[string](object, path, name)
	if err != nil {
		return nil, err
	}
	if len(text) > base64.StdEncoding.EncodedLen(limit) {
		return nil, refuse(CodeSize, at, "", "more than %d bytes", limit)
	}
	if strings.ContainsAny(text, "\r\n") {
		return nil, refuse(CodeForm, at, "", "line breaks in base64")
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, refuse(CodeForm, at, "", "%w", err)
	}
	if len(data) == 0 {
		return nil, refuse(CodeForm, at, "", "empty")
	}
	return data, nil
}

// Manifest is what a signer said of a model, and who he is.
type Manifest struct {
	Model     string // the name of the directory that was signed
	Root      release.Digest
	Resources []release.Resource // in the order of Model Signing
	// Ignored are paths in the model that the signer left out, files and
	// directories; ascending.
	Ignored []string
	// Symlinks: the signer followed symbolic links.
	Symlinks bool
	Signer   *Signer
}
