package release

import "time"

// Type is the short name of a statement type.
type Type string

// The statement types. TypeFinding is reserved: it decodes, and no log admits it.
const (
	TypeAuthority  Type = "authority"
	TypeImage      Type = "image"
	TypeRelease    Type = "release"
	TypeWithdrawal Type = "withdrawal"
	TypeRoll       Type = "roll"
	TypeFinding    Type = "finding"
)

// predicateTypes is what stands around a type's name in its predicateType.
const (
	predicateTypePrefix = "https://github.com/muster-log/muster/"
	predicateTypeSuffix = "/v1"
	statementType       = "https://in-toto.io/Statement/v1"
)

// URI returns the type's predicateType.
func (t Type) URI() string { return predicateTypePrefix + string(t) + predicateTypeSuffix }

// Statement is one in-toto Statement v1: what a payload says.
type Statement struct {
	Type      Type   // empty for a predicate type that this program does not know
	URI       string // the predicateType
	Subjects  []Subject
	Predicate Predicate
}

// Subject is what a statement is about. Name is empty where the type has none.
type Subject struct {
	Name   string
	Digest Digest
}

// Predicate is one of *Authority, *Image, *Release, *Withdrawal, *Roll,
// *Finding and *Unknown.
type Predicate interface {
	predicate()
}

// Unknown is a statement of a type that this program does not know. Readers
// show and count it, and give it no effect.
type Unknown struct {
	Payload []byte // the whole payload, canonical
}

func (*Authority) predicate()  {}
func (*Image) predicate()      {}
func (*Release) predicate()    {}
func (*Withdrawal) predicate() {}
func (*Roll) predicate()       {}
func (*Finding) predicate()    {}
func (*Unknown) predicate()    {}

// Issued returns when the statement says that it was made; zero for an unknown type.
func (s *Statement) Issued() time.Time {
	switch p := s.Predicate.(type) {
	case *Authority:
		return p.Issued
	case *Image:
		return p.Issued
	case *Release:
		return p.Issued
	case *Withdrawal:
		return p.Issued
	case *Roll:
		return p.Issued
	case *Finding:
		return p.Issued
	}
	return time.Time{}
}

// Product returns the statement's product; empty for an authority and an unknown type.
func (s *Statement) Product() string {
	switch p := s.Predicate.(type) {
	case *Image:
		return p.Product
	case *Release:
		return p.Product
	case *Withdrawal:
		return p.Product
	case *Roll:
		return p.Product
	case *Finding:
		return p.Product
	}
	return ""
}

// Authority returns the payload digest of the authority that the statement
// names as its own; zero for an authority and an unknown type.
func (s *Statement) Authority() Digest {
	switch p := s.Predicate.(type) {
	case *Image:
		return p.Authority
	case *Release:
		return p.Authority
	case *Withdrawal:
		return p.Authority
	case *Roll:
		return p.Authority
	case *Finding:
		return p.Authority
	}
	return Digest{}
}

// Note returns the statement's free text; empty where its type has none. It is
// UTF-8 without controls and bidirectional marks, and else whatever its signer wrote.
func (s *Statement) Note() string {
	switch p := s.Predicate.(type) {
	case *Image:
		return p.Note
	case *Release:
		return p.Note
	case *Withdrawal:
		return p.Note
	}
	return ""
}
