package release

// ParseStatement reads the payload of an envelope and applies every rule of
// form of docs/formats/entry.md and of the statement's type. The rules that
// weigh an image's values against each other are CheckImage's.
func ParseStatement(payload []byte) (*Statement, error) {
	return nil, Refuse(CodeJSONSyntax, "", "", "")
}

// Marshal returns the canonical payload. It sorts what is a set, and fails with
// a *Refusal wherever ParseStatement would.
func (s *Statement) Marshal() ([]byte, error) { return nil, Refuse(CodeJSONSyntax, "", "", "") }

// NewAuthority makes the statement of an authority: its subject is the origin
// and the SHA-256 of the origin. It fails where ParseStatement would.
func NewAuthority(a *Authority) (*Statement, error) { return nil, nil }

// NewImage makes the statement of an image: its subjects are the artifacts.
// Artifacts and provenance are sorted. It fails where ParseStatement would;
// whoever signs it calls CheckImage besides.
func NewImage(i *Image) (*Statement, error) { return nil, nil }

// NewRelease makes the statement of a release: its subjects are its images.
func NewRelease(r *Release) (*Statement, error) { return nil, nil }

// NewWithdrawal makes the statement of a withdrawal: its subject is the target.
func NewWithdrawal(w *Withdrawal) (*Statement, error) { return nil, nil }

// NewRoll makes the statement of a roll: its subject is the origin, as an authority's.
func NewRoll(r *Roll) (*Statement, error) { return nil, nil }
