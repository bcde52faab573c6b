package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/roll"
	rollremote "github.com/muster-log/muster/roll/remote"
)

func (a *app) rollAskCommand() *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "ask --roll URL",
		Short: "ask a running roll signer how it is",
		Long: `Asks a roll signer (muster roll serve) how it stands: which log it follows and how far,
the rolls of each product, withdrawals that wait, and alarms; docs/roll.md says what to
do about each. It is its own word: what is in the log, muster roll check says.

Exit code 0: ready, though alarms that stop nothing may be shown; 1: not ready, no roll
of a product or of all is signed, or the newest in the log is too old; 3: it does not
answer.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "roll"); err != nil {
				return err
			}
			return a.rollAsk(cmd, url)
		},
	}
	cmd.Flags().StringVar(&url, "roll", "", "the `URL` of the roll signer, such as http://127.0.0.1:8086")
	return cmd
}

func (a *app) rollAsk(cmd *cobra.Command, url string) error {
	client, err := rollremote.New(url)
	if err != nil {
		return usage(cmd, fmt.Errorf("--roll: %w", err))
	}
	defer client.Close()
	data, err := client.Status(cmd.Context())
	if answered, ok := errors.AsType[*rollremote.StatusError](err); ok && answered.Refused() {
		return fail(exitcode.Unknown, "no-roll-signer", "give the URL of muster roll serve", fmt.Errorf("roll signer at %s: %w", url, err))
	}
	if err != nil {
		return fail(exitcode.Unknown, "roll-signer-away", "see whether muster roll serve runs there, and what its log says", fmt.Errorf("roll signer at %s: %w", url, err))
	}
	status, err := readRollStatus(data)
	if err != nil {
		return fail(exitcode.Unknown, "no-roll-signer", "give the URL of muster roll serve", fmt.Errorf("%s is no roll signer: %w", url, err))
	}
	if err := a.print(status, func(p *page) { describeRollSigner(p, url, status) }); err != nil {
		return err
	}
	if !status.Ready {
		return command.Verdict(exitcode.Refused)
	}
	return nil
}

// readRollStatus reads what a roll signer says of itself.
func readRollStatus(data []byte) (*roll.Status, error) {
	var status roll.Status
	if err := json.Unmarshal(data, &status); err != nil {
		return nil, err
	}
	// A JSON object of something else reads as a status of nothing.
	for _, member := range []string{`"ready":`, `"products":`, `"alarms":`} {
		if !bytes.Contains(data, []byte(member)) {
			return nil, fmt.Errorf("its answer has no %s", member[:len(member)-1])
		}
	}
	return &status, nil
}

// describeRollSigner says a status in words. All texts are the peer's.
func describeRollSigner(p *page, url string, s *roll.Status) {
	word := "ready"
	if !s.Ready {
		word = "NOT READY"
	}
	p.line("roll signer at %s: %s", url, word)
	if s.Origin == "" {
		p.line("it has not read its log yet")
	} else {
		p.field("log", "%s, followed to size %d", quote(s.Origin), s.Size)
		p.field("cosigned", "by a quorum at %s", release.FormatTime(s.Fresh))
		p.field("last read", "%s", whenOf(s.Stepped))
	}
	for _, product := range s.Products {
		p.line("product %s: %s", quote(product.Product), count(product.Live, "live release"))
		switch {
		case product.Newest != nil:
			p.field("newest roll", "of size %d, %d live, issued %s", product.Newest.Size, product.Newest.Live, release.FormatTime(product.Newest.Issued))
		case !product.Released:
			p.field("newest roll", "none: the log never had a release of it; is the name right?")
		default:
			p.field("newest roll", "none in the log")
		}
		if product.Stopped {
			p.field("stopped", "an alarm forbids its rolls")
		}
	}
	for _, waits := range s.Withdrawals {
		p.line("withdrawal %s of %s is %s", waits.Digest, waits.Target, quote(string(waits.State)))
		p.field("no roll without it", "from %s on", whenOf(waits.Deadline))
		if waits.Detail != "" {
			p.field("because", "%s", quote(waits.Detail))
		}
	}
	for _, alarm := range s.Alarms {
		word := "alarm"
		if alarm.Stops {
			word = "ALARM, no roll is signed"
		}
		of := ""
		if alarm.Product != "" {
			of = " of " + quote(alarm.Product)
		}
		p.line("%s%s: %s since %s", word, of, quote(string(alarm.Code)), whenOf(alarm.Since))
		p.field("", "%s", quote(alarm.Detail))
	}
	if len(s.Alarms) == 0 {
		p.line("no alarms")
	}
}

// whenOf shows a time that may be missing.
func whenOf(when time.Time) string {
	if when.IsZero() {
		return "never"
	}
	return release.FormatTime(when)
}
