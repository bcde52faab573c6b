package conformance

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// w1 are the MUSTs of https://c2sp.org/tlog-witness, in the order of its text.
var w1 = []check{
	{name: "W1.cosigns-growth", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(70)
		sizes := []int{0, 0, 1, 2, 3, 7, 8, 8, 9, 31, 64, 65, 70}
		for i := 1; i < len(sizes); i++ {
			s.cosign(log.Request(sizes[i-1], sizes[i]))
		}
	}},
	{name: "W1.post-only", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodHead, http.MethodDelete, "PROPFIND"} {
			got := s.do(method, "/add-checkpoint", bytes.NewReader(log.Request(0, 3).Marshal()))
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != http.MethodPost {
				t.Errorf("%s: got %d, Allow %q, want 405 and POST", method, got.status, got.header.Get("Allow"))
			}
		}
		if size := s.cosignedSize(log); size != 0 {
			t.Errorf("size %d was cosigned", size)
		}
	}},
	{name: "W1.keep-alive", run: keepAlive},
	{name: "W1.ignores-unknown-keys", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		request := log.Request(0, 3)
		good := request.Checkpoint.Note.Signatures[0]
		sameID := tlog.NoteSignature{Name: "other.example", KeyID: good.KeyID, Sig: []byte("not a signature")}
		sameName := tlog.NoteSignature{Name: good.Name, KeyID: good.KeyID + 1, Sig: []byte("not a signature")}
		request.Checkpoint.Note.Signatures = []tlog.NoteSignature{sameID, good, sameName, good}
		s.cosign(request)
	}},
	{name: "W1.404-unknown-origin", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		stranger := log.Sign(tlog.Checkpoint{Origin: t.origin(), Size: 3, Root: log.Root(3)})
		s.refused(log, (&witness.AddCheckpoint{Checkpoint: stranger}).Marshal(), http.StatusNotFound)
	}},
	{name: "W1.404-before-signature-and-sizes", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		stranger := log.Sign(tlog.Checkpoint{Origin: t.origin(), Size: 3, Root: log.Root(3)})
		stranger.Note.Signatures[0].Sig[9] ^= 1
		s.refused(log, (&witness.AddCheckpoint{OldSize: 9, Checkpoint: stranger}).Marshal(), http.StatusNotFound)
	}},
	{name: "W1.403-no-trusted-signature", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		s.refused(log, witnesstest.NewLog(t, log.Origin, 3).Request(0, 3).Marshal(), http.StatusForbidden)
	}},
	{name: "W1.403-key-of-another-name", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		renamed := log.Request(0, 3)
		renamed.Checkpoint.Note.Signatures[0].Name = "log.example/other"
		s.refused(log, renamed.Marshal(), http.StatusForbidden)
	}},
	{name: "W1.403-before-sizes", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		stranger := witnesstest.NewLog(t, log.Origin, 9)
		for _, old := range []uint64{4, 9} {
			request := stranger.Request(0, 7)
			request.OldSize = old
			s.refused(log, request.Marshal(), http.StatusForbidden)
		}
	}},
	{name: "W1.403-bad-line-alone", run: badLine(func(good, bad, _ tlog.NoteSignature) []tlog.NoteSignature {
		return []tlog.NoteSignature{bad}
	})},
	{name: "W1.403-bad-line-before-good", run: badLine(func(good, bad, _ tlog.NoteSignature) []tlog.NoteSignature {
		return []tlog.NoteSignature{bad, good}
	})},
	{name: "W1.403-bad-line-after-good", run: badLine(func(good, bad, _ tlog.NoteSignature) []tlog.NoteSignature {
		return []tlog.NoteSignature{good, bad}
	})},
	{name: "W1.403-bad-line-between-others", run: badLine(func(good, bad, unknown tlog.NoteSignature) []tlog.NoteSignature {
		return []tlog.NoteSignature{good, unknown, bad, unknown, good}
	})},
	{name: "W1.403-short-line-after-good", run: badLine(func(good, _, _ tlog.NoteSignature) []tlog.NoteSignature {
		short := good
		short.Sig = short.Sig[:63]
		return []tlog.NoteSignature{good, short}
	})},
	{name: "W1.400-old-above-size", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		for _, old := range []uint64{4, 5, 9, tlog.MaxSize} {
			s.refused(log, (&witness.AddCheckpoint{OldSize: old, Checkpoint: log.Checkpoint(3)}).Marshal(), http.StatusBadRequest)
		}
	}},
	{name: "W1.409-never-cosigned", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		s.conflict(log, log.Request(3, 5), "0\n")
	}},
	{name: "W1.409-old-is-not-the-latest", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		for _, sizes := range [][2]int{{0, 9}, {0, 3}, {4, 9}, {6, 9}, {3, 3}, {0, 5}, {9, 9}} {
			s.conflict(log, log.Request(sizes[0], sizes[1]), "5\n")
		}
	}},
	{name: "W1.409-before-root-and-proof", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		bad := log.Request(4, 9)
		bad.Proof = bad.Proof[1:]
		s.conflict(log, bad, "5\n")
		s.conflict(log, &witness.AddCheckpoint{Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Root: log.Root(1)})}, "5\n")
	}},
	{name: "W1.422-size-0-with-another-root", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		for _, root := range []tlog.Hash{{}, log.Root(1)} {
			s.refused(log, (&witness.AddCheckpoint{Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Root: root})}).Marshal(), http.StatusUnprocessableEntity)
		}
		s.cosign(log.Request(0, 0))
		s.refused(log, (&witness.AddCheckpoint{Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Root: log.Root(1)})}).Marshal(), http.StatusUnprocessableEntity)
		s.cosign(log.Request(0, 3))
	}},
	{name: "W1.422-proof-with-old-0", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		for _, size := range []int{0, 1, 3} {
			request := log.Request(0, size)
			request.Proof = []tlog.Hash{log.Root(1)}
			s.refused(log, request.Marshal(), http.StatusUnprocessableEntity)
		}
	}},
	{name: "W1.422-no-proof", run: badProof(func(*witnesstest.Log, []tlog.Hash) []tlog.Hash { return nil })},
	{name: "W1.422-missing-hash", run: badProof(func(_ *witnesstest.Log, good []tlog.Hash) []tlog.Hash { return good[:len(good)-1] })},
	{name: "W1.422-surplus-hash", run: badProof(func(_ *witnesstest.Log, good []tlog.Hash) []tlog.Hash { return append(good, good[0]) })},
	{name: "W1.422-wrong-hash", run: badProof(func(_ *witnesstest.Log, good []tlog.Hash) []tlog.Hash { good[1][0] ^= 1; return good })},
	{name: "W1.422-wrong-order", run: badProof(func(_ *witnesstest.Log, good []tlog.Hash) []tlog.Hash {
		good[0], good[1] = good[1], good[0]
		return good
	})},
	{name: "W1.422-63-hashes", run: badProof(func(*witnesstest.Log, []tlog.Hash) []tlog.Hash { return make([]tlog.Hash, 63) })},
	{name: "W1.422-proof-from-another-size", run: badProof(func(log *witnesstest.Log, _ []tlog.Hash) []tlog.Hash { return log.Consistency(5, 13) })},
	{name: "W1.422-size-that-no-proof-reaches", run: func(t *T) {
		// Of its own, because a witness may hang on it for ever.
		s := t.ownSite()
		log := s.follow(13)
		s.cosign(log.Request(0, 6))
		request := log.Request(6, 13)
		request.Checkpoint = log.Sign(tlog.Checkpoint{Origin: log.Origin, Size: tlog.MaxSize, Root: log.Root(13)})
		s.refused(log, request.Marshal(), http.StatusUnprocessableEntity)
	}},
	{name: "W1.422-surplus-hash-at-the-same-size", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(6)
		s.cosign(log.Request(0, 6))
		request := log.Request(6, 6)
		request.Proof = []tlog.Hash{log.Root(6)}
		s.refused(log, request.Marshal(), http.StatusUnprocessableEntity)
	}},
	{name: "W1.422-same-size-another-root", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 9))
		s.refused(log, log.Fork(5).Request(9, 9).Marshal(), http.StatusUnprocessableEntity)
		s.cosign(log.Request(9, 9))
	}},
	{name: "W1.time-stamp-is-now", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		before := time.Now().Unix()
		at := int64(s.cosignedAt(log.Checkpoint(3), s.cosign(log.Request(0, 3)).body))
		if at < before || at > time.Now().Unix() {
			t.Errorf("got time stamp %d, want one from %d to now", at, before)
		}
	}},
	{name: "W1.ed25519-and-ml-dsa-44", beyond: true, run: func(t *T) {
		s := t.sharedSite()
		var types []tlog.KeyType
		for _, key := range s.keys() {
			types = append(types, key.Type)
		}
		if want := []tlog.KeyType{tlog.TypeCosignatureEd25519, tlog.TypeCosignatureMLDSA44}; !slices.Equal(types, want) {
			t.Fatalf("its keys are of types %v, want %v: ML-DSA-44 is a SHOULD", types, want)
		}
		log := s.follow(3)
		if got := s.cosign(log.Request(0, 3)); strings.Count(got.body, "\n") != 2 {
			t.Errorf("got %v, want a line by each", got)
		}
	}},
	{name: "W1.log-signs-with-ml-dsa-44", beyond: true, run: func(t *T) {
		s := t.sharedSite()
		log := s.t.log(9)
		key := witnesstest.NewKey(t, log.Origin, tlog.TypeCosignatureMLDSA44)
		if err := s.addLog(log.Origin, key.Verifier()); err != nil {
			t.Fatal(err)
		}
		request := log.Request(0, 9)
		signature, err := key.Cosign(request.Checkpoint.Checkpoint, 1800000000)
		if err != nil {
			t.Fatal(err)
		}
		request.Checkpoint.Note.Signatures = []tlog.NoteSignature{signature}
		bad := log.Request(0, 8)
		bad.Checkpoint.Note.Signatures = []tlog.NoteSignature{signature}
		if got := s.submit(bad.Marshal()); got.status != http.StatusForbidden {
			t.Errorf("with the signature of another checkpoint: got %v, want 403", got)
		}
		s.cosign(request)
	}},
}

