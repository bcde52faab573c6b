package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
)

// flagsOfMembers are the flags that members of a statement come from, where their
// names differ by more than the way they are written.
var flagsOfMembers = map[string]string{
	"artifacts": "url", "channels": "channel", "subject": "image", "securityVersion": "security-version", "publishBy": "publish-by", "notAfter": "not-after",
}

// flagValue turns the refusal of a statement that was made of flags into an error
// of the call, which names the flag. A member that no flag of the command sets is
// left as it is.
func flagValue(cmd *cobra.Command, err error) error {
	refusal, ok := errors.AsType[*release.Refusal](err)
	if !ok {
		return err
	}
	name := strings.TrimPrefix(refusal.Member, "predicate.")
	if end := strings.IndexAny(name, ".["); end >= 0 {
		name = name[:end]
	}
	if flag, ok := flagsOfMembers[name]; ok {
		name = flag
	}
	if flag := cmd.Flags().Lookup(name); flag == nil || !flag.Changed {
		return err
	}
	return fail(exitcode.Usage, string(refusal.Code), "see "+cmd.CommandPath()+" --help", &flagError{name, refusal})
}

// flagError says a refusal of a flag's value.
type flagError struct {
	flag    string
	refusal *release.Refusal
}

func (e *flagError) Error() string {
	want := e.refusal.Want
	if e.refusal.Code == release.CodeURL {
		want += ", such as https://dl.example/"
	}
	if e.refusal.Got == "" {
		return fmt.Sprintf("--%s: want %s", e.flag, want)
	}
	return fmt.Sprintf("--%s: got %s, want %s", e.flag, quote(e.refusal.Got), want)
}

func (e *flagError) Unwrap() error { return e.refusal }
