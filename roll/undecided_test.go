package roll_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/web/webtest"
)

// notBuilt returns an image with measurements for a profile that no program has
// rules for yet.
func notBuilt(t *testing.T, signers ...string) []byte {
	t.Helper()
	b := newBench(t)
	entry, _ := b.Sign(b.Model("of-tomorrow", "1"))
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(envelope.Payload, []byte(`"verity/v1"`), []byte(`"tdx-uki/v1":{},"verity/v1"`), 1)
	if bytes.Equal(changed, envelope.Payload) {
		t.Fatalf("%s", envelope.Payload)
	}
	return releasetest.Sign(t, changed, signers...)
}

// TestAStrangersEntryStopsNoRoll: what nobody of the authority signed is void,
// whether this program knows its profile or not. TestUndecided is about one that the
// role signed.
func TestAStrangersEntryStopsNoRoll(t *testing.T) {
	b := newBenchOf(t, webtest.New(t, webtest.Options{Entries: [][]byte{notBuilt(t, "nobody")}}))
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.restart()
	b.Advance(time.Hour)
	b.wantRolls(2, approved)
}
