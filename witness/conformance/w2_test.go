package conformance

import (
	"net/http"
	"strings"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// draft is an add-checkpoint request in pieces, of which a check spoils one.
// The log signs what the text is then: nothing else is wrong with it.
type draft struct {
	log *witnesstest.Log
	// old is the first line, proof are the next ones, text those of the
	// checkpoint, all without their ends.
	old         string
	proof, text []string
	// signature makes something else of the signature line; may be nil.
	signature func(line string) string
}

// draftOf takes a request apart.
func draftOf(log *witnesstest.Log, from, to int) *draft {
	lines := strings.Split(string(log.Request(from, to).Marshal()), "\n")
	empty := len(log.Consistency(from, to)) + 1
	return &draft{log: log, old: lines[0], proof: lines[1:empty], text: lines[empty+1 : empty+4]}
}

// body is the request.
func (d *draft) body() string {
	text := strings.Join(d.text, "\n") + "\n"
	signature := d.log.SignText(text)
	if d.signature != nil {
		signature = d.signature(signature)
	}
	return strings.Join(append([]string{d.old}, d.proof...), "\n") + "\n\n" + text + "\n" + signature
}

// w2 are requests that are malformed, or look so: 400, never 5xx.
var w2 = []check{
	malformed("old-00", func(d *draft) { d.old = "old 00" }, 0),
	malformed("old-plus", func(d *draft) { d.old = "old +0" }, 0),
	malformed("old-minus", func(d *draft) { d.old = "old -1" }, 0),
	malformed("old-minus-0", func(d *draft) { d.old = "old -0" }, 0),
	malformed("old-further-word", func(d *draft) { d.old = "old 0 x" }, 0),
	malformed("old-further-space", func(d *draft) { d.old = "old 0 " }, 0),
	malformed("old-two-spaces", func(d *draft) { d.old = "old  0" }, 0),
	malformed("old-no-number", func(d *draft) { d.old = "old " }, 0),
	malformed("old-another-word", func(d *draft) { d.old = "Old 0" }, 0),
	malformed("old-hexadecimal", func(d *draft) { d.old = "old 0x3" }, 3),
	malformed("old-underscore", func(d *draft) { d.old = "old 0_3" }, 3),
	malformed("old-leading-0", func(d *draft) { d.old = "old 03" }, 3),
	malformed("old-2^63-1", func(d *draft) { d.old = "old 9223372036854775807" }, 3),
	malformed("old-2^63", func(d *draft) { d.old = "old 9223372036854775808" }, 3),
	malformed("old-2^64-1", func(d *draft) { d.old = "old 18446744073709551615" }, 3),
	malformed("old-2^64", func(d *draft) { d.old = "old 18446744073709551616" }, 3),
	malformed("size-05", func(d *draft) { d.text[1] = "0" + d.text[1] }, 3),
	malformed("size-plus", func(d *draft) { d.text[1] = "+" + d.text[1] }, 3),
	malformed("size-minus", func(d *draft) { d.text[1] = "-" + d.text[1] }, 3),
	malformed("size-space", func(d *draft) { d.text[1] += " " }, 3),
	malformed("size-2^63", func(d *draft) { d.text[1] = "9223372036854775808" }, 0),
	malformed("size-2^64-1", func(d *draft) { d.text[1] = "18446744073709551615" }, 0),
	malformed("size-2^64", func(d *draft) { d.text[1] = "18446744073709551616" }, 0),
	{name: "W2.size-2^63-1-is-one", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		s.cosign(&witness.AddCheckpoint{Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Size: tlog.MaxSize, Root: log.Root(3)})})
		if got := s.submit(log.Request(0, 3).Marshal()); got.status != http.StatusConflict || got.body != "9223372036854775807\n" {
			t.Errorf("got %v, want 409 and that size", got)
		}
	}},
	malformed("root-31-bytes", func(d *draft) { d.text[2] = "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqg==" }, 0),
	malformed("root-33-bytes", func(d *draft) { d.text[2] = "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq" }, 0),
	malformed("root-empty", func(d *draft) { d.text[2] = "" }, 0),
	malformed("root-loose-bits", func(d *draft) { d.text[2] = loose(d.text[2]) }, 0),
	malformed("root-no-padding", func(d *draft) { d.text[2] = strings.TrimSuffix(d.text[2], "=") }, 0),
	malformed("root-url-alphabet", func(d *draft) { d.text[2] = "__" + d.text[2][2:] }, 0),
	malformed("no-root", func(d *draft) { d.text = d.text[:2] }, 0),
	malformed("proof-31-bytes", func(d *draft) { d.proof[0] = "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqg==" }, 3),
	malformed("proof-33-bytes", func(d *draft) { d.proof[0] = "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq" }, 3),
	malformed("proof-loose-bits", func(d *draft) { d.proof[0] = loose(d.proof[0]) }, 3),
	malformed("proof-space", func(d *draft) { d.proof[0] += " " }, 3),
	malformed("proof-64-lines", func(d *draft) {
		d.proof = strings.Split(strings.TrimSuffix(strings.Repeat(d.text[2]+"\n", 64), "\n"), "\n")
	}, 3),
	malformed("empty-origin", func(d *draft) { d.text[0] = "" }, 0, http.StatusNotFound),
	malformed("empty-extension-line", func(d *draft) { d.text = append(d.text, "") }, 0),
	malformed("empty-extension-line-between", func(d *draft) { d.text = append(d.text, "one", "", "two") }, 0),
	malformed("control-character", func(d *draft) { d.text = append(d.text, "an\text\x01ension") }, 0),
	malformed("not-utf-8", func(d *draft) { d.text = append(d.text, "an ext\xffension") }, 0),
	malformed("no-signature-line", func(d *draft) { d.signature = func(string) string { return "" } }, 0, http.StatusForbidden),
	malformed("no-last-newline", func(d *draft) { d.signature = func(line string) string { return strings.TrimSuffix(line, "\n") } }, 0),
	malformed("text-after-signatures", func(d *draft) { d.signature = func(line string) string { return line + "and more\n" } }, 0),
	malformed("line-without-dash", func(d *draft) {
		d.signature = func(line string) string { return line + strings.TrimPrefix(line, "— ") }
	}, 0),
	malformed("line-of-3-bytes", func(d *draft) { d.signature = func(line string) string { return line + "— other.example AAAA\n" } }, 0),
	malformed("signature-loose-bits", func(d *draft) {
		d.signature = func(line string) string { return loose(strings.TrimSuffix(line, "\n")) + "\n" }
	}, 0),
	malformedBody("crlf", func(d *draft) string { return strings.ReplaceAll(d.body(), "\n", "\r\n") }),
	malformed("crlf-in-the-signed-text", func(d *draft) { d.text[1] += "\r" }, 0),
	malformedBody("empty-body", func(*draft) string { return "" }),
	malformedBody("only-newlines", func(*draft) string { return "\n\n\n" }),
	malformedBody("no-empty-line", func(d *draft) string { return strings.Replace(d.body(), "\n\n", "\n", 1) }),
	malformedBody("newline-first", func(d *draft) string { return "\n" + d.body() }),
	malformedBody("no-checkpoint", func(d *draft) string { return d.old + "\n\n" }, http.StatusNotFound),
	malformedBody("json", func(*draft) string { return `{"old":3}` }),
	malformedBody("binary", func(*draft) string { return "\x00\xff\x00\xff" }),
	{name: "W2.get", run: func(t *T) {
		s := t.sharedSite()
		if got := s.do(http.MethodGet, "/add-checkpoint", nil); got.status != http.StatusMethodNotAllowed {
			t.Errorf("got %v, want 405", got)
		}
	}},
}

