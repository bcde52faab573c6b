package attest

import (
	"fmt"

	"github.com/muster-log/muster/internal/strictjson"
)

func readAnswer(root strictjson.Value) (*Answer, error) {
	if err := members(root, []string{"batch", "bundle", "certificates", "evidence", "profile"}, []string{"eventLog", "secret"}); err != nil {
		return nil, err
	}
	a := &Answer{}
	var err error
	if a.Profile, err = readName(root.Member("profile"), MaxProfile); err != nil {
		return nil, err
	}
	if a.Batch, err = readBatch(root.Member("batch")); err != nil {
		return nil, err
	}
	if a.Bundle, err = readBytes(root.Member("bundle"), 1, MaxBundle); err != nil {
		return nil, err
	}
	if a.Certificates, err = readCertificates(root.Member("certificates")); err != nil {
		return nil, err
	}
	if a.Evidence, err = readParts(root.Member("evidence")); err != nil {
		return nil, err
	}
	if v := root.Member("eventLog"); v.Exists() {
		if a.EventLog, err = readBytes(v, 1, MaxEventLog); err != nil {
			return nil, err
		}
	}
	if v := root.Member("secret"); v.Exists() {
		if a.Secret, err = readBytes(v, 1, maxSecret); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// readBatch reads a place whose path has the length that the place has.
func readBatch(v strictjson.Value) (NoncePlace, error) {
	if err := members(v, []string{"index", "path", "size"}, nil); err != nil {
		return NoncePlace{}, fmt.Errorf("batch: %w", err)
	}
	var place NoncePlace
	var err error
	if place.Size, err = readCount(v.Member("size"), 1, MaxBatch); err != nil {
		return NoncePlace{}, err
	}
	if place.Index, err = readCount(v.Member("index"), 0, place.Size-1); err != nil {
		return NoncePlace{}, err
	}
	path := v.Member("path")
	if path.Kind() != strictjson.List || path.Len() > maxNoncePath {
		return NoncePlace{}, fmt.Errorf("batch.path: want a list of at most %d hashes", maxNoncePath)
	}
	for _, element := range path.Elements() {
		hash, err := readDigest(element)
		if err != nil {
			return NoncePlace{}, err
		}
		place.Path = append(place.Path, hash)
	}
	if _, err := place.Root(Digest{}); err != nil {
		return NoncePlace{}, err
	}
	return place, nil
}

func readCertificates(v strictjson.Value) ([][]byte, error) {
	if v.Kind() != strictjson.List || v.Len() > MaxCertificates {
		return nil, fmt.Errorf("certificates: want a list of at most %d", MaxCertificates)
	}
	var certificates [][]byte
	for _, element := range v.Elements() {
		certificate, err := readBytes(element, 1, MaxCertificate)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
	return certificates, nil
}

// readParts reads the one evidence: an object. A list of two is no evidence.
func readParts(v strictjson.Value) (map[string][]byte, error) {
	if v.Kind() != strictjson.Object || v.Len() < 1 || v.Len() > MaxParts {
		return nil, fmt.Errorf("evidence: got %s, want an object of 1 to %d parts: one piece of evidence", v.Kind(), MaxParts)
	}
	parts := make(map[string][]byte, v.Len())
	for name, value := range v.Members() {
		if !isName(name, maxPartName) {
			return nil, fmt.Errorf("evidence: got a part with a name of %d bytes, want a name of 1 to %d characters", len(name), maxPartName)
		}
		part, err := readBytes(value, 1, MaxPart)
		if err != nil {
			return nil, err
		}
		parts[name] = part
	}
	return parts, nil
}
