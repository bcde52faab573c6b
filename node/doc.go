// Package node is what the programs of a node share: where a verdict about the
// machine itself is written, and how they exit.
//
// These programs protect an honest operator from mistakes. Whoever controls the
// machine can leave them out, so no client relies on them: it relies on evidence.
package node
