package bundle_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/tlogtest"
)

const origin = "log.example/acme"

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// sample returns a bundle of 3 entries and 2 anchors in a log of 7.
func sample(t testing.TB) *bundle.Bundle {
	t.Helper()
	log := tlogtest.NewLog(t, origin)
	for i := range 7 {
		log.Add([]byte{byte(i), 0xff})
	}
	w := tlogtest.NewWitness(t, "w1", "Ops", tlog.TypeCosignatureEd25519)
	anchors := []*tlog.SignedCheckpoint{log.Checkpoint(2, w.At(noon)), log.Checkpoint(5, w.At(noon))}
	return log.Bundle(log.Checkpoint(7, w.At(noon.Add(time.Hour))), anchors, 0, 3, 6)
}

func marshal(t testing.TB, b *bundle.Bundle) string {
	t.Helper()
	data, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wantRefused checks that bytes are refused, with the member at fault named.
func wantRefused(t *testing.T, data, member string) {
	t.Helper()
	_, err := bundle.Parse([]byte(data))
	var refusal *bundle.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if refusal.Member != member {
		t.Errorf("got member %q, want %q: %v", refusal.Member, member, err)
	}
}

func TestRoundTrip(t *testing.T) {
	b := sample(t)
	text := marshal(t, b)
	read, err := bundle.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, read); diff != "" {
		t.Errorf("reads back otherwise (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(text, `{"anchors":[{"checkpoint":"log.example/acme\n2\n`) || !strings.Contains(text, "— w1.example ") {
		t.Errorf("notes do not stand as they are: %.200s", text)
	}
	// Encoders for the web escape these two; RFC 8785 does not.
	separated := sample(t)
	separated.Checkpoint = strings.Replace(separated.Checkpoint, "\n\n", "\nx\u2028\u2029\n\n", 1)
	if text := marshal(t, separated); !strings.Contains(text, "\u2028") {
		t.Errorf("a separator does not stand as it is: %.200s", text)
	} else if read, err := bundle.Parse([]byte(text)); err != nil || read.Checkpoint != separated.Checkpoint {
		t.Errorf("a note with separators: %v", err)
	}
	alone := sample(t)
	alone.Anchors = nil
	if text := marshal(t, alone); !strings.HasPrefix(text, `{"anchors":[],"checkpoint":`) {
		t.Errorf("no anchors: got %.40s", text)
	}
}

// TestC2 changes bytes of a good bundle.
func TestC2BundleBytes(t *testing.T) {
	good := marshal(t, sample(t))
	const envelope = `"envelope":"AP8="`
	tests := []struct{ name, old, new, member string }{
		{"index with a leading zero", `"index":3`, `"index":03`, "entries[1].index"},
		{"index with a sign", `"index":3`, `"index":+3`, "entries[1].index"},
		{"negative index", `"index":3`, `"index":-3`, "entries[1].index"},
		{"index as a float", `"index":3`, `"index":3.0`, "entries[1].index"},
		{"index with an exponent", `"index":3`, `"index":3e0`, "entries[1].index"},
		{"index as a string", `"index":3`, `"index":"3"`, "entries[1].index"},
		{"index null", `"index":0`, `"index":null`, "entries[0].index"},
		{"index 2^53", `"index":6`, `"index":9007199254740992`, "entries[2].index"},
		{"index 2^63", `"index":6`, `"index":9223372036854775808`, "entries[2].index"},
		{"index 2^64", `"index":6`, `"index":18446744073709551616`, "entries[2].index"},
		{"index at the size", `"index":6`, `"index":7`, "entries[2].index"},
		{"a duplicate index", `"index":6`, `"index":3`, "entries[2].index"},
		{"indices that fall", `"index":6`, `"index":2`, "entries[2].index"},
		{"loose trailing bits", envelope, `"envelope":"AP9="`, "entries[0].envelope"},
		{"base64 without padding", envelope, `"envelope":"AP8"`, "entries[0].envelope"},
		{"base64 for URLs", envelope, `"envelope":"AP-_"`, "entries[0].envelope"},
		{"a line break in base64", envelope, `"envelope":"AP\n8="`, "entries[0].envelope"},
		{"an empty envelope", envelope, `"envelope":""`, "entries[0].envelope"},
		{"an envelope that is null", envelope, `"envelope":null`, "entries[0].envelope"},
		{"a member left out", `,"origin":"log.example/acme"`, ``, "origin"},
		{"a member left out inside", `,"index":3`, ``, "entries[1].index"},
		{"a member of another name", `"index":3`, `"indices":3`, "entries[1]"},
		{"an unknown member", `{"anchors"`, `{"aaa":1,"anchors"`, ""},
		{"an unknown member inside", `{"envelope"`, `{"aaa":1,"envelope"`, "entries[0]"},
		{"a duplicate member", `,"origin"`, `,"origin":"log.example/acme","origin"`, "origin"},
		{"a member in capitals", `"origin":`, `"Origin":`, "Origin"},
		{"an escaped letter", `"origin":"log`, `"origin":"\u006cog`, "origin"},
		{"an escaped slash", `"origin":"log.example/acme"`, `"origin":"log.example\/acme"`, "origin"},
		{"an escaped em dash", `\n— `, `\n\u2014 `, "anchors[0].checkpoint"},
		{"a line feed in a longer escape", `acme\n2\n`, `acme\u000a2\n`, "anchors[0].checkpoint"},
		{"white space", `"anchors":[`, `"anchors": [`, "anchors"},
		{"another origin", `"origin":"log.example/acme"`, `"origin":"log.example/acmf"`, "checkpoint"},
		{"an empty origin", `"origin":"log.example/acme"`, `"origin":""`, "checkpoint"},
		{"CRLF in a note", `acme\n2\n`, `acme\r\n2\n`, "anchors[0].checkpoint"},
		{"an anchor of size 0", `acme\n2\n`, `acme\n0\n`, "anchors[0].checkpoint"},
		{"an anchor above the checkpoint", `acme\n5\n`, `acme\n8\n`, "anchors[1].checkpoint"},
		{"a size with a leading zero", `acme\n2\n`, `acme\n02\n`, "anchors[0].checkpoint"},
		{"anchors that fall", `acme\n2\n`, `acme\n6\n`, "anchors"},
		{"a short hash", `"inclusion":["`, `"inclusion":["AAAA","`, "entries[0].inclusion[0]"},
		{"hashes that are null", `"inclusion":[`, `"inclusion":null,"inclusion":[`, "entries[0].inclusion"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(good, tt.old) {
				t.Fatalf("the good bundle holds no %s", tt.old)
			}
			wantRefused(t, strings.Replace(good, tt.old, tt.new, 1), tt.member)
		})
	}
	for name, data := range map[string]string{
		"nothing":            "",
		"null":               "null",
		"a list":             "[]",
		"an empty object":    "{}",
		"a last line feed":   good + "\n",
		"trailing bytes":     good + "x",
		"a second object":    good + good,
		"cut short":          good[:len(good)-1],
		"a byte order mark":  "\ufeff" + good,
		"invalid UTF-8":      strings.Replace(good, "—", "\xe2\x80", 1),
		"a lone surrogate":   strings.Replace(good, "—", `\ud800`, 1),
		"nested without end": strings.Repeat("[", 100000),
		"too long":           good + strings.Repeat(" ", bundle.MaxSize),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := bundle.Parse([]byte(data)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// TestC2BundleMembers changes members of a good bundle, so that only the rule
// in question refuses it; Marshal and Parse agree.
func TestC2BundleMembers(t *testing.T) {
	tests := []struct {
		name   string
		change func(*bundle.Bundle)
		member string
	}{
		{"no entries", func(b *bundle.Bundle) { b.Entries = nil }, "entries"},
		{"129 entries", func(b *bundle.Bundle) {
			for len(b.Entries) <= bundle.MaxEntries {
				b.Entries = append(b.Entries, b.Entries[0])
			}
		}, "entries"},
		{"nine anchors", func(b *bundle.Bundle) {
			for len(b.Anchors) <= bundle.MaxAnchors {
				b.Anchors = append(b.Anchors, b.Anchors[1])
			}
		}, "anchors"},
		{"an anchor twice", func(b *bundle.Bundle) { b.Anchors[1] = b.Anchors[0] }, "anchors"},
		{"anchors in the wrong order", func(b *bundle.Bundle) { slices.Reverse(b.Anchors) }, "anchors"},
		{"an entry too long", func(b *bundle.Bundle) { b.Entries[0].Envelope = make([]byte, tlog.MaxEntry+1) }, "entries[0].envelope"},
		{"64 hashes of inclusion", func(b *bundle.Bundle) { b.Entries[0].Inclusion = make([]tlog.Hash, 64) }, "entries[0].inclusion"},
		{"64 hashes of consistency", func(b *bundle.Bundle) { b.Anchors[0].Consistency = make([]tlog.Hash, 64) }, "anchors[0].consistency"},
		{"a note without signature", func(b *bundle.Bundle) { b.Checkpoint = strings.SplitAfter(b.Checkpoint, "\n\n")[0] }, "checkpoint"},
		{"a note without last line feed", func(b *bundle.Bundle) { b.Checkpoint = strings.TrimSuffix(b.Checkpoint, "\n") }, "checkpoint"},
		{"a checkpoint of size 0", func(b *bundle.Bundle) {
			b.Anchors = nil
			b.Checkpoint = strings.Replace(b.Checkpoint, "\n7\n", "\n0\n", 1)
		}, "entries[0].index"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := sample(t)
			tt.change(b)
			_, err := b.Marshal()
			var refusal *bundle.Error
			if !errors.As(err, &refusal) || refusal.Member != tt.member {
				t.Errorf("got %v, want a refusal of %q", err, tt.member)
			}
		})
	}
	full := sample(t)
	for i := range full.Entries {
		full.Entries[i].Envelope = bytes.Repeat([]byte{1}, tlog.MaxEntry)
	}
	if _, err := bundle.Parse([]byte(marshal(t, full))); err != nil {
		t.Errorf("entries of the greatest size: %v", err)
	}
}

// TestC2ListBombs: lists are cut off where they are too long, not afterwards.
func TestC2ListBombs(t *testing.T) {
	good := marshal(t, sample(t))
	bomb := strings.Repeat("{},", bundle.MaxSize/3-len(good)) + "{}"
	for _, member := range []string{"anchors", "entries"} {
		data := []byte(strings.Replace(good, `"`+member+`":[`, `"`+member+`":[`+bomb+`,`, 1))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := bundle.Parse(data); err == nil {
			t.Errorf("%s: accepted", member)
		}
		runtime.ReadMemStats(&after)
		// The reader works on a copy of the bytes.
		if got := after.TotalAlloc - before.TotalAlloc; got > bundle.MaxSize+1<<20 {
			t.Errorf("%s: a bomb of %d bytes costs %d bytes of memory", member, len(data), got)
		}
	}
}

func TestErrorIsBoundedAndASCII(t *testing.T) {
	b := sample(t)
	b.Origin = strings.Repeat("\u202e", 1000)
	_, err := b.Marshal()
	if text := fmt.Sprint(err); len(text) > 400 || strings.ContainsRune(text, '\u202e') {
		t.Errorf("got an error of %d bytes: %s", len(text), text)
	}
}

func FuzzParse(f *testing.F) {
	good := marshal(f, sample(f))
	f.Add([]byte(good))
	f.Add([]byte(strings.Replace(good, "AP8=", base64.StdEncoding.EncodeToString([]byte("x")), 1)))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := bundle.Parse(data)
		if err != nil {
			return
		}
		again, err := b.Marshal()
		if err != nil {
			t.Fatalf("parsed, does not marshal: %v", err)
		}
		if !bytes.Equal(again, data) {
			t.Errorf("reads %q, writes %q", data, again)
		}
	})
}
