package conformance

import (
	"net/http"
	"strings"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// w11: origins that are unusual, or look like another's.
var w11 = []check{
	followed("spaces", "log example with spaces"),
	followed("plus", "log.example/a+b"),
	followed("path", "../../etc/passwd"),
	followed("percent", "log.example/%2e%2e%00"),
	followed("quotes", `log.example/'"; DROP TABLE logs; --`),
	followed("255-bytes", strings.Repeat("a", 255)),
	followed("not-ascii", "lоg.example/cyrillic"),
	unknown("case", func(origin string) string { return strings.ToUpper(origin) }, 404),
	unknown("look-alike", func(origin string) string { return strings.Replace(origin, "o", "о", 1) }, 404),
	unknown("trailing-space", func(origin string) string { return origin + " " }, 404),
	unknown("leading-space", func(origin string) string { return " " + origin }, 404),
	unknown("trailing-slash", func(origin string) string { return origin + "/" }, 404),
	unknown("path-traversal", func(origin string) string { return "../" + origin }, 404),
	unknown("path-to-itself", func(origin string) string { return origin + "/../" + origin[strings.LastIndex(origin, "/")+1:] }, 404),
	// A note may hold no control character, so this one is malformed, too.
	unknown("nul", func(origin string) string { return origin + "\x00" }, 400, 404),
	unknown("256-bytes", func(origin string) string { return origin + strings.Repeat("a", 256-len(origin)) }, 404),
	unknown("8000-bytes", func(string) string { return strings.Repeat("a", 8000) }, 404),
	unknown("60000-bytes", func(string) string { return strings.Repeat("a", 60000) }, 404, 413),
	notAdded("256-bytes", strings.Repeat("a", 256)),
	notAdded("trailing-space", "log.example/acme "),
	notAdded("no-break-space", "log.example/acme\u00a0"),
	notAdded("newline", "log.example/acme\nmore"),
	notAdded("not-utf-8", "log.example/\xff"),
}

// followed is the check that a log of that origin is cosigned like any other.
func followed(name, origin string) check {
	return check{name: "W11.followed-" + name, run: func(t *T) {
		s := t.sharedSite()
		log := t.log(9)
		log.Origin = origin
		s.add(log)
		s.cosign(log.Request(0, 5))
		s.refused(log, log.Fork(3).Request(5, 9).Marshal(), http.StatusUnprocessableEntity)
		s.cosign(log.Request(5, 9))
	}}
}

// unknown is the check that an origin like that of a followed log is another.
func unknown(name string, like func(origin string) string, statuses ...int) check {
	return check{name: "W11.unknown-" + name, run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(5)
		text := like(log.Origin) + "\n5\n" + log.Root(5).String() + "\n"
		s.refused(log, []byte("old 0\n\n"+text+"\n"+log.SignText(text)), statuses...)
	}}
}

// notAdded is the check that the operator's tool refuses an origin that no
// checkpoint can have, or that a person cannot tell from another.
func notAdded(name, origin string) check {
	return check{name: "W11.not-added-" + name, beyond: true, run: func(t *T) {
		s := t.sharedSite()
		if t.program.foreign() {
			t.notApplicable("its tables are filled by the checks, not by its operator's tool, witnessctl")
		}
		key := witnesstest.NewKey(t, "log.example/acme", tlog.TypeEd25519)
		if err := s.addLog(origin, key.Verifier()); err == nil {
			t.Errorf("origin %q was added", origin)
		}
		request := &witness.AddCheckpoint{Checkpoint: t.log(1).Checkpoint(1)}
		if got := s.submit(request.Marshal()); got.status != http.StatusNotFound {
			t.Errorf("afterwards, for an unknown log: got %v, want 404", got)
		}
	}}
}
