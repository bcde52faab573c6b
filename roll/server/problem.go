package server

import (
	"encoding/json"
	"net/http"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/roll"
)

// The reasons of the door itself; those of a withdrawal are package register's.
const (
	codeNotReady    release.Code = "not-ready"
	codeBehind      release.Code = "behind"
	codeFull        release.Code = "spool-full"
	codeBusy        release.Code = "busy"
	codeContentType release.Code = "content-type"
	codeBody        release.Code = "body"
	codeNotFound    release.Code = "not-found"
	codeMethod      release.Code = "method"
	codeInternal    release.Code = "internal"
)

// statusOf returns the status of a refusal, by the class of its code.
func statusOf(code release.Code) int {
	if code == roll.CodeProductNotSigned {
		return http.StatusUnprocessableEntity
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

// explanation is the address where a reason is explained: those of the log's rules stand
// apart from those of this server.
func explanation(code release.Code) string {
	const docs = "https://github.com/muster-log/muster/blob/main/docs/"
	switch code {
	case codeNotReady, codeBehind, codeFull, codeBusy, codeContentType, codeBody, codeNotFound, codeMethod, codeInternal, roll.CodeProductNotSigned:
		return docs + "roll.md#" + string(code)
	}
	return docs + "refusals.md#" + string(code)
}

// problem is a problem document, https://www.rfc-editor.org/rfc/rfc9457.
type problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Code   release.Code `json:"code"`
	Member string       `json:"member,omitempty"`
	Got    string       `json:"got,omitempty"`
	Want   string       `json:"want,omitempty"`
}

func (s *Server) fail(w http.ResponseWriter, status int, code release.Code, detail string) {
	s.problem(w, problem{Status: status, Code: code, Detail: detail})
}

func (s *Server) problem(w http.ResponseWriter, p problem) {
	p.Type = explanation(p.Code)
	p.Title = http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	s.write(w, p.Status, p)
}

func (s *Server) answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	s.write(w, status, value)
}

func (s *Server) write(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		s.logger.Error("answer", "error", err)
		status, body = http.StatusInternalServerError, []byte("{}")
	}
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		s.logger.Debug("answer not sent", "error", err)
	}
}
