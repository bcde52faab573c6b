package web

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/policy"
)

// codesOf reads the reason codes that a package declares.
func codesOf(t *testing.T, dir string) []release.Code {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var codes []release.Code
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if ok && len(spec.Names) == 1 && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "Code") {
				literal, ok := spec.Values[0].(*ast.BasicLit)
				if !ok {
					t.Fatalf("%s: %s is no literal", file, spec.Names[0])
				}
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				codes = append(codes, release.Code(text))
			}
			return true
		})
	}
	return codes
}

// TestEveryCodeHasItsStatus: a reason of the log or of the API that is missing in the
// table would be taken for a question of form. Package register holds its own table.
func TestEveryCodeHasItsStatus(t *testing.T) {
	known := make(map[release.Code]bool)
	for dir, least := range map[string]int{"../log": 2, "api": 12} {
		codes := codesOf(t, dir)
		if len(codes) < least {
			t.Errorf("%s: found only %d codes", dir, len(codes))
		}
		for _, code := range codes {
			known[code] = true
			if _, ok := statuses[code]; !ok {
				t.Errorf("%s: code %s has no status", dir, code)
			}
		}
	}
	for _, code := range append(codesOf(t, "../release"), codesOf(t, "../release/register")...) {
		if status := statusOf(code); status < 400 || status > 499 {
			t.Errorf("code %s is answered %d", code, status)
		}
	}
	for code := range statuses {
		if !known[code] {
			t.Errorf("the table has a code %s that nobody gives", code)
		}
	}
}

// silent is a server of no log, for what needs none.
func silent(t *testing.T, logger *slog.Logger) *Server {
	t.Helper()
	return New(Config{Policy: &policy.Policy{Quorum: policy.None}, Logger: logger})
}

// TestDocumentedRoutes: docs/api.md lists every route, and no other, and every
// reason code of the API.
func TestDocumentedRoutes(t *testing.T) {
	data, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for _, match := range regexp.MustCompile("(?m)^### `(GET|POST) (/[^`]*)`$").FindAllStringSubmatch(string(data), -1) {
		documented[match[1]+" "+match[2]] = true
	}
	parameter := regexp.MustCompile(`:(\w+)`)
	routes := make(map[string]bool)
	for _, route := range silent(t, slog.New(slog.DiscardHandler)).echo.Routes() {
		name := route.Method + " " + strings.Replace(parameter.ReplaceAllString(route.Path, "{$1}"), "/*", "/{path}", 1)
		routes[name] = true
		get := strings.Replace(name, "HEAD ", "GET ", 1)
		if !documented[get] {
			t.Errorf("docs/api.md has no heading for %s", name)
		}
		if route.Method == http.MethodGet && !routes[strings.Replace(name, "GET ", "HEAD ", 1)] {
			defer func() {
				if !routes[strings.Replace(name, "GET ", "HEAD ", 1)] {
					t.Errorf("%s does not answer HEAD", name)
				}
			}()
		}
	}
	for name := range documented {
		if !routes[name] {
			t.Errorf("docs/api.md describes %s, which is no route", name)
		}
	}
	for _, code := range codesOf(t, "api") {
		line := regexp.MustCompile("(?m)^\\| <a id=\"" + string(code) + "\"></a>`" + string(code) + "` \\| " + strconv.Itoa(statuses[code]) + " \\| .+\\. \\|$")
		if !line.Match(data) {
			t.Errorf("docs/api.md has no line for code %s with status %d", code, statuses[code])
		}
	}
}

// TestFailuresInside: a panic or an error of the machine is a 500 that says
// nothing of it, and stands in the log under the request's id.
func TestFailuresInside(t *testing.T) {
	var logged bytes.Buffer
	s := silent(t, slog.New(slog.NewJSONHandler(&logged, nil)))
	s.echo.GET("/panic", func(echo.Context) error { panic("the secret cause") })
	s.echo.GET("/error", func(echo.Context) error { return errors.New("open /var/secret: input/output error") })
	s.echo.GET("/gone", func(echo.Context) error { return &fs.PathError{Op: "open", Path: "/var/secret", Err: fs.ErrNotExist} })
	for path, want := range map[string]int{"/panic": 500, "/error": 500, "/gone": 404} {
		for _, accept := range []string{"application/json", "text/html"} {
			recorder := httptest.NewRecorder()
			request := httptest.NewRequest(http.MethodGet, path+"?token=hidden", nil)
			request.Header.Set("Accept", accept)
			request.Header.Set("Authorization", "Bearer hidden")
			s.ServeHTTP(recorder, request)
			id := recorder.Header().Get("X-Request-Id")
			if recorder.Code != want || strings.Contains(recorder.Body.String(), "secret") || id == "" || !strings.Contains(logged.String(), id) {
				t.Errorf("%s as %s: got %d, %s", path, accept, recorder.Code, recorder.Body)
			}
			if accept == "application/json" && (recorder.Header().Get("Content-Type") != "application/problem+json" || !strings.Contains(recorder.Body.String(), id)) {
				t.Errorf("%s: got %v, %s", path, recorder.Header(), recorder.Body)
			}
			if accept == "text/html" && !strings.Contains(recorder.Body.String(), "<main") {
				t.Errorf("%s: no page: %s", path, recorder.Body)
			}
		}
	}
	if text := logged.String(); strings.Contains(text, "hidden") || !strings.Contains(text, "the secret cause") || !strings.Contains(text, "input/output error") {
		t.Errorf("logged: %s", text)
	}
}
