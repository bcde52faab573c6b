// Package measure reads reference values out of real files: a unified kernel
// image and its root file system (profile tpm2-uki/v1), an image under dm-verity
// (verity/v1), a model directory (oms/v1) and the read-only image made of it,
// and any file as an artifact. Compare holds the files of an image to what its
// statement says of them.
//
// Files are streamed: memory does not grow with their size, and several cores
// work where the format lets them. Every file is checked after reading: one that
// changed meanwhile is an error, not a measurement. Parsers are strict and
// bounded, for what is measured was not always made by a friend: an input that
// two readers could understand differently is refused.
//
// A refusal is an *Error with a stable code, the path and what to do. Other
// errors are of this machine: a file that cannot be read.
//
// The functions of pcr.go open no file: a verifier can predict with them what a
// machine's registers hold.
package measure
