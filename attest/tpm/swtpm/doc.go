// Package swtpm runs a software TPM, swtpm, and plays boots into it, for tests, the
// demo and benchmarks. A machine that boots extends its TPM by what it runs; here a
// program extends one by what a release says, or by what an attacker would run, so
// that everything above the TPM can be tried without a machine. That this is possible
// is why evidence of such a TPM is worth nothing: its maker's root is a test root.
//
// Nothing in production may import it.
package swtpm
