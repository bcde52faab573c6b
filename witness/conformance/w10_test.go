package conformance

import (
	"net/http"

	"github.com/muster-log/muster/witness"
)

// w10: an origin signed by another's key.
var w10 = []check{
	{name: "W10.origin-signed-by-anothers-key", run: func(t *T) {
		s := t.sharedSite()
		a, b := s.follow(5), s.follow(5)
		swapped := &witness.AddCheckpoint{Checkpoint: b.Sign(a.Checkpoint(5).Checkpoint)}
		s.refused(a, swapped.Marshal(), http.StatusForbidden)
		s.cosign(a.Request(0, 5))
		s.cosign(b.Request(0, 5))
	}},
	{name: "W10.anothers-signature-under-its-name-and-id", run: func(t *T) {
		s := t.sharedSite()
		a, b := s.follow(5), s.follow(5)
		swapped := &witness.AddCheckpoint{Checkpoint: b.Sign(a.Checkpoint(5).Checkpoint)}
		swapped.Checkpoint.Note.Signatures[0].Name = a.Origin
		swapped.Checkpoint.Note.Signatures[0].KeyID = a.Key.Verifier().KeyID
		s.refused(a, swapped.Marshal(), http.StatusForbidden)
	}},
	{name: "W10.one-key-of-two-logs", run: func(t *T) {
		s := t.sharedSite()
		a, b := s.follow(5), s.t.log(5)
		b.Key = a.Key
		s.add(b)
		s.cosign(a.Request(0, 5))
		// The same key, and yet another log: nothing of a is b's.
		s.conflict(b, b.Request(5, 5), "0\n")
		s.cosign(b.Request(0, 3))
		s.conflict(a, a.Request(3, 5), "5\n")
	}},
}