// badLine is the check that a note with these lines is refused: good, bad under
// the same name and key id, and one of an unknown key.
func badLine(lines func(good, bad, unknown tlog.NoteSignature) []tlog.NoteSignature) func(*T) {
	return func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		request := log.Request(0, 3)
		unknown := witnesstest.NewLog(t, log.Origin, 3).Checkpoint(3).Note.Signatures[0]
		request.Checkpoint.Note.Signatures = lines(request.Checkpoint.Note.Signatures[0], log.Checkpoint(2).Note.Signatures[0], unknown)
		s.refused(log, request.Marshal(), http.StatusForbidden)
		s.cosign(log.Request(0, 3))
	}
}

// badProof is the check that a proof from 6 to 13 is refused, made of the good one.
func badProof(proof func(log *witnesstest.Log, good []tlog.Hash) []tlog.Hash) func(*T) {
	return func(t *T) {
		s := t.sharedSite()
		log := s.follow(13)
		s.cosign(log.Request(0, 6))
		request := log.Request(6, 13)
		request.Proof = proof(log, request.Proof)
		s.refused(log, request.Marshal(), http.StatusUnprocessableEntity)
		s.cosign(log.Request(6, 13))
	}
}

// conflict submits a request that must get a 409 with that body.
func (s *site) conflict(log *witnesstest.Log, request *witness.AddCheckpoint, want string) {
	s.t.Helper()
	got := s.refused(log, request.Marshal(), http.StatusConflict)
	if got.body != want || got.header.Get("Content-Type") != "text/x.tlog.size" {
		s.t.Errorf("got %q of type %q, want %q of type text/x.tlog.size", got.body, got.header.Get("Content-Type"), want)
	}
}

// keepAlive: a log that publishes often needs one connection.
func keepAlive(t *T) {
	s := t.sharedSite()
	log := s.follow(2)
	connection, reader := s.dial()
	for size := range 3 {
		from := max(0, size-1)
		body := log.Request(from, size).Marshal()
		if err := writeRequest(connection, body); err != nil {
			t.Fatalf("request %d: %v", size, err)
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("answer %d on one connection: %v", size, err)
		}
		if err := drain(response); err != nil || response.StatusCode != http.StatusOK || response.Close {
			t.Fatalf("answer %d: got %s, close %v, %v", size, response.Status, response.Close, err)
		}
	}
}
