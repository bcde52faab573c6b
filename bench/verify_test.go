package bench

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

// signed is one signature with what it is over and by whom.
type signed struct {
	public  ed25519.PublicKey
	message []byte
	sig     []byte
}

// BenchmarkVerifyBundle judges the bundle of a release of two images, as a client
// does offline, beside nothing but the checks of the distinct signatures in it,
// all Ed25519. Wanted: at most 1.5 times their sum.
func BenchmarkVerifyBundle(b *testing.B) {
	s := newSite(b)
	data, trust := s.release(b)
	judge(b, data, trust, signatures(b, data, s.policy, s.issuer.State(1).Keys))
}

// BenchmarkVerifyLiveness judges whether a release is live, offline, from all that a
// node staples: two versions of the authority, an operating system, a model, the
// release, the roll and its anchor. Wanted: at most 1.5 times the sum of its
// signature checks.
func BenchmarkVerifyLiveness(b *testing.B) {
	issuer := logtest.NewIssuer(b, origin)
	system, systemDigest := issuer.Image(logtest.OS)
	model, modelDigest := issuer.Image()
	approved, digest := issuer.Release("1", systemDigest, modelDigest)
	rotation := issuer.Rotate()
	inForce, err := release.ParseEnvelope(rotation)
	if err != nil {
		b.Fatal(err)
	}
	l := tlogtest.NewLog(b, origin)
	l.Add(issuer.Authority, system, model, approved, rotation)
	var witnesses []tlogtest.Witness
	var at []tlogtest.At
	for _, name := range []string{"w1", "w2", "w3"} {
		witness := tlogtest.NewWitness(b, name, "operator of "+name, tlog.TypeCosignatureEd25519)
		witnesses, at = append(witnesses, witness), append(at, witness.At(issuer.Issued()))
	}
	anchor := l.Checkpoint(l.Size(), at...)
	roll := issuer.Roll(anchor.Checkpoint, []release.Digest{digest}, func(r *release.Roll) { r.Authority = inForce.PayloadDigest() })
	// The log has grown since: proofs are as long as in a log of thousands.
	entries := []uint64{0, 1, 2, 3, 4, l.Add(roll)}
	for l.Size() < 1<<12 {
		l.Add(fmt.Append(nil, "entry ", l.Size()))
	}
	data, err := l.Bundle(l.Checkpoint(l.Size(), at...), []*tlog.SignedCheckpoint{anchor}, entries...).Marshal()
	if err != nil {
		b.Fatal(err)
	}
	trusted := tlogtest.Policy(b, 2, witnesses, l)
	trust, err := verify.NewTrust(trusted, &verify.Requirements{
		Authority: issuer.Digest, Products: []string{logtest.Product}, Channels: []string{"stable"},
		RollMaxAge: duration(b, "1d"), CheckpointMaxAge: duration(b, "1d"), MinimumAge: duration(b, "none"),
		Operators: tlogtest.Operators(witnesses...), LogOperator: "the log's operator",
	})
	if err != nil {
		b.Fatal(err)
	}
	judge(b, data, trust, signatures(b, data, trusted, issuer.State(2).Keys))
}

// judge judges a bundle and checks its signatures alone, in turns.
func judge(b *testing.B, data []byte, trust *verify.Trust, signatures []signed) {
	b.Helper()
	now := time.Now()
	if verdict := verify.Bundle(data, trust, now); verdict.Result != verify.Pass {
		b.Fatalf("got %s: %+v", verdict.Result, verdict.Checks)
	}
	// In turns, so that what else the machine does falls on both alike.
	var judging, checking []time.Duration
	for b.Loop() {
		judging = append(judging, timed(b, func() error {
			if verdict := verify.Bundle(data, trust, now); verdict.Result != verify.Pass {
				return fmt.Errorf("got %s", verdict.Result)
			}
			return nil
		}))
		checking = append(checking, timed(b, func() error {
			for _, s := range signatures {
				if !ed25519.Verify(s.public, s.message, s.sig) {
					return fmt.Errorf("a signature by %x does not verify", s.public)
				}
			}
			return nil
		}))
	}
	judged, checked := median(judging), median(checking)
	b.ReportMetric(judged, "p50-ms")
	b.ReportMetric(checked, "signatures-p50-ms")
	b.ReportMetric(float64(len(signatures)), "signatures")
	b.ReportMetric(judged/checked, "times-signatures")
	b.ReportMetric(0, "ns/op")
}

