package roll

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/monitor/audit"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
)

const (
	// WithdrawalDeadline is how long a withdrawal may take from being handed in until
	// it is in the log. From then on no roll is signed that does not cover it.
	WithdrawalDeadline = 5 * time.Minute
	// DefaultPoll is how often the log is asked for a newer checkpoint: a change is
	// signed within seconds.
	DefaultPoll = 5 * time.Second
	// leastPause is between two steps that hand-ins ask for.
	leastPause = time.Second
	// catchUpTimeout bounds how long a hand-in waits for a newer state of the log.
	catchUpTimeout = 15 * time.Second
	// retryAfter is how long a submission that failed is not tried again.
	retryAfter = 10 * time.Second
	// submitTimeout bounds one submission: longer than a log waits for its witnesses.
	submitTimeout = 50 * time.Second
	// updateTimeout bounds what one step reads of the log, so that a log that answers
	// slowly does not hold up alarms. The next step goes on where it ended.
	updateTimeout = 2 * time.Minute
	// rollDeadline is how long a roll may take from being due until it is in the log
	// before an alarm is raised.
	rollDeadline = 5 * time.Minute
	// logLarge is the part of what is followed at most of which an alarm is raised.
	logLarge = 0.8
	// leastCheckpointAge is twice the interval at which a log that does not grow has its
	// checkpoint cosigned again.
	leastCheckpointAge = 10 * time.Minute
)

// Config says what a Signer signs and of which log.
type Config struct {
	// Log is the log; Policy, Operators and LogOperator are what its checkpoints must
	// meet, as in audit.Options.
	Log         *remote.Client
	Policy      *policy.Policy
	Operators   map[string]string
	LogOperator string
	// Authority pins the log: the payload digest of entry 0. It must be set.
	Authority release.Digest
	// Products are those that rolls are signed of, at least one.
	Products []string
	// Keys sign every roll, at least one. Where the role's threshold is not met by
	// them, see muster roll sign.
	Keys []*release.PrivateKey
	// Every is how old the newest roll of a product gets before another is signed: at
	// most a quarter of the shortest roll age that its clients accept. It must be set.
	Every time.Duration
	// MaxCheckpointAge is how old the newest checkpoint's fresh time may be: a roll of
	// an older one would be as old from the beginning. Default: Every, and at least
	// 10 minutes: a log that does not grow is cosigned again every 5.
	MaxCheckpointAge time.Duration
	// Directory holds the state; it is made if it is not there. Two Signers cannot use
	// one.
	Directory string
	// Poll is how often the log is asked. Default: DefaultPoll.
	Poll time.Duration
	// MaxEntries, MaxBytes, Register and Progress are those of audit.Options.
	MaxEntries, MaxBytes uint64
	Register             []register.Option
	Progress             progress.Reporter
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Logger is told alarms and what is signed. Default: nobody.
	Logger *slog.Logger
}

func (c Config) check() error {
	switch {
	case c.Log == nil || c.Policy == nil:
		return errors.New("a roll signer needs a log and a policy")
	case c.Policy.Quorum == policy.None:
		return errors.New("the policy's quorum is none: without witnesses nobody can tell how old a checkpoint is")
	case c.Authority.IsZero():
		return errors.New("a roll signer needs the payload digest of the log's first authority: else any log would do")
	case len(c.Products) == 0:
		return errors.New("a roll signer needs at least one product")
	case len(c.Keys) == 0:
		return errors.New("a roll signer needs at least one key")
	case c.Every <= 0:
		return fmt.Errorf("rolls every %s, want more than 0", c.Every)
	case c.Directory == "":
		return errors.New("a roll signer needs a state directory")
	}
	return nil
}

// Signer signs the rolls of one log. Step and Run are for one goroutine; everything
// else may be called by others meanwhile.
type Signer struct {
	config   Config
	lock     io.Closer
	follower *audit.Follower

	// mu is held while the follower's state changes, and guards what follows.
	mu       sync.Mutex
	products products
	ledger   *ledger
	spool    *spool
	alarms   alarms
	stepped  time.Time // when the last step ended; zero before the first good one
	failing  bool      // the log could not be followed at the last step
	void     uint64    // void entries that were told
	retry    map[string]time.Time
	refused  map[string]*refusedRoll
	sending  map[string]*submission
	due      map[string]time.Time // since when a roll is due that the log does not show
	saved    uint64               // size of the checkpoint on disk

	// handed wakes Run after a withdrawal was handed in, behind before one is refused of
	// which the log may hold more.
	handed, behind chan struct{}
	strangers      chan struct{} // holds one for each that waits; see maxStrangers
	running        bool          // Run steps
	ended          chan struct{} // closed when the step under way, or the next one, ends
	// tries counts the attempts to submit withdrawals.
	tries uint64
	// submissions are attempts to submit a withdrawal or a roll that are under way.
	submissions sync.WaitGroup
}

// Open makes a Signer and takes its state directory. The error is a *MisbehavedError
// if evidence against the log lies there.
func Open(config Config) (*Signer, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if config.MaxCheckpointAge == 0 {
		config.MaxCheckpointAge = max(config.Every, leastCheckpointAge)
	}
	if config.Poll == 0 {
		config.Poll = DefaultPoll
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(config.Directory, 0o700); err != nil {
		return nil, err
	}
	if err := checkEvidence(config.Directory); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(config.Directory)
	if err != nil {
		return nil, err
	}
	s := &Signer{config: config, lock: lock, products: products{}, retry: map[string]time.Time{}, refused: map[string]*refusedRoll{},
		sending: map[string]*submission{}, due: map[string]time.Time{}, handed: make(chan struct{}, 1), behind: make(chan struct{}, 1), strangers: make(chan struct{}, maxStrangers), ended: make(chan struct{}),
		alarms: alarms{logger: config.Logger, raised: map[alarmKey]*raised{}}}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

func (s *Signer) open() error {
	var err error
	if s.ledger, err = openLedger(s.config.Directory); err != nil {
		return err
	}
	if s.spool, err = openSpool(s.config.Directory); err != nil {
		return err
	}
	kept, err := readKept(s.config.Directory)
	if err != nil {
		return err
	}
	accused, err := readAccused(s.config.Directory)
	if err != nil {
		return err
	}
	s.follower, err = audit.New(s.config.Log, s.config.Policy, audit.Options{
		Operators: s.config.Operators, LogOperator: s.config.LogOperator, Authority: s.config.Authority, Kept: kept, Accused: accused,
		MaxEntries: s.config.MaxEntries, MaxBytes: s.config.MaxBytes, Register: s.config.Register, Progress: s.config.Progress,
		Now: s.config.Now, Lock: &s.mu, Outcome: s.products.note,
	})
	if err != nil {
		return err
	}
	for _, one := range s.spool.all() {
		s.config.Logger.Info("a withdrawal waits from before", "digest", one.prepared.Digest, "product", one.stated.Product, "handedIn", one.HandedIn)
	}
	return nil
}

// Close waits for submissions that are under way, and gives the state directory back.
func (s *Signer) Close() error {
	s.submissions.Wait()
	return s.lock.Close()
}

func (s *Signer) now() time.Time { return s.config.Now().UTC() }

// checkpoint returns the one followed; mu is held.
func (s *Signer) checkpoint() *tlog.SignedCheckpoint { return s.follower.Checkpoint() }

func digestOf(data []byte) release.Digest { return sha256.Sum256(data) }
