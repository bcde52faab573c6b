package remote

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestReady: a log that is not ready is no error; what it says is bounded and fit
// to be shown, and a status that it should not have does not make it ready.
func TestReady(t *testing.T) {
	for name, test := range map[string]struct {
		status  int
		body    string
		ready   bool
		missing []string
		fails   bool
	}{
		"ready":            {200, `{"ready":true,"quorum":true,"missing":[]}`, true, nil, false},
		"not ready":        {503, `{"ready":false,"quorum":false,"missing":["w\u001b1"]}`, false, []string{"w?1"}, false},
		"503 and ready":    {503, `{"ready":true}`, false, nil, false},
		"many":             {503, `{"missing":["` + strings.Repeat(`w","`, 99) + `w"]}`, false, slices.Repeat([]string{"w"}, maxMissing), false},
		"no JSON":          {200, `ready`, false, nil, true},
		"no such resource": {404, `{}`, false, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/readyz" {
					t.Errorf("got %s", r.URL.Path)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			got, err := c.Ready(t.Context())
			if (err != nil) != test.fails {
				t.Fatalf("got %v", err)
			}
			if err == nil && (got.Ready != test.ready || !slices.Equal(got.Missing, test.missing)) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestReadyRetired: what a log says ended it is fit to be shown.
func TestReadyRetired(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"ready":true,"retired":{"index":4,"successor":"log2.example/ac\u001bme"}}`)
	})
	got, err := c.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := (Retirement{Index: 4, Successor: "log2.example/ac?me"}); got.Retired == nil || *got.Retired != want {
		t.Errorf("got %+v, want %+v", got.Retired, want)
	}
}
