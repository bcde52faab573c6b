package witness_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// kindOf returns the kind of a refusal, or what came instead.
func kindOf(err error) witness.Kind {
	var refusal *witness.Error
	switch {
	case err == nil:
		return "accepted"
	case errors.As(err, &refusal):
		return refusal.Kind
	}
	return "untyped: " + witness.Kind(err.Error())
}

func TestParseAddCheckpointReadsWhatMarshalWrites(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	for _, sizes := range [][2]int{{0, 0}, {0, 9}, {9, 9}, {3, 9}, {8, 9}} {
		body := log.Request(sizes[0], sizes[1]).Marshal()
		request, err := witness.ParseAddCheckpoint(body)
		if err != nil {
			t.Fatalf("from %d to %d: %v", sizes[0], sizes[1], err)
		}
		if got := request.Marshal(); !bytes.Equal(got, body) {
			t.Errorf("from %d to %d: %s", sizes[0], sizes[1], cmp.Diff(string(body), string(got)))
		}
		if request.OldSize != uint64(sizes[0]) || request.Checkpoint.Size != uint64(sizes[1]) {
			t.Errorf("got sizes %d and %d, want %v", request.OldSize, request.Checkpoint.Size, sizes)
		}
	}
}

// TestW2MalformedRequests: each case is one edit of a good request.
func TestW2MalformedRequests(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	good := string(log.Request(3, 9).Marshal())
	hash := log.Root(4).String()
	replace := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the request", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	// 32 bytes leave two bits unused in the last character; set one.
	loose := func(encoded string) string {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
		last := strings.IndexByte(alphabet, encoded[42])
		return encoded[:42] + alphabet[last+1:last+2] + "="
	}
	proofLine := strings.Split(good, "\n")[1]
	rootLine := log.Root(9).String()
	short := base64.StdEncoding.EncodeToString(make([]byte, 31))

	for name, body := range map[string]string{
		"empty body":                        "",
		"only newlines":                     "\n\n\n",
		"old 00":                            replace("old 3\n", "old 00\n"),
		"old 03":                            replace("old 3\n", "old 03\n"),
		"old +0":                            replace("old 3\n", "old +0\n"),
		"old -1":                            replace("old 3\n", "old -1\n"),
		"old 0 x":                           replace("old 3\n", "old 0 x\n"),
		"old without number":                replace("old 3\n", "old \n"),
		"old with two spaces":               replace("old 3\n", "old  3\n"),
		"old with a tab":                    replace("old 3\n", "old\t3\n"),
		"old 0x3":                           replace("old 3\n", "old 0x3\n"),
		"old 1_000":                         replace("old 3\n", "old 1_000\n"),
		"old 2^63":                          replace("old 3\n", "old 9223372036854775808\n"),
		"old 2^64-1":                        replace("old 3\n", "old 18446744073709551615\n"),
		"old 2^64":                          replace("old 3\n", "old 18446744073709551616\n"),
		"OLD":                               replace("old 3\n", "OLD 3\n"),
		"no old line":                       replace("old 3\n", ""),
		"two old lines":                     replace("old 3\n", "old 3\nold 3\n"),
		"size 09":                           replace("\n9\n", "\n09\n"),
		"size +9":                           replace("\n9\n", "\n+9\n"),
		"size 2^63":                         replace("\n9\n", "\n9223372036854775808\n"),
		"size 2^64-1":                       replace("\n9\n", "\n18446744073709551615\n"),
		"size 2^64":                         replace("\n9\n", "\n18446744073709551616\n"),
		"31-byte root":                      replace(rootLine, short),
		"31-byte proof line":                replace(proofLine, short),
		"33-byte proof line":                replace(proofLine, base64.StdEncoding.EncodeToString(make([]byte, 33))),
		"empty proof line":                  replace(proofLine, ""),
		"proof line with trailing space":    replace(proofLine, proofLine+" "),
		"proof line with loose bits":        replace(proofLine, loose(proofLine)),
		"proof line with a carriage return": replace(proofLine, proofLine[:20]+"\r"+proofLine[20:]),
		"proof line without padding":        replace(proofLine, strings.TrimRight(proofLine, "=")),
		"root with loose bits":              replace(rootLine, loose(rootLine)),
		"signature with loose bits":         replace("\n— ", "\n— x AAAAAAB=\n— "),
		"empty origin":                      replace("\n\nlog.example/a\n", "\n\n\n"),
		"empty extension line":              replace(rootLine+"\n", rootLine+"\n\n"),
		"CRLF":                              strings.ReplaceAll(good, "\n", "\r\n"),
		"no last newline":                   strings.TrimSuffix(good, "\n"),
		"trailing text":                     good + "x\n",
		"NUL in origin":                     replace("log.example/a\n", "log.example/a\x00\n"),
		"invalid UTF-8 in origin":           replace("log.example/a\n", "log.example/\xff\n"),
		"no signature":                      good[:strings.Index(good, "— ")],
		"64 proof lines":                    replace(proofLine+"\n", strings.Repeat(hash+"\n", 64)),
		"a million proof lines":             replace(proofLine+"\n", strings.Repeat("\n", 1<<16)),
	} {
		t.Run(name, func(t *testing.T) {
			if body == good {
				t.Fatal("the case does not change the request")
			}
			_, err := witness.ParseAddCheckpoint([]byte(body))
			if got := kindOf(err); got != witness.KindMalformed {
				t.Errorf("got %s (%v), want %s", got, err, witness.KindMalformed)
			}
		})
	}
}

func TestW2LargestNumbersAndMostProofLines(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 1)
	request := &witness.AddCheckpoint{
		OldSize:    tlog.MaxSize,
		Proof:      make([]tlog.Hash, witness.MaxProof),
		Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Size: tlog.MaxSize}),
	}
	if _, err := witness.ParseAddCheckpoint(request.Marshal()); err != nil {
		t.Error(err)
	}
}

func TestW12BodyOverTheCap(t *testing.T) {
	_, err := witness.ParseAddCheckpoint(make([]byte, witness.MaxRequest+1))
	if got := kindOf(err); got != witness.KindTooLarge {
		t.Errorf("got %s, want %s", got, witness.KindTooLarge)
	}
}

func FuzzParseAddCheckpoint(f *testing.F) {
	log := witnesstest.NewLog(f, "log.example/a", 9)
	for _, from := range []int{0, 3, 8, 9} {
		f.Add(log.Request(from, 9).Marshal())
	}
	f.Add([]byte("old 0\n\n\n\n"))
	f.Add([]byte("old 5"))
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := witness.ParseAddCheckpoint(body)
		if err != nil {
			if kind := kindOf(err); kind != witness.KindMalformed && kind != witness.KindTooLarge {
				t.Fatalf("got %s", kind)
			}
			return
		}
		if got := request.Marshal(); !bytes.Equal(got, body) {
			t.Fatalf("read and written back: %s", cmp.Diff(string(body), string(got)))
		}
		if len(request.Proof) > witness.MaxProof {
			t.Fatalf("%d proof lines", len(request.Proof))
		}
	})
}
