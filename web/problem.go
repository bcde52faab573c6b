package web

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/web/api"
	"github.com/muster-log/muster/web/pages"
)

// statuses is what the reasons of this server are answered with, and of the log
// around the register. The reasons of an entry's form and of the register's rules
// are answered by their class; but an entry that is too long is an
// [*api.TooLargeError], 413.
var statuses = map[release.Code]int{
	log.CodeRollNotPublished: http.StatusUnprocessableEntity,
	log.CodeRollRoot:         http.StatusUnprocessableEntity,

	api.CodeContentType:      http.StatusUnsupportedMediaType,
	api.CodeBody:             http.StatusRequestTimeout,
	api.CodeBusy:             http.StatusServiceUnavailable,
	api.CodeUnavailable:      http.StatusServiceUnavailable,
	api.CodeNotFound:         http.StatusNotFound,
	api.CodeNotPublished:     http.StatusNotFound,
	api.CodeNoCheckpoint:     http.StatusNotFound,
	api.CodeTilePath:         http.StatusBadRequest,
	api.CodeIndex:            http.StatusBadRequest,
	api.CodeDigestAmbiguous:  http.StatusConflict,
	api.CodeQuery:            http.StatusBadRequest,
	api.CodeManifestNotNamed: http.StatusUnprocessableEntity,
	api.CodeManifestDigest:   http.StatusUnprocessableEntity,
	api.CodeMethod:           http.StatusMethodNotAllowed,
	api.CodeInternal:         http.StatusInternalServerError,
}

// statusOf returns the status of a reason.
func statusOf(code release.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	switch register.ClassOf(code) {
	case register.ClassForbidden:
		return http.StatusForbidden
	case register.ClassConflict:
		return http.StatusConflict
	case register.ClassUnprocessable:
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadRequest
}

// docs says where the reasons are explained, each under its name.
const docs = "https://github.com/muster-log/muster/blob/main/docs/"

// explanation is the address where a reason is explained: those of the log's
// rules stand apart from those of this server.
func explanation(code release.Code, err error) string {
	if _, ok := errors.AsType[*release.Refusal](err); ok {
		return docs + "refusals.md#" + string(code)
	}
	return docs + "api.md#" + string(code)
}

// Problem is a problem document, https://www.rfc-editor.org/rfc/rfc9457.
type Problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Code   release.Code `json:"code"`
	// Member is the offending member; Got is the requester's own text, cut.
	Member     string          `json:"member,omitempty"`
	Got        string          `json:"got,omitempty"`
	Want       string          `json:"want,omitempty"`
	Candidates []api.Candidate `json:"candidates,omitempty"`
	RequestID  string          `json:"requestId"`
}

// problemOf explains an error. What goes wrong inside is for the operator's log
// and not for a peer.
func problemOf(err error) *api.Error {
	if refusal, ok := errors.AsType[*release.Refusal](err); ok {
		return &api.Error{Code: refusal.Code, Detail: refusal.Error(), Member: refusal.Member, Got: refusal.Got, Want: refusal.Want}
	}
	if known, ok := errors.AsType[*api.Error](err); ok {
		return known
	}
	if http, ok := errors.AsType[*echo.HTTPError](err); ok {
		return &api.Error{Code: codeOf(http.Code), Detail: detailOf(http.Code)}
	}
	if wrong, ok := errors.AsType[*pages.TypeError](err); ok {
		return &api.Error{Code: api.CodeQuery, Detail: wrong.Error(), Member: "type", Got: wrong.Got, Want: wrong.Want()}
	}
	if missing, ok := errors.AsType[*pages.EntryError](err); ok {
		return &api.Error{Code: api.CodeNotFound, Detail: missing.Error()}
	}
	switch {
	case errors.Is(err, log.ErrNotPublished):
		return &api.Error{Code: api.CodeNotPublished, Detail: "the entry is logged and not published yet: it waits for its witnesses' cosignatures", Retry: 1}
	case errors.Is(err, fs.ErrNotExist):
		return &api.Error{Code: api.CodeNotFound, Detail: detailOf(http.StatusNotFound)}
	}
	return &api.Error{Code: api.CodeInternal, Detail: detailOf(http.StatusInternalServerError)}
}

// codeOf names the errors that Echo makes.
func codeOf(status int) release.Code {
	switch status {
	case http.StatusNotFound:
		return api.CodeNotFound
	case http.StatusMethodNotAllowed:
		return api.CodeMethod
	}
	return api.CodeInternal
}

func detailOf(status int) string {
	switch status {
	case http.StatusNotFound:
		return "there is nothing at this path; docs/api.md lists what there is"
	case http.StatusMethodNotAllowed:
		return "this path does not have that method; see the header Allow"
	}
	return "something failed here; the operator finds it in the log under the request's id"
}

// fail answers a request with its error: a problem document, and a page for who
// asked for a page.
func (s *Server) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	explained := problemOf(err)
	status := statusOf(explained.Code)
	if _, ok := errors.AsType[*api.TooLargeError](err); ok {
		status = http.StatusRequestEntityTooLarge
	}
	header := c.Response().Header()
	header.Set("Cache-Control", "no-store")
	for _, name := range []string{"ETag", "Content-Location", "Location"} {
		header.Del(name)
	}
	if explained.Retry > 0 {
		header.Set("Retry-After", strconv.Itoa(explained.Retry))
	}
	if !machine(c.Request().URL.Path) && strings.Contains(c.Request().Header.Get("Accept"), "text/html") {
		if err := s.pages.Failure(c, status, string(explained.Code), explained.Detail); err == nil {
			return
		}
	}
	body, err := json.Marshal(Problem{
		Type:       explanation(explained.Code, err),
		Title:      http.StatusText(status),
		Status:     status,
		Detail:     explained.Detail,
		Code:       explained.Code,
		Member:     explained.Member,
		Got:        explained.Got,
		Want:       explained.Want,
		Candidates: explained.Candidates,
		RequestID:  header.Get(headerRequestID),
	})
	if err != nil {
		s.logger.Error("problem document", "error", err)
		body = []byte("{}")
	}
	if c.Request().Method == http.MethodHead {
		header.Set("Content-Type", typeProblem)
		c.Response().WriteHeader(status)
		return
	}
	if err := c.Blob(status, typeProblem, append(body, '\n')); err != nil {
		s.logger.Debug("answer not sent", "error", err)
	}
}

// typeProblem is the content type of a problem document.
const typeProblem = "application/problem+json"
