// Command demo shows the whole chain on one machine: a release pipeline, a log
// and three witnesses, and somebody who verifies. It runs the real programs as a
// person would, and prints what it does in plain words with the real command
// lines and their real output. docs/demo.md says what it shows and what not.
//
// One person runs everything here: the three witness operators, the log's
// operator and the people who sign are pretended, and the demo's files say so.
package main
