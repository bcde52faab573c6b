package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// rollTimeout is how long a roll may take until it is in the log: the signer
	// looks every few seconds, and the log waits for its witnesses.
	rollTimeout = time.Minute
	// maxAnswer bounds what the demo reads of an answer of its own log, in bytes.
	maxAnswer = 1 << 20
)

// rollMaxAge is how old a roll the client accepts, and the signer signs for.
const rollMaxAge = "1h"

func (d *demo) startRoll() error {
	d.say("A withdrawal that nobody shows you is none. So the release team's own machine, which runs no log, follows the log, checks all of it, and signs what is live: the roll. It signs at every change, and often enough that what a client accepts never grows old. Its key signs nothing else.")
	if err := d.serveRoll(); err != nil {
		return err
	}
	if err := d.awaitRoll(0); err != nil {
		return err
	}
	return d.all(
		command{who: "alice", args: []string{"muster", "roll", "check", "--log", d.url("log"), "--policy", "../public/log.policy"}, lines: 6},
		d.getBundle("alice", d.first.digest, "../public/release.muster", 10),
	)
}

func (d *demo) serveRoll() error {
	return d.serve("roll", "rollteam", "muster", "roll", "serve", "--log", d.url("log"), "--policy", "../public/log.policy", "--authority", "../mail/authority.json",
		"--product", product, "--key", "roll.key", "--clients-accept", rollMaxAge, "--poll", "500ms", "--state", "state", "--listen", "ADDRESS")
}

// getBundle fetches the newest proof bundle of a release.
func (d *demo) getBundle(who, digest, out string, lines int) command {
	return command{who: who, args: []string{"muster", "bundle", "get", digest, "--log", d.url("log"), "--policy", "../public/log.policy", "--out", out, "--force"}, lines: lines}
}

// awaitRoll waits until the log holds a roll of a size above an index: one that
// knows of the entry there.
func (d *demo) awaitRoll(index uint64) error {
	ctx, cancel := context.WithTimeout(d.ctx, rollTimeout)
	defer cancel()
	for {
		at, size, err := d.newestRoll(ctx)
		if err != nil {
			return err
		}
		if size > index {
			d.output(fmt.Sprintf("the roll of the log's first %d entries is in the log, as entry %d", size, at), 1)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no roll of more than %d entries came within %s", index, rollTimeout)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// newestRoll returns the index of the newest roll that the log shows, and the size
// of the log that it is of; zero without one.
func (d *demo) newestRoll(ctx context.Context) (index, size uint64, err error) {
	var found struct {
		Entries []struct {
			Index uint64 `json:"index"`
		} `json:"entries"`
	}
	if err := d.ask(ctx, "/api/v1/entries?type=roll&limit=1", &found); err != nil {
		return 0, 0, err
	}
	if len(found.Entries) == 0 {
		return 0, 0, nil
	}
	index = found.Entries[0].Index
	var envelope struct {
		Payload []byte `json:"payload"`
	}
	if err := d.ask(ctx, fmt.Sprintf("/api/v1/entries/%d", index), &envelope); err != nil {
		return 0, 0, err
	}
	var statement struct {
		Predicate struct {
			Size uint64 `json:"size"`
		} `json:"predicate"`
	}
	if err := json.Unmarshal(envelope.Payload, &statement); err != nil {
		return 0, 0, err
	}
	return index, statement.Predicate.Size, nil
}

// ask reads a JSON answer of the demo's log.
func (d *demo) ask(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url("log")+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s\n%s", path, response.Status, data)
	}
	return json.Unmarshal(data, into)
}
