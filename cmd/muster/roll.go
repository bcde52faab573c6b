package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/monitor/audit"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/roll"
	"github.com/muster-log/muster/tlog"
)

func (a *app) rollCommand() *cobra.Command {
	return a.namingKeys(group("roll", "sign what is live, and recompute what others signed",
		a.rollServeCommand(),
		a.rollSignCommand(),
		a.paeCommand(release.TypeRoll),
		a.attachCommand(release.TypeRoll),
		a.statusCommand(release.TypeRoll),
		a.submitCommand(release.TypeRoll),
		a.showCommand(release.TypeRoll),
		a.rollCheckCommand(),
		a.rollAskCommand(),
		a.rollDropCommand()))
}

// rollTrust says which log a roll is of, and by whom its checkpoints must be
// cosigned: a policy, and requirements or the pin alone.
type rollTrust struct {
	files     trustFiles
	url       string
	authority string
}

func (t *rollTrust) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.url, "log", "", "the log's `URL` (default: that of the policy's log line)")
	t.files.flags(cmd)
	cmd.Flags().Lookup("requirements").Usage = "the requirements `FILE` of those who will verify: pin, operators, products and ages"
	cmd.Flags().StringVar(&t.authority, "authority", "", "the log's entry 0, the pin, where there are no requirements: its payload `DIGEST`, or its file")
}

// open makes the session, and what audit needs of the two files. products and age are
// those of the requirements.
func (t *rollTrust) open(a *app, cmd *cobra.Command) (s *session, options audit.Options, products []string, age time.Duration, err error) {
	if err := required(cmd, "policy"); err != nil {
		return nil, options, nil, 0, err
	}
	if t.authority != "" {
		if _, options.Authority, err = a.findAuthority(cmd, &authoritySource{authority: t.authority}); err != nil {
			return nil, options, nil, 0, err
		}
	}
	options.Register, options.Progress, options.Now = a.registerOptions(), a.progress(), a.clock
	if s, err = a.open(cmd, logSource{url: t.url, policy: t.files.policy}); err != nil {
		return nil, options, nil, 0, err
	}
	if t.files.requirements == "" {
		return s, options, nil, 0, nil
	}
	trust, err := t.files.read(a, cmd)
	if err != nil {
		s.client.Close()
		return nil, options, nil, 0, err
	}
	r := trust.Requirements()
	if !options.Authority.IsZero() && options.Authority != r.Authority {
		s.client.Close()
		return nil, options, nil, 0, usage(cmd, fmt.Errorf("--authority is %s, and %s pins %s", options.Authority, t.files.requirements, r.Authority))
	}
	options.Authority, options.Operators, options.LogOperator = r.Authority, r.Operators, r.LogOperator
	return s, options, r.Products, r.RollMaxAge.Value(), nil
}

// rollLog is a log that was replayed, with the rolls in it.
type rollLog struct {
	session  *session
	follower *audit.Follower
	rolls    []register.Outcome
	// released are the products that had a release once.
	released map[string]bool
}

func (a *app) replayRolls(cmd *cobra.Command, t *rollTrust) (*rollLog, error) {
	s, options, _, _, err := t.open(a, cmd)
	if err != nil {
		return nil, err
	}
	l := &rollLog{session: s, released: map[string]bool{}}
	options.Outcome = func(o register.Outcome) {
		if o.Status == register.StatusAdmitted && o.Prepared.Statement.Type == release.TypeRelease {
			l.released[o.Prepared.Statement.Product()] = true
		}
		if o.Prepared != nil && o.Prepared.Statement.Type == release.TypeRoll {
			l.rolls = append(l.rolls, o)
		}
	}
	if l.follower, err = s.follow(cmd.Context(), s.policy, options); err != nil {
		s.client.Close()
		return nil, err
	}
	return l, nil
}

// compare recomputes a roll that stands at an index, or would.
func (l *rollLog) compare(cmd *cobra.Command, index uint64, stated *release.Roll) ([]roll.Difference, error) {
	state := l.follower.State()
	if undecided := state.Undecided(); len(undecided) > 0 && undecided[0] < stated.Size {
		return nil, fail(exitcode.Unknown, string(roll.CodeUndecided), "use a newer muster", fmt.Errorf("entry %d cannot be judged by this program: what is live is not certain", undecided[0]))
	}
	var root tlog.Hash
	if stated.Size <= min(index, state.Size()) {
		var err error
		if root, err = l.follower.RootAt(cmd.Context(), stated.Size); err != nil {
			return nil, fmt.Errorf("root at size %d: %w", stated.Size, err)
		}
	}
	return roll.Compare(state, index, stated, root), nil
}

// describeDifferences says in what a roll is false.
func describeDifferences(p *page, differences []roll.Difference) {
	for _, d := range differences {
		p.line("  %s: %s (%s)", d.Member, d.Code, "false")
		p.field("  stated", "%s", quote(d.Got))
		p.field("  is", "%s", oneLine(d.Want))
	}
}

func (a *app) rollDropCommand() *cobra.Command {
	var directory string
	var refused bool
	cmd := &cobra.Command{
		Use:   "drop {DIGEST | --refused} --state DIR",
		Short: "give up withdrawals that wait in a stopped roll signer",
		Long: `Gives up a withdrawal that was handed to a roll signer and is not in the log, so that
rolls go on without it: what it withdraws stays live. The roll signer of DIR must be
stopped. Nobody needs this whose log is honest: sign the withdrawal again instead,
under the authority now in force, and the old one is given up by itself.

With --refused it gives up all those that no log takes any more, because the authority
changed before they were in it: for after a withdraw key was stolen, and taken out.`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "state"); err != nil {
				return err
			}
			if refused != (len(args) == 0) {
				return usage(cmd, errors.New("want the digest of a withdrawal, or --refused"))
			}
			if refused {
				return a.rollDropRefused(directory)
			}
			digest, err := release.ParseDigest(args[0])
			if err != nil {
				return usage(cmd, err)
			}
			if err := roll.Drop(directory, digest); err != nil {
				return err
			}
			return a.print(map[string]release.Digest{"dropped": digest}, func(p *page) { p.line("given up: withdrawal %s", digest) })
		},
	}
	cmd.Flags().StringVar(&directory, "state", "", "the roll signer's state `DIR`")
	cmd.Flags().BoolVar(&refused, "refused", false, "give up all that were refused since the authority changed")
	return cmd
}

func (a *app) rollDropRefused(directory string) error {
	dropped, err := roll.DropRefused(directory)
	for _, digest := range dropped {
		a.say("given up: withdrawal %s", digest)
	}
	if err != nil {
		return err
	}
	return a.print(map[string][]release.Digest{"dropped": dropped}, func(p *page) { p.line("given up: %s", count(len(dropped), "refused withdrawal")) })
}

// keysOf reads the private keys of a command.
func (a *app) keysOf(paths []string) ([]*release.PrivateKey, error) {
	var keys []*release.PrivateKey
	for _, path := range paths {
		key, err := a.readPrivateKey(path)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(keys, func(k *release.PrivateKey) bool { return k.Key().ID() == key.Key().ID() }) {
			return nil, fail(exitcode.Usage, string(release.CodeSignatureRepeated), "", fmt.Errorf("%s is a key that was given already", path))
		}
		keys = append(keys, key)
	}
	return keys, nil
}
