// Package tpm drives a node's own TPM 2.0: it reads PCRs, extends the ledger, makes
// an attestation key, quotes, and gives back the secrets of credentials.
//
// It opens the kernel's resource manager, /dev/tpmrm0, which needs membership in the
// device's group and nothing more, or the socket of a software TPM. Authorisations
// are empty: owner and endorsement hierarchy must have no password, as after a clear.
//
// Specifications: TCG TPM 2.0 Library, parts 1 to 3; TCG EK Credential Profile for
// TPM Family 2.0, version 2.5.
package tpm