// release logs two images and a release of them, and returns its bundle and what
// a client trusts.
func (s *site) release(tb testing.TB) ([]byte, *verify.Trust) {
	tb.Helper()
	system, systemDigest := s.issuer.Image(logtest.OS)
	model, modelDigest := s.issuer.Image()
	entry, _ := s.issuer.Release("1", systemDigest, modelDigest)
	var index uint64
	for _, entry := range [][]byte{system, model, entry} {
		var err error
		if index, err = s.submit(entry); err != nil {
			tb.Fatal(err)
		}
	}
	response, err := s.client.Get(fmt.Sprintf("%s/api/v1/entries/%d/bundle", s.url, index))
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, bundle.MaxSize))
	if err != nil || response.StatusCode != http.StatusOK {
		tb.Fatalf("got %d %s, %v", response.StatusCode, data, err)
	}
	requirements := &verify.Requirements{
		Authority: s.issuer.Digest, Products: []string{logtest.Product}, Channels: []string{"stable"},
		RollMaxAge: duration(tb, "none"), CheckpointMaxAge: duration(tb, "1d"), MinimumAge: duration(tb, "none"),
		Operators: map[string]string{}, LogOperator: "the log's operator",
	}
	for _, witness := range s.policy.Witnesses {
		requirements.Operators[witness.Name] = "operator of " + witness.Name
	}
	trust, err := verify.NewTrust(s.policy, requirements)
	if err != nil {
		tb.Fatal(err)
	}
	return data, trust
}

func duration(tb testing.TB, text string) verify.Duration {
	tb.Helper()
	d, err := verify.ParseDuration(text)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// signatures collects every distinct signature of a bundle: of its checkpoints by
// log and witnesses of a policy, and of its entries by the keys of an authority.
func signatures(tb testing.TB, data []byte, trusted *policy.Policy, keys map[release.KeyID]release.Key) []signed {
	tb.Helper()
	parsed, err := bundle.Parse(data)
	if err != nil {
		tb.Fatal(err)
	}
	var found []signed
	add := func(one signed) {
		for _, have := range found {
			if bytes.Equal(have.sig, one.sig) {
				return
			}
		}
		found = append(found, one)
	}
	notes := []string{parsed.Checkpoint}
	for _, anchor := range parsed.Anchors {
		notes = append(notes, anchor.Checkpoint)
	}
	for _, text := range notes {
		note, err := tlog.ParseNote([]byte(text))
		if err != nil {
			tb.Fatal(err)
		}
		for _, line := range note.Signatures {
			add(lineOf(tb, trusted, note.Text, line))
		}
	}
	for _, entry := range parsed.Entries {
		envelope, err := release.ParseEnvelope(entry.Envelope)
		if err != nil {
			tb.Fatal(err)
		}
		for _, signature := range envelope.Signatures {
			public, err := x509.ParsePKIXPublicKey(keys[signature.KeyID].Public)
			if err != nil {
				tb.Fatal(err)
			}
			add(signed{public.(ed25519.PublicKey), release.PAE(envelope.Payload), signature.Sig})
		}
	}
	return found
}

// lineOf takes a note's line apart: a signature of the log, or a cosignature, which
// is over a time stamp, too (c2sp.org/tlog-cosignature).
func lineOf(tb testing.TB, trusted *policy.Policy, text string, line tlog.NoteSignature) signed {
	tb.Helper()
	if key := trusted.Logs[0].Key; key.Name == line.Name {
		return signed{key.Public, []byte(text), line.Sig}
	}
	for _, witness := range trusted.Witnesses {
		if witness.Key.KeyID == line.KeyID {
			at := binary.BigEndian.Uint64(line.Sig)
			return signed{witness.Key.Public, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text), line.Sig[8:]}
		}
	}
	tb.Fatalf("line by %s, whom the policy does not name", line.Name)
	return signed{}
}
