package remote

import (
	"time"

	"github.com/muster-log/muster/release"
)

// MediaType is the content type of what is handed in: a DSSE envelope, an entry.
const MediaType = "application/vnd.dsse.envelope.v1+json"

// State says how far a withdrawal is that was handed in.
type State string

const (
	// StateWaiting: it is on the roll signer's disk, and not seen in the log yet.
	StateWaiting State = "waiting"
	// StateLogged: the log that the roll signer follows and verifies holds it.
	StateLogged State = "logged"
	// StateRefused: the log's rules do not admit it any more, because the authority
	// has changed since. It must be signed again; until then no roll is signed.
	StateRefused State = "refused"
)

// Withdrawal is what a roll signer says of a withdrawal that was handed in.
type Withdrawal struct {
	// Digest is that of the payload, by which the log knows it.
	Digest  release.Digest `json:"digest"`
	Product string         `json:"product"`
	Target  release.Digest `json:"target"`
	State   State          `json:"state"`
	// HandedIn is when it was made durable here; from Deadline on no roll of its
	// product is signed that does not cover it.
	HandedIn time.Time `json:"handedIn"`
	Deadline time.Time `json:"deadline"`
	// Index is that of its entry in the log.
	Index *uint64 `json:"index,omitempty"`
	// Code and Detail say why it was refused, or why the last attempt to submit it
	// failed.
	Code   release.Code `json:"code,omitempty"`
	Detail string       `json:"detail,omitempty"`
}
