package conformance

import (
	"net/http"
	"strings"

	"github.com/muster-log/muster/tlog"
)

// w15: GET <prefix>/<hex SHA-256 of origin>/checkpoint.
var w15 = []check{
	{name: "W15.404-never-cosigned", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(3)
		if got := s.latest(log.Origin); got.status != http.StatusNotFound {
			t.Errorf("got %v, want 404", got)
		}
		s.refused(log, log.Request(1, 3).Marshal(), http.StatusConflict)
		if got := s.latest(log.Origin); got.status != http.StatusNotFound {
			t.Errorf("after a refusal: got %v, want 404", got)
		}
	}},
	{name: "W15.404-unknown-origin", run: func(t *T) {
		s := t.sharedSite()
		if got := s.latest(t.origin()); got.status != http.StatusNotFound {
			t.Errorf("got %v, want 404", got)
		}
	}},
	{name: "W15.log-signature-and-own-cosignatures", run: func(t *T) {
		s := t.sharedSite()
		s.hasMonitorRetrieval()
		log, other := s.follow(9), s.follow(9)
		for _, sizes := range [][2]int{{0, 5}, {5, 9}, {9, 9}} {
			request := log.Request(sizes[0], sizes[1])
			cosigned := s.cosign(request)
			got := s.latest(log.Origin)
			if got.status != http.StatusOK || got.body != string(request.Checkpoint.Marshal())+cosigned.body {
				t.Fatalf("size %d: got %v, want what the log signed and was answered", sizes[1], got)
			}
			checkpoint, err := tlog.ParseCheckpoint([]byte(got.body))
			if err != nil {
				t.Fatal(err)
			}
			if err := checkpoint.VerifySignature(log.Key.Verifier()); err != nil {
				t.Error(err)
			}
			s.cosignatures(request.Checkpoint, got.body, len(s.keys()))
		}
		if got := s.latest(other.Origin); got.status != http.StatusNotFound {
			t.Errorf("another log: got %v, want 404", got)
		}
	}},
	{name: "W15.unknown-lines-left-out", run: func(t *T) {
		s := t.sharedSite()
		s.hasMonitorRetrieval()
		log := s.follow(5)
		request := log.Request(0, 5)
		good := request.Checkpoint.Note.Signatures[0]
		foreign := tlog.NoteSignature{Name: "other.example", KeyID: 1, Sig: []byte("not a signature")}
		request.Checkpoint.Note.Signatures = []tlog.NoteSignature{foreign, good, good}
		cosigned := s.cosign(request)
		if got := s.latest(log.Origin); got.body != string(log.Checkpoint(5).Marshal())+cosigned.body {
			t.Errorf("got %v, want the log's line and its own alone", got)
		}
	}},
	{name: "W15.origin-that-is-no-path", run: func(t *T) {
		s := t.sharedSite()
		s.hasMonitorRetrieval()
		log := t.log(5)
		log.Origin = "log.example/a b+c/../d"
		s.add(log)
		cosigned := s.cosign(log.Request(0, 5))
		if got := s.latest(log.Origin); got.body != string(log.Checkpoint(5).Marshal())+cosigned.body {
			t.Errorf("got %v", got)
		}
	}},
	{name: "W15.lowercase-hex-alone", run: func(t *T) {
		s := t.sharedSite()
		s.hasMonitorRetrieval()
		log := s.follow(5)
		s.cosign(log.Request(0, 5))
		hash := strings.TrimSuffix(strings.TrimPrefix(monitorPath(log.Origin), "/"), "/checkpoint")
		for _, path := range []string{strings.ToUpper(hash), hash[:62], hash + "00", hash[:63] + "g", "%00", "..%2f..%2fetc"} {
			if got := s.do(http.MethodGet, "/"+path+"/checkpoint", nil); got.status != http.StatusNotFound {
				t.Errorf("/%s/checkpoint: got %v, want 404", path, got)
			}
		}
	}},
	{name: "W15.get-only", run: func(t *T) {
		s := t.sharedSite()
		s.hasMonitorRetrieval()
		log := s.follow(5)
		s.cosign(log.Request(0, 5))
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
			if got := s.do(method, monitorPath(log.Origin), nil); got.status != http.StatusMethodNotAllowed {
				t.Errorf("%s: got %v, want 405", method, got)
			}
		}
	}},
	{name: "W15.after-restart", run: func(t *T) {
		s := t.ownSite()
		s.hasMonitorRetrieval()
		log := s.follow(5)
		s.cosign(log.Request(0, 5))
		before := s.latest(log.Origin)
		if err := s.kill(); err != nil {
			t.Fatal(err)
		}
		s.mustStart()
		if got := s.latest(log.Origin); got.status != before.status || got.body != before.body {
			t.Errorf("got %v, want %v", got, before)
		}
	}},
	{name: "W15.pages-in-browsers-may-ask", beyond: true, run: func(t *T) {
		s := t.sharedSite()
		s.hasMonitorRetrieval()
		log := s.follow(5)
		s.cosign(log.Request(0, 5))
		got := s.latest(log.Origin)
		if got.header.Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
			t.Errorf("got headers %v", got.header)
		}
	}},
}
