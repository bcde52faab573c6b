// Package gate stands between a machine that has booted and the work it is for: it
// judges the machine, writes what will be loaded into the ledger, opens the images,
// locks the ledger, and says what to run. Nothing runs that was not written down
// before, and nothing can be written down afterwards.
package gate
