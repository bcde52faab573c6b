package problem_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/problem"
)

func TestParse(t *testing.T) {
	got, ok := problem.Parse([]byte(`{"title":"t","detail":"d\u001b[31m","code":"c","member":"m","got":"g","want":"w"}`))
	want := problem.Document{Title: "t", Detail: got.Detail, Code: "c", Member: "m", Got: "g", Want: "w"}
	if !ok || got != want || strings.Contains(got.Detail, "\x1b") || !strings.HasPrefix(got.Detail, "d") {
		t.Errorf("got %+v, %t", got, ok)
	}
	if got, ok := problem.Parse([]byte(`{"wanted":"` + strings.Repeat("w", 9000) + `"}`)); !ok || len(got.Want) < 100 || len(got.Want) > 600 {
		t.Errorf("an overlong text under its other name: %d bytes, %t", len(got.Want), ok)
	}
	for _, data := range []string{"", "no", `[]`, `{"code":7}`} {
		if _, ok := problem.Parse([]byte(data)); ok {
			t.Errorf("%q is read", data)
		}
	}
}

func TestRefused(t *testing.T) {
	for status, want := range map[int]bool{
		http.StatusBadRequest: true, http.StatusConflict: true, http.StatusUnprocessableEntity: true,
		http.StatusOK: false, http.StatusRequestTimeout: false, http.StatusTooManyRequests: false, http.StatusServiceUnavailable: false,
	} {
		if got := problem.Refused(status); got != want {
			t.Errorf("%d: got %t", status, got)
		}
	}
}
