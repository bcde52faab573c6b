package release

import (
	"crypto/sha256"
	"strconv"
	"strings"

	"github.com/muster-log/muster/internal/strictjson"
)

const (
	maxAuthorityPayload = 16 << 10 // in bytes
	maxPredicateType    = 256      // characters of a predicateType
)

// The members of an in-toto Statement v1
// (github.com/in-toto/attestation/blob/main/spec/v1/statement.md).
var (
	statementMembers    = []string{"_type", "predicate", "predicateType", "subject"}
	namedSubjectMembers = []string{"digest", "name"}
	subjectMembers      = []string{"digest"}
)

// ParseStatement reads the payload of an envelope and applies every rule of
// form of docs/formats/entry.md and of the statement's type. The rules that
// weigh an image's values against each other are CheckImage's.
//
// A statement with measurements for a profile that is not admitted here is
// refused for that alone (CodeProfileNotAdmitted) only if nothing else is wrong
// with it. Together with that refusal, and with no other, it is returned, without
// the measurements of that profile: who signed it, and may, can be judged all the
// same.
func ParseStatement(payload []byte) (*Statement, error) {
	if len(payload) == 0 || len(payload) > MaxEntry {
		return nil, Refuse(CodePayloadSize, "", strconv.Itoa(len(payload))+" bytes", "1 to "+strconv.Itoa(MaxEntry)+" bytes")
	}
	root, refusal := parseJSON(payload, maxPayloadDepth)
	if refusal != nil {
		return nil, refusal
	}
	r := &reader{}
	if !r.object(root, statementMembers) {
		return nil, r.refusal
	}
	if v := root.Member("_type"); r.ascii(v) != statementType {
		r.refuse(v, CodeStatementType, statementType)
	}
	statement := &Statement{URI: r.text(root.Member("predicateType"), 1, maxPredicateType)}
	predicate, subject := root.Member("predicate"), root.Member("subject")
	if !r.is(predicate, strictjson.Object) || !r.is(subject, strictjson.List) {
		return nil, r.refusal
	}
	statement.Type = typeOf(statement.URI)
	switch statement.Type {
	case TypeAuthority:
		if len(payload) > maxAuthorityPayload {
			return nil, Refuse(CodePayloadSize, "", strconv.Itoa(len(payload))+" bytes", "at most "+strconv.Itoa(maxAuthorityPayload)+" bytes of an authority")
		}
		r.authority(statement, predicate, subject)
	case TypeImage:
		r.image(statement, predicate, subject)
	case TypeRelease:
		r.release(statement, predicate, subject)
	case TypeWithdrawal:
		r.withdrawal(statement, predicate, subject)
	case TypeRoll:
		r.roll(statement, predicate, subject)
	case TypeFinding:
		r.finding(statement, predicate, subject)
	default:
		statement.Predicate = &Unknown{Payload: append([]byte(nil), payload...)}
	}
	if r.refusal != nil {
		return nil, r.refusal
	}
	if r.notAdmitted != nil {
		return statement, r.notAdmitted
	}
	return statement, nil
}

// typeOf returns the type whose predicateType this is; empty for another.
func typeOf(uri string) Type {
	name, ok := strings.CutPrefix(uri, predicateTypePrefix)
	if !ok {
		return ""
	}
	name, ok = strings.CutSuffix(name, predicateTypeSuffix)
	if !ok {
		return ""
	}
	// Not a part of uri: whoever keeps the type would keep the whole payload.
	for _, t := range []Type{TypeAuthority, TypeImage, TypeRelease, TypeWithdrawal, TypeRoll, TypeFinding} {
		if name == string(t) {
			return t
		}
	}
	return ""
}

// originSubject returns the origin that is a statement's one subject: its name,
// and the SHA-256 of its name.
func (r *reader) originSubject(v strictjson.Value) (string, []Subject) {
	subject := r.oneSubject(v, namedSubjectMembers)
	origin := r.matches(subject.Member("name"), &originGrammar)
	want := Digest(sha256.Sum256([]byte(origin)))
	digest := subject.Member("digest")
	if got := r.digest(digest); got != want {
		r.refuseGot(digest.Member("sha256"), CodeSubject, got.String(), want.String()+", the SHA-256 of the origin")
	}
	return origin, []Subject{{Name: origin, Digest: want}}
}

// entrySubject returns the payload digest of the entry that is a statement's
// one subject.
func (r *reader) entrySubject(v strictjson.Value) (Digest, []Subject) {
	digest := r.digest(r.oneSubject(v, subjectMembers).Member("digest"))
	return digest, []Subject{{Digest: digest}}
}

func (r *reader) oneSubject(v strictjson.Value, members []string) strictjson.Value {
	if r.refusal == nil && v.Len() != 1 {
		r.refuseGot(v, CodeSubject, strconv.Itoa(v.Len())+" subjects", "one subject")
	}
	for _, subject := range v.Elements() {
		r.object(subject, members)
		return subject
	}
	return strictjson.Value{}
}
