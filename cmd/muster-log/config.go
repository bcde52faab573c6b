package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/internal/keyfile"
	"github.com/muster-log/muster/tlog"
)

// The files of the data directory that are not the storage's.
const (
	configFile = "muster-log.json"
	// policyFile is for relying parties, who get it from the operator: it names
	// no address of a witness.
	policyFile = "log.policy"
	// witnessesFile is the same policy with the addresses of the witnesses, for
	// the log itself.
	witnessesFile = "witnesses.policy"
)

// The files of the keys directory, which lies outside the data: a copy of the
// data must not bring its own high-water mark along.
const (
	keyFile       = "log.key"
	highWaterFile = "high-water"
)

const (
	// maxConfig bounds the configuration and key files in bytes.
	maxConfig = 64 << 10
	// publicMode is that of files that hold no secret.
	publicMode = 0o644
)

// configuration is DIR/muster-log.json.
type configuration struct {
	// Origin is the log's name for ever, the first line of its checkpoints.
	Origin string `json:"origin"`
	// LogOperator runs the log; its witnesses have no vote.
	LogOperator string `json:"logOperator"`
	// Operators says who runs each witness of the policy: several witnesses of
	// one operator are one vote.
	Operators map[string]string `json:"operators"`
	// Key is the file of the log's private key, mode 0600. A relative path
	// begins at the data directory.
	Key string `json:"key"`
	// HighWater is the file of the last checkpoint that was signed. It must lie
	// outside the data directory, best on another disk: it is there to notice
	// that the data were restored from an older copy.
	HighWater string `json:"highWater"`
	// URL is the log's public address, which stands in its policy and in the
	// commands that its pages show; it may be empty.
	URL string `json:"url,omitempty"`
}

func (c *configuration) marshal() ([]byte, error) {
	data, err := json.MarshalIndent(c, "", "  ")
	return append(data, '\n'), err
}

// readConfiguration reads the configuration of a data directory. Its paths are
// joined to the directory.
func readConfiguration(dir string) (*configuration, error) {
	path := filepath.Join(dir, configFile)
	data, err := inputfile.Read(path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail(exitcode.Unknown, "make a log with muster-log init, or look for the right --data", err)
	}
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	c := &configuration{}
	if err := decoder.Decode(c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if decoder.More() {
		return nil, fmt.Errorf("%s: there is text after the object", path)
	}
	if c.Origin == "" || c.Key == "" || c.HighWater == "" {
		return nil, fmt.Errorf("%s: origin, key and highWater must stand", path)
	}
	for _, file := range []*string{&c.Key, &c.HighWater} {
		if !filepath.IsAbs(*file) {
			*file = filepath.Join(dir, *file)
		}
	}
	return c, nil
}

// readKey reads the log's private key.
func readKey(path string) (*tlog.SigningKey, error) {
	data, err := keyfile.Read(path, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	text, ok := bytes.CutSuffix(data, []byte("\n"))
	if !ok {
		return nil, fmt.Errorf("key file %s: want one line, as muster-log init wrote it", path)
	}
	key, err := tlog.ParseSigningKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return key, nil
}
