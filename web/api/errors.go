package api

import (
	"strconv"

	"github.com/muster-log/muster/release"
)

// The reasons for which a request is refused before any rule of the log is
// asked. They are as stable as those of packages release and register.
const (
	// CodeContentType: a submission that is not declared as an entry, or is encoded.
	CodeContentType release.Code = "content-type"
	// CodeBody: a submission that did not arrive whole, or not in time.
	CodeBody release.Code = "body-incomplete"
	// CodeBusy: so many submissions are under way that no more are read now.
	CodeBusy release.Code = "busy"
	// CodeUnavailable: the log cannot accept submissions now; nothing is durable.
	CodeUnavailable release.Code = "unavailable"
	// CodeNotFound: there is nothing of that name.
	CodeNotFound release.Code = "not-found"
	// CodeNotPublished: the entry is logged and waits for its witnesses.
	CodeNotPublished release.Code = "not-published"
	// CodeNoCheckpoint: the log has not published anything yet.
	CodeNoCheckpoint release.Code = "no-checkpoint"
	// CodeTilePath: a path that names no tile and no entry bundle.
	CodeTilePath release.Code = "tile-path"
	// CodeIndex: text that is no index, no size and no digest.
	CodeIndex release.Code = "index-form"
	// CodeDigestAmbiguous: several entries mention the digest.
	CodeDigestAmbiguous release.Code = "digest-ambiguous"
	// CodeQuery: a parameter that the path does not have, or has otherwise.
	CodeQuery release.Code = "query-parameter"
	// CodeManifestNotNamed: a manifest that no published image names.
	CodeManifestNotNamed release.Code = "manifest-not-named"
	// CodeManifestDigest: a manifest of another SHA-256 than its path says.
	CodeManifestDigest release.Code = "manifest-digest"
	// CodeMethod: a method that the path does not have.
	CodeMethod release.Code = "method-not-allowed"
	// CodeInternal: something failed here.
	CodeInternal release.Code = "internal"
)

// Error is a request that is refused, or cannot be answered now.
type Error struct {
	Code release.Code
	// Detail says in words what was wrong and what to do.
	Detail string
	// Member, Got and Want are as in release.Refusal; they may be empty.
	Member, Got, Want string
	// Candidates are the entries that an ambiguous digest may mean.
	Candidates []Candidate
	// Retry is after how many seconds to ask again; 0: it does not help.
	Retry int
	// Err is the cause; it is logged and not shown.
	Err error
}

// Candidate is an entry that a digest may mean.
type Candidate struct {
	Index    uint64         `json:"index"`
	Relation string         `json:"relation"`
	Digest   release.Digest `json:"digest"`
}

func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Detail
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func refuseQuery(member, got, want string) *Error {
	return &Error{Code: CodeQuery, Member: cut(member), Got: cut(got), Want: want,
		Detail: "parameter " + strconv.QuoteToASCII(cut(member)) + ": got " + strconv.QuoteToASCII(cut(got)) + ", want " + want}
}

// cut bounds what an answer repeats of its request.
func cut(text string) string {
	const most = 80
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
