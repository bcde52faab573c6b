package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/witnesstest"
)

// The MUSTs of https://c2sp.org/tlog-witness, in the order of its text.

func TestW1aCosignsGrowth(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 70)
	r := start(t, server.Timeouts{}, log)
	sizes := []int{0, 0, 1, 2, 3, 7, 8, 8, 9, 31, 64, 65, 70}
	for i := 1; i < len(sizes); i++ {
		r.cosign(log.Request(sizes[i-1], sizes[i]))
	}
}

func TestW1bMethodMustBePost(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 3)
	r := start(t, server.Timeouts{}, log)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodHead, http.MethodDelete, "PROPFIND"} {
		got := r.do(method, "/add-checkpoint", strings.NewReader(string(log.Request(0, 3).Marshal())))
		if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != http.MethodPost {
			t.Errorf("%s: got %d, Allow %q", method, got.status, got.header.Get("Allow"))
		}
	}
	if got := r.latest(log.Origin); got.status != http.StatusNotFound {
		t.Errorf("something was cosigned: %q", got.body)
	}
}

func TestW1cMalformedIs400(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	r := start(t, server.Timeouts{}, log)
	r.cosign(log.Request(0, 3))
	good := string(log.Request(3, 9).Marshal())
	for name, body := range map[string]string{
		"empty":           "",
		"old 00":          "old 0" + strings.TrimPrefix(good, "old "),
		"size 2^63":       strings.Replace(good, "\n9\n", "\n9223372036854775808\n", 1),
		"size 2^64":       strings.Replace(good, "\n9\n", "\n18446744073709551616\n", 1),
		"CRLF":            strings.ReplaceAll(good, "\n", "\r\n"),
		"no last newline": good[:len(good)-1],
		"64 proof lines":  "old 3\n" + strings.Repeat(log.Root(1).String()+"\n", 64) + good[strings.Index(good, "\n\n")+1:],
		"JSON":            `{"old":3}`,
		"binary":          "\x00\xff\x00\xff",
	} {
		t.Run(name, func(t *testing.T) {
			if got := r.refused(log, []byte(body), http.StatusBadRequest); !strings.HasPrefix(got.body, string(witness.KindMalformed)) {
				t.Errorf("got %q", got.body)
			}
		})
	}
}

func TestW1d404UnknownOrigin(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 3)
	r := start(t, server.Timeouts{}, log)
	for _, origin := range []string{"log.example/b", "LOG.EXAMPLE/A", "log.example/a ", "lоg.example/a", "../log.example/a", "log example", strings.Repeat("a", 256), strings.Repeat("a", 60000)} {
		stranger := log.Sign(tlog.Checkpoint{Origin: origin, Size: 3, Root: log.Root(3)})
		r.refused(log, (&witness.AddCheckpoint{Checkpoint: stranger}).Marshal(), http.StatusNotFound)
	}
	// The origin comes before the signature and the sizes.
	unsigned := log.Request(0, 3)
	unsigned.OldSize = 9
	unsigned.Checkpoint = log.Sign(tlog.Checkpoint{Origin: "log.example/b", Size: 3, Root: log.Root(3)})
	unsigned.Checkpoint.Note.Signatures[0].Sig[9] ^= 1
	r.refused(log, unsigned.Marshal(), http.StatusNotFound)
}

func TestW1e403NoTrustedSignature(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 3)
	sameName := witnesstest.NewLog(t, "log.example/a", 3)
	r := start(t, server.Timeouts{}, log)
	r.refused(log, sameName.Request(0, 3).Marshal(), http.StatusForbidden)

	// The signature comes before the sizes.
	request := sameName.Request(0, 3)
	request.OldSize = 9
	r.refused(log, request.Marshal(), http.StatusForbidden)

	// A signature of another name, though by the same bytes of key.
	renamed := log.Request(0, 3)
	renamed.Checkpoint.Note.Signatures[0].Name = "log.example/b"
	r.refused(log, renamed.Marshal(), http.StatusForbidden)
}

func TestW1f403TrustedLineThatDoesNotVerify(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 3)
	r := start(t, server.Timeouts{}, log)
	good := log.Checkpoint(3).Note.Signatures[0]
	bad := log.Checkpoint(2).Note.Signatures[0]
	short := good
	short.Sig = short.Sig[:63]
	unknown := witnesstest.NewLog(t, "log.example/a", 3).Checkpoint(3).Note.Signatures[0]
	for name, lines := range map[string][]tlog.NoteSignature{
		"alone":         {bad},
		"before":        {bad, good},
		"after":         {good, bad},
		"in the middle": {good, unknown, bad, unknown, good},
		"cut short":     {good, short},
	} {
		t.Run(name, func(t *testing.T) {
			request := log.Request(0, 3)
			request.Checkpoint.Note.Signatures = lines
			r.refused(log, request.Marshal(), http.StatusForbidden)
		})
	}
}

