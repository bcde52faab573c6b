package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
)

// maxMeasurement bounds a measurement file in bytes: it becomes part of an
// entry, and may be laid out for reading.
const maxMeasurement = 4 * release.MaxEntry

// measurement is what the measure commands print and image create reads: the
// members of an image's statement that come from the files alone. It is JSON of
//
//	{"artifacts":[{"mediaType","name","sha256","size"}],"kind","measurements"}
//
// with each member as in the statement (docs/formats). It is no statement: it
// says nothing about product, version or mode.
type measurement struct {
	kind         release.Kind
	artifacts    []release.Artifact
	measurements release.Measurements
}

// placeholder is the statement of an image that only the measurement is read out
// of, or checked in: its other members never leave this file.
func (m *measurement) placeholder() *release.Image {
	epoch := time.Unix(0, 0).UTC()
	image := &release.Image{Issued: epoch, Product: "measured", Kind: m.kind, Name: "measured", Version: "0", Mode: release.ModeDebug,
		Measurements: m.measurements, PublishBy: epoch.Add(time.Hour)}
	for _, artifact := range m.artifacts {
		artifact.URLs = []string{placeholderURL}
		image.Artifacts = append(image.Artifacts, artifact)
	}
	return image
}

const placeholderURL = "https://measured.invalid/"

// MarshalJSON writes the members as the statement has them.
func (m *measurement) MarshalJSON() ([]byte, error) {
	statement, err := release.NewImage(m.placeholder())
	if err != nil {
		return nil, err
	}
	payload, err := statement.Marshal()
	if err != nil {
		return nil, err
	}
	var stated struct {
		Predicate struct {
			Artifacts    []map[string]any `json:"artifacts"`
			Measurements any              `json:"measurements"`
		} `json:"predicate"`
	}
	if err := decodeJSON(payload, &stated, false); err != nil {
		return nil, err
	}
	for _, artifact := range stated.Predicate.Artifacts {
		delete(artifact, "urls")
	}
	return encodeSorted(map[string]any{"artifacts": stated.Predicate.Artifacts, "kind": m.kind, "measurements": stated.Predicate.Measurements})
}

// parseMeasurement reads what MarshalJSON writes, laid out in any way, and holds
// it to the rules of form of a statement.
func parseMeasurement(data []byte) (*measurement, error) {
	var file struct {
		Artifacts    []map[string]any `json:"artifacts"`
		Kind         string           `json:"kind"`
		Measurements any              `json:"measurements"`
	}
	if err := decodeJSON(data, &file, true); err != nil {
		return nil, fail(exitcode.Refused, "measurement-form", "make one with muster measure", fmt.Errorf("not a measurement: %w", err))
	}
	subjects := []map[string]any{}
	for _, artifact := range file.Artifacts {
		artifact["urls"] = []string{placeholderURL}
		subjects = append(subjects, map[string]any{"digest": map[string]any{"sha256": artifact["sha256"]}, "name": artifact["name"]})
	}
	frame := (&measurement{}).placeholder()
	payload, err := encodeSorted(map[string]any{
		"_type":         "https://in-toto.io/Statement/v1",
		"predicateType": release.TypeImage.URI(),
		"subject":       subjects,
		"predicate": map[string]any{
			"artifacts": file.Artifacts, "authority": map[string]any{"sha256": frame.Authority}, "issued": release.FormatTime(frame.Issued),
			"kind": file.Kind, "measurements": file.Measurements, "mode": frame.Mode, "name": frame.Name, "note": "", "product": frame.Product,
			"provenance": []string{}, "publishBy": release.FormatTime(frame.PublishBy), "securityVersion": 0, "version": frame.Version,
		},
	})
	if err != nil {
		return nil, err
	}
	statement, err := release.ParseStatement(payload)
	if err != nil {
		return nil, fmt.Errorf("measurement: %w", err)
	}
	image := statement.Predicate.(*release.Image)
	for i := range image.Artifacts {
		image.Artifacts[i].URLs = nil
	}
	return &measurement{kind: image.Kind, artifacts: image.Artifacts, measurements: image.Measurements}, nil
}

// decodeJSON reads one JSON value and keeps numbers as they stand; only refuses
// members that the target does not have.
func decodeJSON(data []byte, into any, only bool) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if only {
		decoder.DisallowUnknownFields()
	}
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("more than one JSON value")
	}
	return nil
}

// encodeSorted writes JSON with members in the order of their names, which for
// ASCII is that of RFC 8785, and without escapes that it does not have.
func encodeSorted(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
