package release

import (
	"bytes"
	_ "embed" // the rules are data
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// cmdlineRuleSet is the rules of a production command line: one version of them.
type cmdlineRuleSet struct {
	Version  int
	MaxBytes int      // the kernel reads no more: COMMAND_LINE_SIZE less its NUL
	Required []string // words that stand exactly once, with no other value of their keys
	Root     []string // keys of which exactly one stands, once, with the root hash
	Refused  []string // keys that stand nowhere
}

// CmdlineRulesVersion is the newest version of the rules.
const CmdlineRulesVersion = 1

// cmdlineRulesV1 is version 1 of the rules. A version that a log may hold is
// never edited: a change is a new file and a new version.
//
//go:embed cmdline_rules_v1.json
var cmdlineRulesV1 []byte

// readCmdlineRules reads the one version there is; an error is a fault of this program.
var readCmdlineRules = sync.OnceValues(func() (*cmdlineRuleSet, error) {
	rules := new(cmdlineRuleSet)
	decoder := json.NewDecoder(bytes.NewReader(cmdlineRulesV1))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(rules); err != nil {
		return nil, fmt.Errorf("cmdline_rules_v1.json: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("cmdline_rules_v1.json: more than one value")
	}
	if rules.Version != CmdlineRulesVersion || rules.MaxBytes <= 0 || len(rules.Required) == 0 || len(rules.Root) == 0 || len(rules.Refused) == 0 {
		return nil, fmt.Errorf("cmdline_rules_v1.json: version %d, or a member is missing", rules.Version)
	}
	return rules, nil
})

// cmdlineRules returns a version of the rules, which nobody changes.
func cmdlineRules(version int) (*cmdlineRuleSet, error) {
	if version != CmdlineRulesVersion {
		return nil, Refuse(CodeCmdlineRules, "cmdlineRules", strconv.Itoa(version), "1 to "+strconv.Itoa(CmdlineRulesVersion)+", a version of the command line rules that this program knows")
	}
	return readCmdlineRules()
}

// CheckCmdline judges a production command line by a version of the rules
// (docs/formats/cmdline.md). Of several faults the first in this order is told:
// length, characters, quotes, the first forbidden word, the first required word
// that is missing, the root hash.
func CheckCmdline(version int, cmdline string) error {
	rules, err := cmdlineRules(version)
	if err != nil {
		return err
	}
	if len(cmdline) > rules.MaxBytes {
		return Refuse(CodeCmdlineLength, "cmdline", fmt.Sprintf("%d bytes", len(cmdline)), fmt.Sprintf("at most %d bytes: the kernel cuts off what is longer", rules.MaxBytes))
	}
	for i := range len(cmdline) {
		switch c := cmdline[i]; {
		case c < 0x20 || c > 0x7e:
			return Refuse(CodeStringASCII, "cmdline", strconv.QuoteToASCII(cmdline[i:i+1]), "printable ASCII only")
		case c == '"' || c == '\'' || c == '\\':
			return Refuse(CodeCmdlineQuote, "cmdline", string(c), "no quote character and no backslash: kernel and systemd would split words elsewhere")
		}
	}
	words := cmdlineWords(cmdline)
	for _, word := range words {
		if err := rules.allows(word); err != nil {
			return err
		}
	}
	for _, required := range rules.Required {
		count := 0
		for _, word := range words {
			if word == required {
				count++
			}
		}
		if count != 1 {
			return Refuse(CodeCmdlineRequired, "cmdline", fmt.Sprintf("the word %s %d times", required, count), "it once, in an image of mode production")
		}
	}
	_, err = rules.rootHash(words)
	return err
}

// allows refuses a word with a refused key, and one that gives the key of a
// required word another value or another spelling.
func (r *cmdlineRuleSet) allows(word string) error {
	if slices.Contains(r.Required, word) {
		return nil
	}
	for _, refused := range r.Refused {
		if sameCmdlineKey(cmdlineKey(word), refused) {
			return Refuse(CodeCmdlineForbidden, "cmdline", word, "no word with the key "+refused+" in an image of mode production")
		}
	}
	for _, required := range r.Required {
		if sameCmdlineKey(cmdlineKey(word), cmdlineKey(required)) {
			return Refuse(CodeCmdlineForbidden, "cmdline", word, "no value of this key but "+required+" in an image of mode production")
		}
	}
	return nil
}

// rootHash returns the root hash of the one word that has a key of Root.
func (r *cmdlineRuleSet) rootHash(words []string) (string, error) {
	want := "exactly one word " + strings.Join(r.Root, "= or ") + "= with 64 lowercase hexadecimal digits"
	found := ""
	for _, word := range words {
		if !slices.ContainsFunc(r.Root, func(root string) bool { return sameCmdlineKey(cmdlineKey(word), root) }) {
			continue
		}
		if found != "" {
			return "", Refuse(CodeCmdlineRoot, "cmdline", found+" and "+word, want)
		}
		found = word
	}
	if found == "" {
		return "", Refuse(CodeCmdlineRoot, "cmdline", "none", want)
	}
	key, hash, _ := strings.Cut(found, "=")
	if !slices.Contains(r.Root, key) || len(hash) != 2*len(Digest{}) || !isLowerHex(hash) {
		return "", Refuse(CodeCmdlineRoot, "cmdline", found, want)
	}
	return hash, nil
}

// RootHash returns the value of the one word roothash= or usrhash= of a command
// line of whatever mode, split at spaces.
func RootHash(cmdline string) (string, error) {
	rules, err := cmdlineRules(CmdlineRulesVersion)
	if err != nil {
		return "", err
	}
	return rules.rootHash(cmdlineWords(cmdline))
}

// cmdlineWords splits at spaces: in printable ASCII the only white space.
func cmdlineWords(cmdline string) []string {
	return strings.FieldsFunc(cmdline, func(r rune) bool { return r == ' ' })
}

// cmdlineKey returns what stands before the first equals sign of a word; without one, the word.
func cmdlineKey(word string) string {
	key, _, _ := strings.Cut(word, "=")
	return key
}

// sameCmdlineKey tells whether some reader of the command line takes key for the
// key of a rule. Kernel and systemd do not tell - from _; and in an initrd
// systemd reads rd.roothash, rd.systemd.debug_shell and their like as the key
// without rd.
func sameCmdlineKey(key, rule string) bool {
	key, rule = strings.ReplaceAll(key, "-", "_"), strings.ReplaceAll(rule, "-", "_")
	return key == rule || key == "rd."+rule
}
