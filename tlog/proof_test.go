package tlog

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testProof is the proof of entry 4 of 11.
func testProof(t testing.TB, extra []byte) *Proof {
	t.Helper()
	leaves := testLeaves(11)
	c := Checkpoint{Origin: "log.example", Size: 11, Root: treeHash(leaves)}
	signed := signCheckpoint(t, c, testKey(t, "log.example", TypeEd25519), 5, testKey(t, "w.example", TypeCosignatureEd25519))
	return &Proof{Extra: extra, Index: 4, Inclusion: path(4, leaves), Checkpoint: signed.Marshal()}
}

func TestProofRoundTrip(t *testing.T) {
	for _, extra := range [][]byte{nil, []byte("x"), make([]byte, MaxExtra)} {
		want := testProof(t, extra)
		got, err := ParseProof(want.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		signed, err := got.Verify(testLeaf(4))
		if err != nil {
			t.Fatal(err)
		}
		if signed.Size != 11 || string(signed.Marshal()) != string(want.Checkpoint) {
			t.Errorf("got checkpoint %+v", signed.Checkpoint)
		}
		if _, err := got.Verify(testLeaf(5)); err == nil {
			t.Error("another entry passed")
		}
	}
}

func TestProofOfTheOnlyEntry(t *testing.T) {
	c := Checkpoint{Origin: "log.example", Size: 1, Root: testLeaf(0)}
	p := &Proof{Checkpoint: signCheckpoint(t, c, testKey(t, "log.example", TypeEd25519), 0).Marshal()}
	got, err := ParseProof(p.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := got.Verify(testLeaf(0)); err != nil {
		t.Error(err)
	}
}

func TestC2ProofIndexLeadingZero(t *testing.T) {
	testC2Index(t, "007", "leading zero")
	testC2Index(t, "00", "leading zero")
}

func TestC2ProofIndexSigned(t *testing.T) {
	testC2Index(t, "+7", "decimal digits")
	testC2Index(t, "-7", "decimal digits")
}

func TestC2ProofIndexOutOfRange(t *testing.T) {
	testC2Index(t, "11", "index below the size")
	testC2Index(t, "12", "index below the size")
	testC2Index(t, "9223372036854775807", "index below the size")
	testC2Index(t, "9223372036854775808", "2^63-1")
	testC2Index(t, "18446744073709551615", "at most 19 digits")
	testC2Index(t, "18446744073709551620", "at most 19 digits")
}

func testC2Index(t *testing.T, index, want string) {
	t.Helper()
	text := strings.Replace(string(testProof(t, nil).Marshal()), "index 4\n", "index "+index+"\n", 1)
	_, err := ParseProof([]byte(text))
	wantError(t, err, want)
}

func TestC2ProofMalformed(t *testing.T) {
	good := string(testProof(t, []byte("extra data")).Marshal())
	hash := testProof(t, nil).Inclusion[0].String()
	replace := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the proof does not hold %q", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	extra := "extra " + base64.StdEncoding.EncodeToString([]byte("extra data")) + "\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":                   {"", "want the line"},
		"header alone":            {proofHeader, "no empty line"},
		"other version":           {replace("@v1", "@v2"), "want the line"},
		"CRLF":                    {strings.ReplaceAll(good, "\n", "\r\n"), "want the line"},
		"CRLF in the head":        {replace("index 4\n", "index 4\r\n"), "decimal digits"},
		"no last line feed":       {strings.TrimSuffix(good, "\n"), "does not end in a line feed"},
		"trailing line feed":      {good + "\n", "no signature line"},
		"trailing bytes":          {good + "x\n", "em dash"},
		"two extra lines":         {replace(extra, extra+extra), "want the index"},
		"extra after index":       {replace(extra+"index 4\n", "index 4\n"+extra), "line 1 of the inclusion proof"},
		"empty extra":             {replace(extra, "extra \n"), "want 1 to 65535"},
		"extra without space":     {replace(extra, "extra\n"), "want the index"},
		"extra, loose bits":       {replace(extra, "extra ZZ==\n"), "not standard base64"},
		"extra with CR":           {replace(extra, "extra ZX\rh0\n"), "not canonical"},
		"extra over the bound":    {replace(extra, "extra "+base64.StdEncoding.EncodeToString(make([]byte, MaxExtra+1))+"\n"), "want 1 to 65535"},
		"extra and no more":       {proofHeader + extra + "\n", "no index line"},
		"no index":                {replace("index 4\n", ""), "want the index"},
		"two index lines":         {replace("index 4\n", "index 4\nindex 4\n"), "line 1 of the inclusion proof"},
		"index without number":    {replace("index 4\n", "index \n"), "decimal number"},
		"index, trailing space":   {replace("index 4\n", "index 4 \n"), "decimal digits"},
		"index with two spaces":   {replace("index 4\n", "index  4\n"), "decimal digits"},
		"missing hash":            {replace(hash+"\n", ""), "got 3 hashes, want 4"},
		"surplus hash":            {replace(hash+"\n", hash+"\n"+hash+"\n"), "got 5 hashes, want 4"},
		"64 hashes":               {replace(hash+"\n", strings.Repeat(hash+"\n", 61)), "got 64 hashes, want at most 63"},
		"31 byte hash":            {replace(hash, base64.StdEncoding.EncodeToString(make([]byte, 31))), "want 32"},
		"hash, loose bits":        {replace(hash, hash[:42]+loosen(hash[42])+"="), "not standard base64"},
		"hash with CR":            {replace(hash, hash[:10]+"\r"+hash[10:]), "want 44"},
		"hash with CR for a byte": {replace(hash, hash[:10]+"\r"+hash[11:]), "base64"},
		"size 0":                  {replace("\n11\n", "\n0\n"), "index below the size"},
		"size 011":                {replace("\n11\n", "\n011\n"), "leading zero"},
		"size 2^63":               {replace("\n11\n", "\n9223372036854775808\n"), "2^63-1"},
		"no checkpoint":           {good[:strings.Index(good, "\n\n")+2], "no empty line"},
		"too long":                {good + strings.Repeat("x", MaxProof), "want at most"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseProof([]byte(c.text))
			wantError(t, err, c.want)
		})
	}
}

// loosen sets a trailing bit that base64 of 32 bytes leaves unused.
func loosen(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return string(alphabet[strings.IndexByte(alphabet, c)|1])
}

func TestC2ProofWrongOrder(t *testing.T) {
	p := testProof(t, nil)
	p.Inclusion[0], p.Inclusion[1] = p.Inclusion[1], p.Inclusion[0]
	read, err := ParseProof(p.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	_, err = read.Verify(testLeaf(4))
	wantError(t, err, "another root")
}

func FuzzParseProof(f *testing.F) {
	f.Add(testProof(f, nil).Marshal())
	f.Add(testProof(f, []byte("extra data")).Marshal())
	f.Add(fmt.Appendf(nil, "%sindex 0\n\no\n1\n%s\n\n— a AAAAAAA=\n", proofHeader, EmptyRoot))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProof(data)
		if err != nil {
			return
		}
		if got := string(p.Marshal()); got != string(data) {
			t.Errorf("read %q, wrote %q", data, got)
		}
		if _, err := p.Verify(testLeaf(4)); err != nil && !strings.Contains(err.Error(), "does not hold") {
			t.Errorf("a parsed proof has a form that Verify refuses: %v", err)
		}
	})
}
