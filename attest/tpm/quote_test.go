package tpm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// TestRealQuotes: the digest in the quotes of real boots is that of PCRs 0 to 15.
func TestRealQuotes(t *testing.T) {
	for _, name := range guests {
		g := readGuest(t, name)
		q, err := ParseQuote(g.Quote)
		if err != nil {
			t.Fatal(err)
		}
		var values []byte
		for pcr := range 16 {
			value, err := hex.DecodeString(g.PCRs[pcr])
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value...)
		}
		if want := sha256.Sum256(values); !bytes.Equal(q.PCRDigest, want[:]) {
			t.Errorf("%s: got PCR digest %x, want %x", name, q.PCRDigest, want)
		}
		if q.ResetCount != 2 || q.RestartCount != 0 || !q.Safe || len(q.ExtraData) != 32 || len(q.QualifiedSigner) != 34 {
			t.Errorf("%s: got %+v", name, q)
		}
	}
}

func TestQuoteRefused(t *testing.T) {
	quote := readGuest(t, guests[0]).Quote
	at := bytes.Index(quote, selection)
	change := func(offset int, value byte) []byte {
		data := bytes.Clone(quote)
		data[offset] = value
		return data
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"too long":                {make([]byte, MaxQuote+1), "want at most"},
		"magic":                   {change(0, 0), "magic"},
		"certify, not quote":      {change(5, 0x17), "type 0x8017"},
		"safe neither yes nor no": {change(at-9, 2), "safe"},
		"two banks":               {change(at+3, 2), "PCR selection"},
		"SHA-1 bank":              {change(at+5, 0x04), "PCR selection"},
		"SHA-384 bank":            {change(at+5, 0x0c), "PCR selection"},
		"15 of 16 PCRs":           {change(at+8, 0x7f), "PCR selection"},
		"PCR 16 too":              {change(at+9, 1), "PCR selection"},
		"two bytes of PCRs":       {change(at+6, 2), "PCR selection"},
		"bytes left over":         {append(bytes.Clone(quote), 0), "left over"},
	} {
		if _, err := ParseQuote(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
	for n := range quote {
		if _, err := ParseQuote(quote[:n]); err == nil {
			t.Errorf("cut after %d bytes: accepted", n)
		}
	}
}

func FuzzParseQuote(f *testing.F) {
	f.Add(readGuest(f, guests[0]).Quote)
	f.Fuzz(func(t *testing.T, data []byte) {
		if q, err := ParseQuote(data); err == nil && !bytes.Contains(data, q.PCRDigest) {
			t.Fatalf("got %+v", q)
		}
	})
}
