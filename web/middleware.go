package web

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// headerRequestID names the request in the answer, in problems and in the log.
const headerRequestID = "X-Request-Id"

// maxLogged bounds what the access log repeats of a request, in bytes.
const maxLogged = 200

// observe gives the request an id, turns a panic into an error, has the error
// answered, and logs the request. Queries and headers are not logged: they are
// what people search for, and where secrets would stand.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		started := time.Now()
		id := rand.Text()
		c.Response().Header().Set(headerRequestID, id)
		err := s.recovered(next, c)
		if err != nil {
			c.Error(err)
		}
		request, response := c.Request(), c.Response()
		attributes := []slog.Attr{
			slog.String("id", id),
			slog.String("method", logged(request.Method)),
			slog.String("path", logged(request.URL.EscapedPath())),
			slog.Int("status", response.Status),
			slog.Int64("bytes", response.Size),
			slog.Duration("took", time.Since(started)),
		}
		level := slog.LevelInfo
		if err != nil {
			attributes = append(attributes, slog.String("error", err.Error()))
			if response.Status == http.StatusInternalServerError {
				level = slog.LevelError
			}
		}
		s.logger.LogAttrs(request.Context(), level, "request", attributes...)
		return nil
	}
}

func logged(text string) string {
	if len(text) > maxLogged {
		return text[:maxLogged] + "..."
	}
	return text
}

// recovered calls the handler; a panic in it is an error.
func (s *Server) recovered(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		recovered := recover()
		if recovered == nil {
			return
		}
		if recovered == http.ErrAbortHandler {
			panic(recovered)
		}
		s.logger.Error("panic", "id", c.Response().Header().Get(headerRequestID), "panic", recovered, "stack", string(debug.Stack()))
		err = fmt.Errorf("panic: %v", recovered)
	}()
	return next(c)
}

// harden sets what keeps an answer from being anything but what it is: a page
// runs no script, is framed by nobody and tells nobody where its reader came from.
func harden(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Permissions-Policy", "interest-cohort=()")
		return next(c)
	}
}

// crossOrigin lets pages of other sites read what the log says: all of it is
// public. They may not submit.
func crossOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		request, header := c.Request(), c.Response().Header()
		if !machine(request.URL.Path) || request.Method == http.MethodPost {
			return next(c)
		}
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Access-Control-Expose-Headers", "Content-Location, ETag, Retry-After, "+headerRequestID)
		header.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if request.Method == http.MethodOptions {
			header.Set("Access-Control-Allow-Methods", "GET, HEAD")
			header.Set("Access-Control-Max-Age", "86400")
			return c.NoContent(http.StatusNoContent)
		}
		return next(c)
	}
}

// machine reports whether a path is read by programs rather than by people.
func machine(path string) bool {
	for _, prefix := range []string{"/api/", "/tile/", "/checkpoint", "/livez", "/readyz"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}
