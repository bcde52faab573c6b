package audit_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/monitor/audit"
)

// BenchmarkReplay replays a log of images, each with a signature to verify, over HTTP.
func BenchmarkReplay(b *testing.B) {
	const images = 5000
	issuer := logtest.NewIssuerAt(b, origin, start)
	s := newServerOf(b)
	s.log.Add(issuer.Authority)
	for range images {
		entry, _ := issuer.Image()
		s.log.Add(entry)
	}
	s.publish(start)
	var answers sync.Map // so that the test's server costs little
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		made, ok := answers.Load(r.URL.Path)
		if !ok {
			recorder := httptest.NewRecorder()
			s.ServeHTTP(recorder, r)
			made, _ = answers.LoadOrStore(r.URL.Path, recorder)
		}
		answer := made.(*httptest.ResponseRecorder)
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	}))
	defer listening.Close()
	client, err := remote.New(listening.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	replay := func() {
		f, err := audit.New(client, s.policy, audit.Options{Now: func() time.Time { return start }})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Update(b.Context()); err != nil || f.State().Void() > 0 || f.State().Size() != images+1 {
			b.Fatal(err, f.State().Void())
		}
	}
	replay()
	for b.Loop() {
		replay()
	}
	b.ReportMetric(float64(images)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
