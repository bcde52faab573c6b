// Package logtest makes what a log under test needs: entries that are admitted,
// storage in memory whose writes fail as a test says, and real witnesses on
// loopback.
//
// Its keys are made of their names: never trust one.
package logtest
