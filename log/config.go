package log

import (
	"errors"
	"log/slog"
	"time"

	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
)

const (
	// DefaultCheckpointInterval is the least time between two publications, as a
	// courtesy to witnesses. The first entry after a pause does not wait for it.
	DefaultCheckpointInterval = 100 * time.Millisecond

	// DefaultRepublishInterval is how often a log that does not grow has its
	// checkpoint cosigned again, so that readers see that it lives.
	DefaultRepublishInterval = 5 * time.Minute

	// DefaultQueue is how many submissions may wait for the tree's lock. At the
	// greatest size of an entry they hold 64 MiB.
	DefaultQueue = 1024

	// maxBatch is how many submissions one hold of the tree's lock admits: one
	// entry bundle.
	maxBatch = 256

	// loadBatch is from how many submissions at once the log takes itself to be
	// under load, and gatherInterval how long it then gathers the next batch. It
	// is half of what they wait for their publication anyway.
	loadBatch      = 16
	gatherInterval = DefaultCheckpointInterval / 2
)

// Config is what a log is made of. Origin, Key and the interfaces must stand.
type Config struct {
	// Origin is the log's name, the first line of its checkpoints.
	Origin string
	// Key signs checkpoints; its name is Origin.
	Key *tlog.SigningKey

	Appender  Appender
	Anchors   Anchors
	HighWater HighWater
	Cosigner  Cosigner

	// CheckpointInterval: default DefaultCheckpointInterval; negative: none.
	CheckpointInterval time.Duration
	// RepublishInterval: default DefaultRepublishInterval.
	RepublishInterval time.Duration
	// Queue: default DefaultQueue.
	Queue int
	// Register are options for judging entries. Default, of nil and not of an empty
	// list: a verifier of OpenPGP and X.509 signatures.
	Register []register.Option

	// Now is the clock: default time.Now.
	Now func() time.Time
	// Logger: default slog.Default().
	Logger *slog.Logger
}

// withDefaults returns the configuration completed, or what is missing.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Origin == "":
		return c, errors.New("log: no origin")
	case c.Key == nil || c.Key.Verifier().Name != c.Origin:
		return c, errors.New("log: the signing key must be named like the origin " + c.Origin)
	case c.Appender == nil || c.Anchors == nil || c.HighWater == nil || c.Cosigner == nil:
		return c, errors.New("log: appender, anchors, high-water mark and cosigner must be given")
	}
	if c.CheckpointInterval == 0 {
		c.CheckpointInterval = DefaultCheckpointInterval
	}
	if c.RepublishInterval == 0 {
		c.RepublishInterval = DefaultRepublishInterval
	}
	if c.Queue == 0 {
		c.Queue = DefaultQueue
	}
	if c.Register == nil {
		c.Register = foreignVerifier
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}
