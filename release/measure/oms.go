package measure

import (
	"bytes"
	"encoding/json"

	"github.com/muster-log/muster/release"
)

// omsPredicateType is that of OpenSSF Model Signing.
const omsPredicateType = "https://model_signing/signature/v1.0"

// omsManifest returns the in-toto statement that Model Signing signs for a model:
// laid out as its reference implementation lays it out, members in the order of
// its documentation. Readers parse it; the order of members means nothing to them.
//
// Spec: github.com/sigstore/model-transparency, src/model_signing/_signing/signing.py.
func omsManifest(model string, resources []release.Resource, followed bool, ignored []string) ([]byte, error) {
	type resource struct {
		Algorithm string         `json:"algorithm"`
		Digest    release.Digest `json:"digest"`
		Name      string         `json:"name"`
	}
	type subject struct {
		Name   string                    `json:"name"`
		Digest map[string]release.Digest `json:"digest"`
	}
	var statement struct {
		Type          string    `json:"_type"`
		Subject       []subject `json:"subject"`
		PredicateType string    `json:"predicateType"`
		Predicate     struct {
			Serialization struct {
				Method        string   `json:"method"`
				HashType      string   `json:"hash_type"`
				AllowSymlinks bool     `json:"allow_symlinks"`
				IgnorePaths   []string `json:"ignore_paths,omitempty"`
			} `json:"serialization"`
			Resources []resource `json:"resources"`
		} `json:"predicate"`
	}
	statement.Type, statement.PredicateType = "https://in-toto.io/Statement/v1", omsPredicateType
	statement.Subject = []subject{{model, map[string]release.Digest{"sha256": release.OMSRoot(resources)}}}
	serialization := &statement.Predicate.Serialization
	serialization.Method, serialization.HashType = "files", "sha256"
	serialization.AllowSymlinks, serialization.IgnorePaths = followed, ignored
	for _, r := range resources {
		statement.Predicate.Resources = append(statement.Predicate.Resources, resource{"sha256", r.Digest, r.Name})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(statement); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}
