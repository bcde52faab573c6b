// Package foreign judges keys and signatures of the formats that package release
// knows by name only: OpenPGP and X.509, through sigstore's rekor (pkg/pki), which
// links net/http and so cannot stand in package release. Such keys may have the
// roles withdraw and auditor alone (docs/formats/keys.md).
//
// Verify has the form of a register.Verifier. It is a function of its arguments:
// it reads no clock, so that everybody who replays a log comes to the same result.
// Of OpenPGP a key's expiry is judged at the time that the signature says it was
// made at; of X.509 no date, no chain and no extension is judged: the authority
// names this very certificate, and ends it by its next version.
//
// What a key's bytes are, the register does not judge, beyond their number: Check
// does, for whoever lets such a key into an authority. A key that Check refuses
// verifies nothing.
//
// ParseProgramSignature and FindSigner read what ssh-keygen, minisign, gpg and openssl
// wrote into a file, of the formats of package release, too: by what program, and by
// which key.
package foreign
