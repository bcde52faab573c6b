package release

// CmdlineRuleSet and CmdlineRules are what the tests compare the file and the document
// with.
type CmdlineRuleSet = cmdlineRuleSet

var CmdlineRules = cmdlineRules
