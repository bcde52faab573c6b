package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/verify"
)

// The ages that a relying party accepts by default. A roll of at most a day says
// that nothing was withdrawn but in the last day; to do without it takes words. A
// checkpoint is signed again every few minutes, so a day says that the log still
// lives. Not every release has to be old.
const (
	defaultRollMaxAge       = "1d"
	defaultCheckpointMaxAge = "1d"
	defaultMinimumAge       = "none"
)

func (a *app) requirementsCommand() *cobra.Command {
	return group("requirements", "write down what you ask for", a.requirementsCreateCommand())
}

type requirementsOptions struct {
	source                              authoritySource
	products, channels, modes           []string
	rollAge, checkpointAge, minimumAge  string
	consistency, logOperator, out       string
	operators, securityVersions, levels []string
	cmdlineRules                        uint64
	secureBoot, firmware                string
	testRoots                           []string
	nonce, epoch                        bool
	policy                              string
	force                               bool
}

func (a *app) requirementsCreateCommand() *cobra.Command {
	var o requirementsOptions
	cmd := &cobra.Command{
		Use:   "create --authority DIGEST|FILE --product NAME... --channel NAME... --operator WITNESS=OPERATOR... --log-operator NAME --out FILE",
		Short: "write a requirements file",
		Long: `Writes requirements.json: which authority, products and channels are accepted, how old
things may be, who runs what, and what evidence of a node must show. The authority is
the first one, entry 0 of the log: the pin. Its digest is what you should have from
somewhere else than the log.

An age is a number and s, m, h or d, or none: then every verdict says waived. A
withdrawal reaches you at the latest when the roll of what was live before it is
--roll-max-age old. With none it reaches you only if a bundle holds a newer roll.

A level of --assurance says against whom evidence holds. tee: against the operator and
the hypervisor, not against attacks on the memory bus. tpm: against what comes over the
network, and against mistakes; whoever has the board or the hypervisor can forge it.
vtpm:PROVIDER: as good as who emulates the TPM. test: against nobody, for tests.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "authority", "product", "channel", "operator", "log-operator", "out"); err != nil {
				return err
			}
			return a.requirementsCreate(cmd, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.source.authority, "authority", "", "the log's first authority: its payload digest, or its file")
	flags.StringArrayVar(&o.products, "product", nil, "an accepted product; may be repeated")
	flags.StringArrayVar(&o.channels, "channel", nil, "an accepted channel; may be repeated")
	flags.StringArrayVar(&o.modes, "mode", nil, "an accepted mode of images; may be repeated (default: production)")
	flags.StringVar(&o.rollAge, "roll-max-age", defaultRollMaxAge, "how old the roll of what is live may be; none: a bundle without a roll passes too")
	flags.StringVar(&o.checkpointAge, "checkpoint-max-age", defaultCheckpointMaxAge, "how old the checkpoint may be")
	flags.StringVar(&o.minimumAge, "minimum-age", defaultMinimumAge, "how long ago a release must have been witnessed")
	flags.StringVar(&o.consistency, "consistency", "", "with what is remembered: required, or when-possible (default)")
	flags.Uint64Var(&o.cmdlineRules, "cmdline-rules", 0, "the lowest accepted version of the rules by which a command line is judged; 0: any")
	flags.StringArrayVar(&o.securityVersions, "minimum-security-version", nil, "KIND/NAME=N; may be repeated")
	flags.StringArrayVar(&o.operators, "operator", nil, "WITNESS=OPERATOR, who runs a witness of the policy; may be repeated")
	flags.StringVar(&o.logOperator, "log-operator", "", "who runs the log")
	flags.StringArrayVar(&o.levels, "assurance", nil, "an accepted level of evidence: tee (default), tpm, vtpm:PROVIDER, test; may be repeated")
	flags.StringVar(&o.secureBoot, "secure-boot", "", "of evidence: required (default), or not-required")
	flags.StringVar(&o.firmware, "firmware", "", "of evidence: required (default), or not-checked")
	flags.StringArrayVar(&o.testRoots, "test-root", nil, "the SHA-256 of a root of trust that is accepted under assurance test")
	flags.BoolVar(&o.nonce, "nonce", false, "of evidence: accepted when it is fresh by a nonce of yours (default, unless --epoch is given)")
	flags.BoolVar(&o.epoch, "epoch", false, "of evidence: accepted when it is fresh by the newest cosigned checkpoint; add --nonce to accept either")
	flags.StringVar(&o.policy, "policy", "", "the trust policy that goes with it: both are checked together before anything is written")
	outFlags(cmd, &o.out, &o.force)
	return cmd
}

func (a *app) requirementsCreate(cmd *cobra.Command, o requirementsOptions) error {
	r, err := o.requirements(a, cmd)
	if err != nil {
		return err
	}
	data, err := r.Marshal()
	if err != nil {
		return usage(cmd, err)
	}
	if o.policy != "" {
		p, err := a.readPolicy(o.policy)
		if err != nil {
			return err
		}
		if _, err := verify.NewTrust(p, r); err != nil {
			return fail(exitcode.Refused, trustCode(err), trustHint(err), fmt.Errorf("%s and these requirements: %w", o.policy, err))
		}
	}
	digest, err := r.Digest()
	if err != nil {
		return err
	}
	if err := writeNew(o.out, data, publicMode, o.force); err != nil {
		return err
	}
	result := struct {
		File      string         `json:"file"`
		Digest    release.Digest `json:"digest"`
		Authority release.Digest `json:"authority"`
		Waived    []string       `json:"waived"`
	}{o.out, digest, r.Authority, waived(r)}
	return a.print(result, func(p *page) {
		p.line("requirements written to %s, %s", o.out, digest)
		requirementsWords(p, r)
		if o.policy != "" {
			p.line("checked with %s; what both withstand: muster policy check --policy %s --requirements %s", o.policy, o.policy, o.out)
			return
		}
		p.line("check them with the policy: muster policy check --policy FILE --requirements %s", o.out)
	})
}

func (o *requirementsOptions) requirements(a *app, cmd *cobra.Command) (*verify.Requirements, error) {
	authority, digest, err := a.findAuthority(cmd, &o.source)
	if err != nil {
		return nil, err
	}
	if authority != nil && authority.Version != 1 {
		return nil, usage(cmd, fmt.Errorf("--authority %s is version %d: the pin is version 1, entry 0 of the log", o.source.authority, authority.Version))
	}
	r := &verify.Requirements{
		Authority: digest, Products: o.products, Channels: o.channels, LogOperator: o.logOperator,
		Consistency: verify.Consistency(o.consistency), SecureBoot: verify.SecureBoot(o.secureBoot), Firmware: verify.Firmware(o.firmware),
		Nonce: o.nonce, Epoch: o.epoch,
	}
	for _, mode := range o.modes {
		r.Modes = append(r.Modes, release.Mode(mode))
	}
	for _, level := range o.levels {
		r.Assurance = append(r.Assurance, verify.Assurance(level))
	}
	for _, age := range []struct {
		flag, text string
		into       *verify.Duration
	}{{"roll-max-age", o.rollAge, &r.RollMaxAge}, {"checkpoint-max-age", o.checkpointAge, &r.CheckpointMaxAge}, {"minimum-age", o.minimumAge, &r.MinimumAge}} {
		if *age.into, err = verify.ParseDuration(age.text); err != nil {
			return nil, usage(cmd, fmt.Errorf("--%s: %w", age.flag, err))
		}
	}
	for _, text := range o.testRoots {
		root, err := release.ParseDigest(text)
		if err != nil {
			return nil, usage(cmd, fmt.Errorf("--test-root: %w", err))
		}
		r.TestRoots = append(r.TestRoots, root)
	}
	if r.Operators, err = pairs(cmd, "operator", "WITNESS=OPERATOR", o.operators); err != nil {
		return nil, err
	}
	r.CmdlineRules = o.cmdlineRules
	return r, o.floors(cmd, r)
}

// floors reads the minimum security versions.
func (o *requirementsOptions) floors(cmd *cobra.Command, r *verify.Requirements) error {
	texts, err := pairs(cmd, "minimum-security-version", "KIND/NAME=N", o.securityVersions)
	if err != nil || len(texts) == 0 {
		return err
	}
	r.MinimumSecurityVersion = map[string]uint64{}
	for name, text := range texts {
		version, err := strconv.ParseUint(text, 10, 53)
		if err != nil {
			return usage(cmd, fmt.Errorf("--minimum-security-version %s=%s: want a number", quote(name), quote(text)))
		}
		r.MinimumSecurityVersion[name] = version
	}
	return nil
}

// pairs reads repeated NAME=VALUE flags. The last = separates, since a witness's
// name may hold one.
func pairs(cmd *cobra.Command, flag, form string, texts []string) (map[string]string, error) {
	found := map[string]string{}
	for _, text := range texts {
		at := strings.LastIndexByte(text, '=')
		if at <= 0 || at == len(text)-1 {
			return nil, usage(cmd, fmt.Errorf("--%s %s: want %s", flag, quote(text), form))
		}
		name := text[:at]
		if _, twice := found[name]; twice {
			return nil, usage(cmd, fmt.Errorf("--%s: %s stands twice", flag, quote(name)))
		}
		found[name] = text[at+1:]
	}
	return found, nil
}
