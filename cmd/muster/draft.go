package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
)

// createDraft writes the draft of a new statement and shows it.
func (a *app) createDraft(statement *release.Statement, out string, force bool) error {
	doc, err := newDocument(statement)
	if err != nil {
		return err
	}
	if err := doc.write(out, force); err != nil {
		return err
	}
	return a.print(doc.json(), func(p *page) {
		p.line("draft written to %s, not signed yet:", out)
		doc.describe(p)
		p.line("next: muster %s sign %s --key KEY", doc.statement.Type, out)
	})
}

// outFlags are those of every command that writes one file.
func outFlags(cmd *cobra.Command, out *string, force *bool) {
	cmd.Flags().StringVar(out, "out", "", "the `FILE` to write")
	cmd.Flags().BoolVar(force, "force", false, "overwrite the file of --out")
}

// now is the clock in whole seconds, as statements have it.
func (a *app) now() time.Time { return a.clock().UTC().Truncate(time.Second) }

// parseWhen reads a time of a flag: RFC 3339, a date (its first second, UTC), or
// a number of days from now such as 30d. Empty: the default.
func (a *app) parseWhen(cmd *cobra.Command, flag, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	if when, err := release.ParseTime(text); err == nil {
		return when, nil
	}
	if date, err := time.Parse(time.DateOnly, text); err == nil {
		return date, nil
	}
	if count, ok := strings.CutSuffix(text, "d"); ok {
		if days, err := strconv.ParseUint(count, 10, 16); err == nil {
			return a.now().AddDate(0, 0, int(days)), nil
		}
	}
	return time.Time{}, usage(cmd, fmt.Errorf("--%s %s: want a time such as 2027-01-15T00:00:00Z, a date such as 2027-01-15, or days from now such as 30d", flag, quote(text)))
}
