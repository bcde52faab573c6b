package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
)

// initOptions are the flags of init.
type initOptions struct {
	data, keys, highWater  string
	origin, authority, url string
	successorOf            string
	logOperator            string
	witnesses              []string
	quorum                 int
}

func (a *app) initCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init --data DIR --origin NAME {--authority FILE | --successor-of FILE.muster|URL [--authority FILE]} --witness NAME=VKEY=URL=OPERATOR... --quorum K",
		Short: "make a new log: its key, its policy, its configuration",
		Long: `Makes a new log in a directory and says what its witnesses' operators need. The
authority is the signed first version, from muster authority create and sign; it
becomes entry 0 and the pin of everyone who verifies. Nothing is written unless
everything fits, and nothing that exists is overwritten.

With --successor-of the new log takes the place of an old one, whose key was stolen
or which is lost: it begins with the old log's authority chain, byte for byte, up to
the version that names the new origin, so everyone's pin stays what it is. The chain
comes from a proof bundle of the old log, or from the log itself; --authority is the
version that names the new origin, where the chain does not hold it yet.

The private key and the high-water mark lie in a directory of their own beside the
data, so that a restored copy of the data cannot make the log sign a fork.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			names := []string{"data", "origin", "authority", "witness", "quorum"}
			if cmd.Flags().Changed("successor-of") {
				names[2] = "successor-of"
			}
			if err := required(cmd, names...); err != nil {
				return err
			}
			return a.init(cmd, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.data, "data", "", "the data directory to make")
	flags.StringVar(&o.keys, "keys", "", "the directory of the private key to make (default: the data directory's name and -keys)")
	flags.StringVar(&o.highWater, "high-water", "", "the file of the last signed checkpoint, outside the data, best on another disk (default: in --keys)")
	flags.StringVar(&o.origin, "origin", "", "the log's name for ever, such as log.example/acme")
	flags.StringVar(&o.authority, "authority", "", "the file of the signed first authority; of a successor, of the version that names its origin")
	flags.StringVar(&o.successorOf, "successor-of", "", "a proof bundle (.muster) of the log that this one succeeds, or that log's URL")
	flags.StringVar(&o.url, "url", "", "the log's public address, such as https://log.example/")
	flags.StringVar(&o.logOperator, "log-operator", "", "who runs the log (default: the host of the origin)")
	flags.StringArrayVar(&o.witnesses, "witness", nil, "a witness: its name here, verifier key, URL, and who runs it; repeated for each")
	flags.IntVar(&o.quorum, "quorum", 0, "of how many operators a witness must cosign")
	return cmd
}

// initialised is what init prints.
type initialised struct {
	Origin    string         `json:"origin"`
	Key       string         `json:"key"`       // the verifier key
	Authority release.Digest `json:"authority"` // the pin: of version 1
	// InForce is the last version that the log begins with, and Versions how many
	// they are: 1, but for the successor of the logs of SuccessorOf.
	InForce     release.Digest `json:"inForce"`
	Versions    int            `json:"versions"`
	SuccessorOf []string       `json:"successorOf,omitempty"`
	LogOperator string         `json:"logOperator"`
	Quorum      int            `json:"quorum"`
	Operators   int            `json:"operators"`
	Data        string         `json:"data"`
	Policy      string         `json:"policy"`
	KeyFile     string         `json:"keyFile"`
	HighWater   string         `json:"highWater"`
	// WitnessCommand is what the operator of each witness runs, with DIR being
	// the witness's own data directory.
	WitnessCommand string `json:"witnessCommand"`
	ServeCommand   string `json:"serveCommand"`
}

func (a *app) init(cmd *cobra.Command, o initOptions) error {
	o.withDefaults()
	layout, err := o.layout(cmd)
	if err != nil {
		return err
	}
	if _, name, ok := strings.Cut(o.origin, "://"); ok {
		return usage(cmd, fmt.Errorf("--origin %q: got a scheme, want %s", o.origin, strings.TrimSuffix(name, "/")))
	}
	key, err := tlog.GenerateSigningKey(o.origin, tlog.TypeEd25519)
	if err != nil {
		return usage(cmd, fmt.Errorf("--origin: %w", err))
	}
	witnesses := make([]witnessFlag, len(o.witnesses))
	for i, text := range o.witnesses {
		if witnesses[i], err = parseWitness(text); err != nil {
			return usage(cmd, fmt.Errorf("--witness %q: %w", text, err))
		}
	}
	if o.url != "" {
		if err := checkURL(o.url); err != nil {
			return usage(cmd, fmt.Errorf("--url: %w", err))
		}
	}
	own, public, operators, err := policies(key.Verifier(), o.url, witnesses, o.quorum, o.logOperator)
	if err != nil {
		return fail(exitcode.Usage, "a quorum must need operators other than the log's, "+o.logOperator, err)
	}
	first, err := o.begin(cmd.Context(), time.Now())
	if err != nil {
		return err
	}
	config := configuration{Origin: o.origin, LogOperator: o.logOperator, Operators: operators, Key: layout.relative(layout.key), HighWater: layout.relative(layout.highWater), URL: o.url}
	configJSON, err := config.marshal()
	if err != nil {
		return err
	}
	files := map[string][]byte{configFile: configJSON, policyFile: public.Marshal(), witnessesFile: own.Marshal()}
	for i, entry := range first.entries {
		files[authorityFile(i)] = entry
	}
	if err := layout.create(key.String()+"\n", files); err != nil {
		return err
	}
	distinct := make(map[string]bool)
	for _, operator := range operators {
		distinct[operator] = operator != o.logOperator
	}
	result := initialised{Origin: o.origin, Key: key.Verifier().String(), Authority: first.pin, InForce: first.inForce, Versions: len(first.entries),
		SuccessorOf: first.origins, LogOperator: o.logOperator, Quorum: o.quorum,
		Data: o.data, Policy: filepath.Join(o.data, policyFile), KeyFile: layout.key, HighWater: layout.highWater,
		WitnessCommand: witnessCommand(key.Verifier()), ServeCommand: "muster-log serve --data " + o.data + " --listen 127.0.0.1:8080"}
	for _, counts := range distinct {
		if counts {
			result.Operators++
		}
	}
	return a.print(result, result.text)
}

func witnessCommand(key tlog.VerifierKey) string {
	return "muster-witness log add --data DIR " + key.String()
}

func (r initialised) text(out io.Writer) {
	fmt.Fprintf(out, "log %s, run by %s, made in %s\n", r.Origin, r.LogOperator, r.Data)
	fmt.Fprintf(out, "  private key   %s\n", r.KeyFile)
	fmt.Fprintf(out, "  high-water    %s\n", r.HighWater)
	fmt.Fprintf(out, "  policy        %s\n", r.Policy)
	fmt.Fprintf(out, "  quorum        a witness of %d of %d operators\n", r.Quorum, r.Operators)
	fmt.Fprintf(out, "  verifier key  %s\n", r.Key)
	if len(r.SuccessorOf) > 0 {
		r.successorText(out)
		return
	}
	fmt.Fprintf(out, "  authority     %s\n", r.Authority)
	fmt.Fprintf(out, "next\n")
	fmt.Fprintf(out, "  1. the operator of each witness, with its own DIR, runs\n       %s\n", r.WitnessCommand)
	fmt.Fprintf(out, "  2. run the log\n       %s\n", r.ServeCommand)
	fmt.Fprintf(out, "  3. give relying parties %s and, as the pin, the authority's digest\n", r.Policy)
}

// withDefaults fills what may be left out.
func (o *initOptions) withDefaults() {
	o.data = filepath.Clean(o.data)
	if o.keys == "" {
		o.keys = o.data + "-keys"
	}
	o.keys = filepath.Clean(o.keys)
	if o.highWater == "" {
		o.highWater = filepath.Join(o.keys, highWaterFile)
	}
	if o.logOperator == "" {
		o.logOperator, _, _ = strings.Cut(o.origin, "/")
	}
}

// successorText says what a successor changes for whom.
func (r initialised) successorText(out io.Writer) {
	fmt.Fprintf(out, "  succeeds      %s\n", strings.Join(r.SuccessorOf, ", then "))
	fmt.Fprintf(out, "  pin           %s, authority version 1, as before\n", r.Authority)
	fmt.Fprintf(out, "  in force      %s, authority version %d\n", r.InForce, r.Versions)
	fmt.Fprintf(out, "next\n")
	fmt.Fprintf(out, "  1. the operator of each witness, with its own DIR, runs\n       %s\n", r.WitnessCommand)
	fmt.Fprintf(out, "  2. run the log\n       %s\n", r.ServeCommand)
	fmt.Fprintf(out, "  3. submit version %d to %s, if that still answers: it retires with it\n", r.Versions, r.SuccessorOf[len(r.SuccessorOf)-1])
	fmt.Fprintf(out, "  4. relying parties replace their policy by %s: origin and key are new; their\n     requirements stay as they are, the pin too\n", r.Policy)
	fmt.Fprintf(out, "  5. make, sign and submit images and releases again: nothing of the old log is live here\n")
}

func refuseAuthority(path string, err error) error {
	hint := "make one with muster authority create, and have the root keys sign it with muster authority sign"
	switch release.CodeOf(err) {
	case register.CodeOwnRootMissed, release.CodeSignatureNone:
		hint = "see who must still sign with muster authority status " + path
	case register.CodeFirstEntry:
		hint = "a later version begins a log only after the chain before it: give that with --successor-of"
	case release.CodeJSONNotCanonical:
		hint = "the file must hold the envelope's very bytes, without a line feed at the end"
	}
	return fail(exitcode.Refused, hint, fmt.Errorf("authority %s: %w", path, err))
}

var errExists = errors.New("exists and is not overwritten")
