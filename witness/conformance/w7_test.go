package conformance

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/witnesstest"
)

// w7: the keys of a log change.
var w7 = []check{
	{name: "W7.rotation-keeps-size-and-root", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		rotated := s.rotated(log)
		s.refused(log, rotated.Request(5, 9).Marshal(), http.StatusForbidden)
		s.add(rotated)
		s.conflict(log, rotated.Request(0, 9), "5\n")
		fork := rotated.Fork(3)
		s.refused(log, fork.Request(5, 5).Marshal(), http.StatusUnprocessableEntity)
		s.refused(log, fork.Request(5, 9).Marshal(), http.StatusUnprocessableEntity)
		s.cosign(rotated.Request(5, 9))
	}},
	{name: "W7.rotation-while-serving-keeps-the-old-key", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		rotated := s.rotated(log)
		s.add(rotated)
		s.cosign(rotated.Request(0, 5))
		s.cosign(log.Request(5, 9))
	}},
	{name: "W7.stolen-key-disabled", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		rotated := s.rotated(log)
		s.add(rotated)
		t.can(s.disableKey(log.Origin, log.Key.Verifier()))
		s.refused(rotated, log.Request(5, 9).Marshal(), http.StatusForbidden)
		s.conflict(rotated, rotated.Request(0, 9), "5\n")
		s.cosign(rotated.Request(5, 9))
	}},
	{name: "W7.log-disabled-and-back-keeps-size-and-root", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		s.cosign(log.Request(0, 5))
		t.can(s.disableLog(log.Origin))
		if got := s.submit(log.Request(5, 9).Marshal()); got.status != http.StatusNotFound {
			t.Errorf("disabled: got %v, want 404", got)
		}
		s.add(log)
		s.conflict(log, log.Request(0, 9), "5\n")
		s.refused(log, log.Fork(3).Request(5, 9).Marshal(), http.StatusUnprocessableEntity)
		s.cosign(log.Request(5, 9))
	}},
	{name: "W7.two-keys-of-one-name", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		other := s.rotated(log)
		s.add(other)
		both := log.Request(0, 5)
		both.Checkpoint.Note.Signatures = append(both.Checkpoint.Note.Signatures, other.Checkpoint(5).Note.Signatures...)
		s.cosign(both)
		// One good line does not make up for a bad one of the other key.
		spoiled := log.Request(5, 9)
		spoiled.Checkpoint.Note.Signatures = append(spoiled.Checkpoint.Note.Signatures, other.Checkpoint(5).Note.Signatures...)
		s.refused(log, spoiled.Marshal(), http.StatusForbidden)
		s.cosign(other.Request(5, 9))
	}},
	{name: "W7.key-id-collision-untrusted", run: func(t *T) {
		s := t.sharedSite()
		log, collides := colliding(t, 9)
		s.add(log)
		s.refused(log, collides.Request(0, 5).Marshal(), http.StatusForbidden)
		s.cosign(log.Request(0, 5))
	}},
	{name: "W7.key-id-collision-trusted", run: func(t *T) {
		s := t.ownSite()
		log, collides := colliding(t, 9)
		s.add(log)
		// The operator's tool may refuse the second key. If it does not, both work.
		if err := s.addLog(collides.Origin, collides.Key.Verifier()); err != nil {
			s.refused(log, collides.Request(0, 5).Marshal(), http.StatusForbidden)
			s.cosign(log.Request(0, 5))
			return
		}
		s.cosign(log.Request(0, 5))
		s.cosign(collides.Request(5, 9))
	}},
}

// rotated is the same log with another key of its name.
func (s *site) rotated(log *witnesstest.Log) *witnesstest.Log {
	rotated := *log
	rotated.Key = witnesstest.NewKey(s.t, log.Origin, tlog.TypeEd25519)
	return &rotated
}

// collision is a name, and two numbers whose keys of that name have one key id:
// found by trying 75,009 of them.
const collision = "log.example/collision"

var collisionNumbers = [2]uint32{42497, 75008}

// colliding is a log, and the same with another key of the same name and id.
func colliding(t *T, leaves int) (log, collides *witnesstest.Log) {
	log = witnesstest.NewLog(t, collision, leaves)
	other := *log
	collides = &other
	for i, of := range []*witnesstest.Log{log, collides} {
		seed := sha256.Sum256(binary.BigEndian.AppendUint32([]byte(collision), collisionNumbers[i]))
		const id = 0xfa3cf3b3
		encoded := base64.StdEncoding.EncodeToString(append([]byte{byte(tlog.TypeEd25519)}, seed[:]...))
		key, err := tlog.ParseSigningKey(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", collision, id, encoded))
		if err != nil {
			t.Fatal(err)
		}
		of.Key = key
	}
	return log, collides
}