func TestW1gIgnoresUnknownKeys(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 3)
	r := start(t, server.Timeouts{}, log)
	request := log.Request(0, 3)
	good := request.Checkpoint.Note.Signatures[0]
	sameID := tlog.NoteSignature{Name: "other.example", KeyID: good.KeyID, Sig: []byte("not a signature")}
	sameName := tlog.NoteSignature{Name: good.Name, KeyID: good.KeyID + 1, Sig: []byte("not a signature")}
	request.Checkpoint.Note.Signatures = []tlog.NoteSignature{sameID, good, sameName, good}
	r.cosign(request)
	kept, err := tlog.ParseCheckpoint([]byte(r.latest(log.Origin).body))
	if err != nil {
		t.Fatal(err)
	}
	if got := kept.Note.Signatures; len(got) != 3 || got[0].Line() != good.Line() {
		t.Errorf("kept %d lines, the first %q; want the log's and two of the witness", len(got), got[0].Name)
	}
}

func TestW1h400OldSizeAboveSize(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	r := start(t, server.Timeouts{}, log)
	r.cosign(log.Request(0, 5))
	for _, old := range []uint64{4, 5, 9, tlog.MaxSize} {
		request := &witness.AddCheckpoint{OldSize: old, Checkpoint: log.Checkpoint(3)}
		r.refused(log, request.Marshal(), http.StatusBadRequest)
	}
}

func TestW1i409OldSizeIsNotTheLatest(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	r := start(t, server.Timeouts{}, log)
	conflict := func(from, to int, want string) {
		t.Helper()
		got := r.refused(log, log.Request(from, to).Marshal(), http.StatusConflict)
		if got.body != want || got.header.Get("Content-Type") != "text/x.tlog.size" {
			t.Errorf("got %q of type %q, want %q", got.body, got.header.Get("Content-Type"), want)
		}
	}
	conflict(3, 5, "0\n")
	r.cosign(log.Request(0, 5))
	conflict(0, 9, "5\n")
	conflict(0, 3, "5\n")
	conflict(4, 9, "5\n")
	conflict(6, 9, "5\n")
	conflict(3, 3, "5\n")
	// The conflict comes before the root and the proof.
	bad := log.Request(4, 9)
	bad.Proof = bad.Proof[1:]
	r.refused(log, bad.Marshal(), http.StatusConflict)
	empty := &witness.AddCheckpoint{Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Root: log.Root(1)})}
	r.refused(log, empty.Marshal(), http.StatusConflict)
}

func TestW1j422EmptyTreeWithAnotherRoot(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 3)
	r := start(t, server.Timeouts{}, log)
	for _, root := range []tlog.Hash{{}, log.Root(1)} {
		request := &witness.AddCheckpoint{Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Root: root})}
		r.refused(log, request.Marshal(), http.StatusUnprocessableEntity)
	}
	r.cosign(log.Request(0, 0))
	request := &witness.AddCheckpoint{Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Root: log.Root(1)})}
	r.refused(log, request.Marshal(), http.StatusUnprocessableEntity)
	r.cosign(log.Request(0, 3))
}

func TestW1k422ProofFromZero(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 3)
	r := start(t, server.Timeouts{}, log)
	for _, size := range []int{0, 1, 3} {
		request := log.Request(0, size)
		request.Proof = []tlog.Hash{log.Root(1)}
		r.refused(log, request.Marshal(), http.StatusUnprocessableEntity)
	}
}

func TestW1l422ProofDoesNotVerify(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 13)
	r := start(t, server.Timeouts{}, log)
	r.cosign(log.Request(0, 6))
	good := log.Request(6, 13).Proof
	wrong := slices.Clone(good)
	wrong[1][0] ^= 1
	swapped := slices.Clone(good)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	for name, proof := range map[string][]tlog.Hash{
		"none":            nil,
		"missing":         good[:len(good)-1],
		"surplus":         append(slices.Clone(good), good[0]),
		"wrong hash":      wrong,
		"wrong order":     swapped,
		"63 hashes":       make([]tlog.Hash, 63),
		"of another size": log.Consistency(5, 13),
	} {
		t.Run(name, func(t *testing.T) {
			request := log.Request(6, 13)
			request.Proof = proof
			r.refused(log, request.Marshal(), http.StatusUnprocessableEntity)
		})
	}
	t.Run("sizes that no tree has", func(t *testing.T) {
		request := log.Request(6, 13)
		request.Checkpoint = log.Sign(tlog.Checkpoint{Origin: log.Origin, Size: tlog.MaxSize, Root: log.Root(13)})
		r.refused(log, request.Marshal(), http.StatusUnprocessableEntity)
	})
	t.Run("surplus at the same size", func(t *testing.T) {
		request := log.Request(6, 6)
		request.Proof = []tlog.Hash{log.Root(6)}
		r.refused(log, request.Marshal(), http.StatusUnprocessableEntity)
	})
	r.cosign(log.Request(6, 13))
}

func TestW1m422SameSizeOtherRoot(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	r := start(t, server.Timeouts{}, log)
	r.cosign(log.Request(0, 9))
	r.refused(log, log.Fork(5).Request(9, 9).Marshal(), http.StatusUnprocessableEntity)
	r.cosign(log.Request(9, 9))
}

func TestW1nLargestSize(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 3)
	r := start(t, server.Timeouts{}, log)
	r.cosign(&witness.AddCheckpoint{Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Size: tlog.MaxSize, Root: log.Root(3)})})
	if got := r.refused(log, log.Request(0, 3).Marshal(), http.StatusConflict); got.body != "9223372036854775807\n" {
		t.Errorf("got %q", got.body)
	}
}
