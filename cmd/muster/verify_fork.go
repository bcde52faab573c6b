package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/verify"
)

// The results of muster verify fork.
const (
	isEvidence  = "evidence"
	notJudged   = "not-judged"  // nobody said whose keys to believe
	otherAuthor = "another-pin" // evidence under an authority that is not the one pinned
	refuted     = "refuted"     // all entries of the log show that the signer was right
)

// shownFork is the JSON of muster verify fork.
type shownFork struct {
	Kind    fork.Kind `json:"kind"`
	Origin  string    `json:"origin"`
	Shows   string    `json:"shows"`
	Accused []string  `json:"accused"`
	// Authority is, of a false roll, the payload digest of entry 0.
	Authority *release.Digest `json:"authority,omitempty"`
	// Cosigned tells, of a false roll, whether the checkpoint meets the quorum.
	Cosigned *bool `json:"cosigned,omitempty"`
	// Confirmed tells, of a false roll, whether a replay of the log bore it out.
	Confirmed *bool `json:"confirmed,omitempty"`
	// Refuted says why a replay did not.
	Refuted string `json:"refuted,omitempty"`
	Result  string `json:"result"`
	whom    string
}

func (a *app) verifyForkCommand() *cobra.Command {
	var trust rollTrust
	var logKeys []string
	files := &trust.files
	cmd := &cobra.Command{
		Use:   "fork FILE" + fork.Extension + " (--policy FILE [--log URL] | --log-key VKEY)",
		Short: "judge evidence that a log, a witness or a roll's signer broke its promise",
		Long: `Judges an evidence file of any kind offline by the keys of your policy, and says in
words what it shows and who is accused. What it cannot show is who did it: a
stolen key looks the same.

With --log-key no policy is needed: you say that this is the log's key. That also
judges evidence about a log whose origin is not its key's name.

Evidence about a roll cannot show which entries of the log are void, and void ones
can make an honest signer look false: before you accuse anybody, confirm it with
--log, which replays the log and judges the evidence by all its entries. With
--requirements such evidence has to be of the authority that they pin.

Exit codes: 0 it is evidence; 1 it is none, or a replay refutes it; 3 nobody said whose
keys to believe, or a replay does not tell; 4 the log contradicts the evidence's
checkpoint, and evidence of that is in a file.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if files.policy == "" && (files.requirements != "" || trust.url != "") {
				return usage(cmd, errors.New("missing --policy: the log's key stands there"))
			}
			if len(logKeys) > 0 && (files.policy != "" || files.requirements != "" || trust.url != "") {
				return usage(cmd, errors.New("--log-key stands in place of --policy, --requirements and --log"))
			}
			keys, err := parseLogKeys(logKeys)
			if err != nil {
				return usage(cmd, err)
			}
			shown, err := a.judgeFork(cmd, args[0], &trust, keys)
			if err != nil {
				return err
			}
			if err := a.print(shown, shown.words); err != nil {
				return err
			}
			switch shown.Result {
			case isEvidence:
				return nil
			case notJudged:
				return command.Verdict(exitcode.Unknown)
			}
			return command.Verdict(exitcode.Refused)
		},
	}
	cmd.Flags().StringArrayVar(&logKeys, "log-key", nil, "a verifier key of the log that the file is about, as a log's operator gives it to witnesses; may be given for each of its keys")
	cmd.Flags().StringVar(&trust.url, "log", "", "replay the log of this `URL`, and judge evidence about a roll by all its entries")
	files.flags(cmd)
	cmd.Flag("requirements").Usage = "the requirements file, whose pinned authority evidence about a roll has to be of"
	return cmd
}

// parseLogKeys reads the keys of --log-key.
func parseLogKeys(texts []string) ([]tlog.VerifierKey, error) {
	var keys []tlog.VerifierKey
	for _, text := range texts {
		key, err := tlog.ParseVerifierKey(text)
		if err != nil {
			return nil, fmt.Errorf("--log-key: %w", err)
		}
		if key.Type == tlog.TypeCosignatureEd25519 {
			return nil, fmt.Errorf("--log-key %s: it is the key of a witness (type %v), not of a log", quote(key.Name), key.Type)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// judgeFork reads and judges an evidence file, by the keys of a log or by what the
// files of trust name.
func (a *app) judgeFork(cmd *cobra.Command, path string, trust *rollTrust, logKeys []tlog.VerifierKey) (*shownFork, error) {
	files := &trust.files
	data, err := a.readFile(path, "evidence", verify.MaxEvidence)
	if err != nil {
		return nil, err
	}
	evidence, err := verify.ParseEvidence(data, a.registerOptions()...)
	if err != nil {
		return nil, wrongFile(path, data, "evidence", forkFailure(path, err))
	}
	shown, err := describeEvidence(evidence)
	if err != nil {
		return nil, forkFailure(path, err)
	}
	falseRoll, aboutRoll := evidence.(*verify.FalseRoll)
	if trust.url != "" && !aboutRoll {
		return nil, usage(cmd, fmt.Errorf("--log: evidence of kind %s shows all by itself, no replay adds to it", shown.Kind))
	}
	shown.Result = notJudged
	if len(logKeys) > 0 {
		e, ok := evidence.(*fork.Evidence)
		if !ok || e.Kind == fork.WitnessTime {
			return nil, usage(cmd, fmt.Errorf("--log-key: evidence of kind %s is not about a log, give --policy", shown.Kind))
		}
		if err := e.VerifyLog(logKeys...); err != nil {
			return nil, forkFailure(path, err)
		}
		shown.Result = isEvidence
		return shown, nil
	}
	if files.policy == "" {
		return shown, nil
	}
	var requirements *verify.Requirements
	var p *policy.Policy
	if files.requirements == "" {
		p, err = a.readPolicy(files.policy)
	} else {
		var read *verify.Trust
		if read, err = files.read(a, cmd); err == nil {
			p, requirements = read.Policy(), read.Requirements()
		}
	}
	if err != nil {
		return nil, err
	}
	if err := evidence.Verify(policyKeys(p)...); err != nil {
		return nil, forkFailure(path, err)
	}
	shown.Result = isEvidence
	if aboutRoll {
		_, _, err := verifyCheckpoint(p, []byte(falseRoll.Bundle.Checkpoint))
		cosigned := err == nil
		shown.Cosigned = &cosigned
		if requirements != nil && requirements.Authority != *shown.Authority {
			shown.Result = otherAuthor
		} else if trust.url != "" {
			return shown, a.confirmFalseRoll(cmd, falseRoll, trust, shown)
		}
	}
	return shown, nil
}

// confirmFalseRoll replays the log that evidence is of, and judges the evidence by all
// entries.
func (a *app) confirmFalseRoll(cmd *cobra.Command, e *verify.FalseRoll, trust *rollTrust, shown *shownFork) error {
	kept, err := tlog.ParseCheckpoint([]byte(e.Bundle.Checkpoint))
	if err != nil {
		return err
	}
	l, err := a.replayRolls(cmd, trust)
	if err != nil {
		return err
	}
	defer l.session.client.Close()
	newest := l.follower.Checkpoint()
	if newest.Origin != kept.Origin {
		return fail(exitcode.Usage, "other-origin", "", fmt.Errorf("the evidence is of %s, the log is %s", quote(kept.Origin), quote(newest.Origin)))
	}
	_, forked, err := relate(cmd.Context(), kept, newest, l.session.client)
	if err != nil {
		return err
	}
	if forked != nil {
		return a.accuse(l.session.policy, []*fork.Evidence{forked}, newest, checkpointOptions{})
	}
	switch err := e.Confirm(l.follower.State()); {
	case errors.Is(err, fork.ErrNoContradiction):
		shown.Result, shown.Refuted = refuted, err.Error()
	case release.CodeOf(err) == release.CodeCannotJudge:
		return fail(exitcode.Unknown, string(release.CodeCannotJudge), "use a newer muster", err)
	case err != nil:
		return err
	default:
		*shown.Confirmed = true
	}
	return nil
}

// policyKeys are those of all logs and witnesses.
func policyKeys(p *policy.Policy) []tlog.VerifierKey {
	keys := p.WitnessKeys()
	for _, log := range p.Logs {
		keys = append(keys, log.Key)
	}
	return keys
}

// forkFailure says of a file that it proves nothing, and why.
func forkFailure(path string, err error) error {
	code, hint := "fork-form", ""
	switch {
	case errors.Is(err, fork.ErrNoContradiction):
		code, hint = "no-contradiction", "an honest log, witness or signer may have signed this"
	case errors.Is(err, fork.ErrNotAccused):
		code, hint = "not-accused", "give the policy of the log or the witness that the file is about"
	case errors.Is(err, tlog.ErrSignature), errors.Is(err, tlog.ErrNotSigned):
		code, hint = "not-signed", "the key given did not sign what the file shows"
	case release.CodeOf(err) == release.CodeCannotJudge:
		return fail(exitcode.Unknown, string(release.CodeCannotJudge), "", fmt.Errorf("%s: %w", path, err))
	}
	return fail(exitcode.Refused, code, hint, fmt.Errorf("%s is no evidence: %w", path, err))
}

// describeEvidence says what evidence shows, if it is genuine.
func describeEvidence(evidence verify.Evidence) (*shownFork, error) {
	if falseRoll, ok := evidence.(*verify.FalseRoll); ok {
		return describeFalseRoll(falseRoll)
	}
	e := evidence.(*fork.Evidence)
	shown := &shownFork{Kind: e.Kind, Origin: e.Origin, Accused: []string{e.Origin}, whom: "whoever holds the key of log " + quote(e.Origin)}
	if e.Kind == fork.WitnessTime {
		witness, err := tlog.ParseVerifierKey(e.Witness)
		if err != nil {
			return nil, err
		}
		shown.Accused, shown.whom = []string{e.Witness}, "whoever holds the key of witness "+quote(witness.Name)
	}
	var err error
	if shown.Shows, err = e.Shows(); err != nil {
		return nil, err
	}
	return shown, nil
}

func describeFalseRoll(e *verify.FalseRoll) (*shownFork, error) {
	s, err := e.Shown()
	if err != nil {
		return nil, err
	}
	shown := &shownFork{Kind: verify.KindFalseRoll, Origin: s.Origin, Authority: &s.Pin, Confirmed: new(bool), whom: "whoever holds the keys that signed the roll"}
	for _, key := range s.Accused {
		shown.Accused = append(shown.Accused, key.String())
	}
	shown.Shows = fmt.Sprintf("the roll at index %d, of size %d, lists release %s of %s at index %d, which the withdrawal at index %d (%s) covers",
		s.RollIndex, s.Roll.Size, s.Release.Version, s.Release.Product, s.ReleaseIndex, s.WithdrawalIndex, s.Withdrawal.Reason)
	return shown, nil
}

func (s *shownFork) words(p *page) {
	p.line("evidence of kind %s, of log %s", s.Kind, quote(s.Origin))
	p.field("shows", "%s", s.Shows)
	p.field("accused", "%s", s.whom)
	for _, key := range s.Accused {
		if key != s.Origin {
			p.field("", "%s", key)
		}
	}
	if s.Authority != nil {
		p.field("authority", "%s", *s.Authority)
	}
	if s.Cosigned != nil {
		p.field("checkpoint", "%s", map[bool]string{true: "cosigned as your policy asks", false: "signed by the log, and not cosigned as your policy asks"}[*s.Cosigned])
	}
	if s.Confirmed != nil {
		p.field("confirmed", "%s", s.confirmation())
	}
	switch s.Result {
	case isEvidence:
		if s.Confirmed != nil && !*s.Confirmed {
			p.line("result: evidence, not confirmed. A stolen key looks the same")
			return
		}
		p.line("result: evidence. A stolen key looks the same")
	case refuted:
		p.line("result: no evidence, the log's other entries show that the signer was right")
	case otherAuthor:
		p.line("result: no evidence for you, its authority is not the one that the requirements pin")
	default:
		p.line("result: unknown, give --policy to say whose keys to believe")
	}
}

func (s *shownFork) confirmation() string {
	switch {
	case *s.Confirmed:
		return "yes, by a replay of the log"
	case s.Refuted != "":
		return "no: " + s.Refuted
	}
	return "no: the file cannot show which entries are void; confirm by a replay, with --log, before you accuse anybody"
}
