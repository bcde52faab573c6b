// Package verify judges a node's release by what the relying party trusts and
// nothing else: a proof bundle, a trust policy, requirements and a time go in, a
// verdict comes out. It is the same code in the command line, in nodes, in
// clients and, as WebAssembly, in browsers, so it asks no network, no disk and
// no clock. The formats are docs/formats/proof-bundle.md, requirements.md and
// verdict.md.
//
// A verdict is a list of checks. Each check is an element of one table (see
// checks.go): its code, the checks that must have passed before it, and what it
// does. A check that is required and was not made makes the result unknown,
// never pass.
//
// What a verdict does not promise: that the log shows everybody the same tree,
// beyond what the quorum of witnesses vouches for; that the release has not been
// withdrawn, where the requirements waive the age of the roll; that any machine
// runs the release, which takes evidence.
package verify
