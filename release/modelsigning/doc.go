// Package modelsigning reads OpenSSF Model Signing bundles as the programs of
// versions 1.0 and 1.1 write them (docs/formats/model-signing.md): a sigstore
// bundle around a DSSE envelope around an in-toto statement that lists the files of
// a model. [Verify] bounds the bundle, checks the signature, and only then reads
// what was signed.
//
// What is judged: a signature by an ECDSA key (P-256, P-384, P-521) that the caller
// has, or by the key of a certificate that leads to a root that the caller has.
// What is not: a bundle that a person or a workload signed through sigstore without
// a key of his own (keyless) is refused, because what makes such a signature worth
// something, the transparency log and the identity, is not checked here.
//
// The list is the statement's resources. Its root does not cover the files' names,
// so a model is compared with the list, never by the root.
//
// Spec: github.com/sigstore/model-transparency, github.com/ossf/model-signing-spec.
package modelsigning
