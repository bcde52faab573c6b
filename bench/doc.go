// Package bench holds the log's benchmarks: what a release pipeline waits for a
// proof, how many submissions a log takes, each beside what it is measured
// against, in the same run: a bare Tessera log of the same interval, and the
// limits of the machine. It has no other code.
//
// The figures are metrics of one line each, so that a table can be made of them.
// How often to run: -benchtime=30x for the paced one, 100x for the closed loop,
// 20000x for submissions.
package bench
