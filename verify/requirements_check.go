package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/policy"
)

const (
	// maxList is the greatest length of a list in requirements.
	maxList = 256
	// maxName is the greatest length of a string in requirements, in bytes.
	maxName = 128
	// maxProvider is the greatest length of a provider of virtual TPMs.
	maxProvider = 64
)

// check judges every member.
func (r *Requirements) check() error {
	for _, list := range []struct {
		member string
		values []string
	}{
		{"products", r.Products},
		{"channels", r.Channels},
		{"modes", texts(r.Modes)},
		{"assurance", texts(r.Assurance)},
		{"testRoots", digests(r.TestRoots)},
	} {
		if err := checkSet(list.values); err != nil {
			return fmt.Errorf("%s: %w", list.member, err)
		}
	}
	for _, mode := range r.Modes {
		if err := oneOf("modes", mode, release.ModeProduction, release.ModeResearch, release.ModeDebug); err != nil {
			return err
		}
	}
	for _, level := range r.Assurance {
		if provider, ok := strings.CutPrefix(string(level), string(AssuranceVTPM)); ok && isProvider(provider) {
			continue
		}
		if err := oneOf("assurance", level, AssuranceTPM, AssuranceTEE, AssuranceTest, AssuranceVTPM+"<provider>"); err != nil {
			return err
		}
	}
	if r.Consistency != "" {
		if err := oneOf("consistency", r.Consistency, ConsistencyRequired, ConsistencyWhenPossible); err != nil {
			return err
		}
	}
	if r.SecureBoot != "" {
		if err := oneOf("secureBoot", r.SecureBoot, SecureBootRequired, SecureBootNotRequired); err != nil {
			return err
		}
	}
	if r.Firmware != "" {
		if err := oneOf("firmware", r.Firmware, FirmwareRequired, FirmwareNotChecked); err != nil {
			return err
		}
	}
	if r.CmdlineRules > maxCmdlineRules {
		return fmt.Errorf("cmdlineRules: got %d, want 1 to %d", r.CmdlineRules, maxCmdlineRules)
	}
	if err := r.checkMinimums(); err != nil {
		return err
	}
	return r.checkOperators()
}

// maxCmdlineRules bounds a version of the rules, as in an image's statement.
const maxCmdlineRules = 1<<16 - 1

func (r *Requirements) checkMinimums() error {
	if len(r.MinimumSecurityVersion) > maxList {
		return fmt.Errorf("minimumSecurityVersion: got %d members, want at most %d", len(r.MinimumSecurityVersion), maxList)
	}
	for image, least := range r.MinimumSecurityVersion {
		kind, name, _ := strings.Cut(image, "/")
		if err := oneOf("minimumSecurityVersion", release.Kind(kind), release.KindOS, release.KindModel, release.KindAdapter, release.KindConfig, release.KindFirmware); err != nil {
			return err
		}
		if err := checkText(name); err != nil {
			return fmt.Errorf("minimumSecurityVersion: name of %s: %w", quote(image), err)
		}
		if least > 1<<53-1 {
			return fmt.Errorf("minimumSecurityVersion: %s: got %d, want at most 2^53-1", quote(image), least)
		}
	}
	return nil
}

func (r *Requirements) checkOperators() error {
	if err := checkText(r.LogOperator); err != nil {
		return fmt.Errorf("logOperator: %w", err)
	}
	if len(r.Operators) > policy.MaxWitnesses {
		return fmt.Errorf("operators: got %d witnesses, want at most %d", len(r.Operators), policy.MaxWitnesses)
	}
	for witness, operator := range r.Operators {
		if err := checkText(witness); err != nil {
			return fmt.Errorf("operators: witness: %w", err)
		}
		if err := checkText(operator); err != nil {
			return fmt.Errorf("operators: operator of %s: %w", quote(witness), err)
		}
	}
	return nil
}

// checkText refuses a string that is not 1 to 128 characters of printable ASCII.
func checkText(text string) error {
	if text == "" || len(text) > maxName || plain(text) != text {
		return fmt.Errorf("got %s, want 1 to %d characters of printable ASCII", quote(text), maxName)
	}
	return nil
}

func checkSet(values []string) error {
	if len(values) > maxList {
		return fmt.Errorf("got %d elements, want at most %d", len(values), maxList)
	}
	seen := make(map[string]bool, len(values))
	for _, value := range values {
		if err := checkText(value); err != nil {
			return err
		}
		if seen[value] {
			return fmt.Errorf("got %s twice", quote(value))
		}
		seen[value] = true
	}
	return nil
}

func oneOf[T ~string](member string, value T, accepted ...T) error {
	if !slices.Contains(accepted, value) {
		return fmt.Errorf("%s: got %s, want %s", member, quote(string(value)), strings.Join(texts(accepted), ", "))
	}
	return nil
}

// isProvider tells whether a text is [a-z0-9._-]{1,64}.
func isProvider(text string) bool {
	return text != "" && len(text) <= maxProvider && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

func texts[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = string(value)
	}
	return list
}

func digests(values []release.Digest) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = value.String()
	}
	return list
}
