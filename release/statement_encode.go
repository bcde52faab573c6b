package release

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"strconv"
)

// Marshal returns the canonical payload. It sorts what is a set, and fails with
// a *Refusal wherever ParseStatement would, and where type and subjects are not
// those of the predicate.
func (s *Statement) Marshal() ([]byte, error) {
	payload, parsed, err := encode(s.Predicate)
	if err != nil {
		return nil, err
	}
	if s.Type != parsed.Type || s.URI != parsed.URI {
		return nil, Refuse(CodePredicateType, "predicateType", s.URI, parsed.URI)
	}
	if !slices.Equal(sortedSubjects(s.Subjects), sortedSubjects(parsed.Subjects)) {
		return nil, Refuse(CodeSubject, "subject", strconv.Itoa(len(s.Subjects))+" subjects", "the subjects that the predicate asks for")
	}
	return payload, nil
}

func sortedSubjects(subjects []Subject) []Subject {
	return slices.SortedFunc(slices.Values(subjects), func(a, b Subject) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.Digest.Compare(b.Digest))
	})
}

// NewAuthority makes the statement of an authority: its subject is the origin
// and the SHA-256 of the origin. It fails where ParseStatement would.
func NewAuthority(a *Authority) (*Statement, error) { return newStatement(a) }

// NewImage makes the statement of an image: its subjects are the artifacts.
// Artifacts and provenance are sorted. It fails where ParseStatement would;
// whoever signs it calls CheckImage besides.
func NewImage(i *Image) (*Statement, error) { return newStatement(i) }

// NewRelease makes the statement of a release: its subjects are its images.
func NewRelease(r *Release) (*Statement, error) { return newStatement(r) }

// NewWithdrawal makes the statement of a withdrawal: its subject is the target.
func NewWithdrawal(w *Withdrawal) (*Statement, error) { return newStatement(w) }

// NewRoll makes the statement of a roll: its subject is the origin, as an authority's.
func NewRoll(r *Roll) (*Statement, error) { return newStatement(r) }

// NewFinding makes the statement of a finding: its subject is the entry.
func NewFinding(f *Finding) (*Statement, error) { return newStatement(f) }

// newStatement returns what is read back from the statement's bytes: its
// predicate shares no memory with the one given.
func newStatement(p Predicate) (*Statement, error) {
	_, statement, err := encode(p)
	return statement, err
}

// encode writes the statement of a predicate and reads it back, which applies
// every rule of form.
func encode(p Predicate) ([]byte, *Statement, error) {
	w := &writer{}
	w.open('{')
	w.text("_type", statementType)
	w.name("predicate")
	switch p := p.(type) {
	case *Authority:
		w.authority(p)
		w.subjects(TypeAuthority, originSubject(p.Origin))
	case *Image:
		w.image(p)
	case *Release:
		w.release(p)
	case *Withdrawal:
		w.withdrawal(p)
		w.subjects(TypeWithdrawal, Subject{Digest: p.Target})
	case *Roll:
		w.roll(p)
		w.subjects(TypeRoll, originSubject(p.Origin))
	case *Finding:
		w.finding(p)
		w.subjects(TypeFinding, Subject{Digest: p.Entry})
	case *Unknown:
		return encodeUnknown(p)
	default:
		return nil, nil, Refuse(CodePredicateType, "predicate", "nothing", "a predicate of this package")
	}
	w.close('}')
	statement, err := ParseStatement(w.out)
	if err != nil {
		return nil, nil, err
	}
	return w.out, statement, nil
}

// encodeUnknown passes the payload of an unknown type on as it is.
func encodeUnknown(u *Unknown) ([]byte, *Statement, error) {
	statement, err := ParseStatement(u.Payload)
	if err != nil {
		return nil, nil, err
	}
	if statement.Type != "" {
		return nil, nil, Refuse(CodePredicateType, "predicateType", statement.URI, "a type that is not known")
	}
	return bytes.Clone(u.Payload), statement, nil
}

func originSubject(origin string) Subject {
	return Subject{Name: origin, Digest: sha256.Sum256([]byte(origin))}
}

// subjects writes the members that follow the predicate.
func (w *writer) subjects(t Type, subjects ...Subject) {
	w.text("predicateType", t.URI())
	writeList(w, "subject", subjects, (*writer).subject)
}

func (w *writer) subject(s Subject) {
	w.open('{')
	w.digest("digest", s.Digest)
	if s.Name != "" {
		w.text("name", s.Name)
	}
	w.close('}')
}
