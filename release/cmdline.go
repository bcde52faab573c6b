package release

// CmdlineRuleSet is the rules of a production command line: one version of them.
type CmdlineRuleSet struct {
	Version  int
	MaxBytes int      // the kernel reads no more: COMMAND_LINE_SIZE less its NUL
	Required []string // words that stand exactly once, with no other value of their keys
	Root     []string // keys of which exactly one stands, once, with the root hash
	Refused  []string // keys that stand nowhere
}

// CmdlineRulesVersion is the newest version of the rules.
const CmdlineRulesVersion = 1

// CmdlineRules returns a version of the rules of a production command line.
func CmdlineRules(version int) (*CmdlineRuleSet, error) { return nil, nil }

// CheckCmdline judges a production command line by a version of the rules.
func CheckCmdline(version int, cmdline string) error { return nil }

// RootHash returns the value of the one word roothash= or usrhash= of a command line.
func RootHash(cmdline string) (string, error) { return "", nil }