// malformed is the check that a spoiled request from a size gets a 400, or what
// else the specification allows to answer. The same request unspoiled is then
// cosigned.
func malformed(name string, spoil func(*draft), from int, or ...int) check {
	return check{name: "W2." + name, run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		if from > 0 {
			s.cosign(log.Request(0, from))
		}
		d := draftOf(log, from, 9)
		spoil(d)
		s.refused(log, []byte(d.body()), append(or, http.StatusBadRequest)...)
		s.cosign(log.Request(from, 9))
	}}
}

// malformedBody is the check that a body from 0 gets a 400.
func malformedBody(name string, body func(*draft) string, or ...int) check {
	return check{name: "W2." + name, run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		s.refused(log, []byte(body(draftOf(log, 0, 9))), append(or, http.StatusBadRequest)...)
		s.cosign(log.Request(0, 9))
	}}
}

// loose sets a bit of the last character of base64 that stands for no byte:
// another spelling of the same bytes.
func loose(encoded string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	end := strings.TrimRight(encoded, "=")
	if len(end) == len(encoded) {
		panic("no spare bits in " + encoded)
	}
	last := strings.IndexByte(alphabet, end[len(end)-1])
	return end[:len(end)-1] + alphabet[last^1:last^1+1] + encoded[len(end):]
}
