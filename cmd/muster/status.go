package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
	"github.com/muster-log/muster/release/register"
)

// signingStatus says how far the signing of a document is.
type signingStatus struct {
	Type     release.Type   `json:"type"`
	Digest   release.Digest `json:"digest"`
	Complete bool           `json:"complete"`
	// Roles are those that can admit the document: one of them must be met, for
	// an authority every one of them.
	Roles []roleStatus `json:"roles"`
	// Problems are signatures for which a log would refuse the document.
	Problems []signatureProblem `json:"problems"`
	// Refused is why a log would refuse the document whoever signs it.
	Refused *termProblem `json:"refused,omitempty"`
	// Logged is where the document stands in the log, if it does.
	Logged *loggedAt `json:"logged,omitempty"`
	// Reinstate are the withdrawals that a release must list to be live.
	Reinstate []release.Digest `json:"reinstate,omitempty"`
	// Names are what --names calls the keys above.
	Names map[release.KeyID]string `json:"names,omitempty"`

	hint string
}

type loggedAt struct {
	Index    uint64        `json:"index"`
	Standing register.Word `json:"standing"`
	Why      string        `json:"why"`
}

type termProblem struct {
	Code   release.Code `json:"code"`
	Member string       `json:"member"`
	Text   string       `json:"text"`
}

type roleStatus struct {
	Role      string          `json:"role"`
	Threshold int             `json:"threshold"`
	Signed    []release.KeyID `json:"signed"`
	Missing   []release.KeyID `json:"missing"`
	// Needed is how many more keys must sign.
	Needed int `json:"needed"`
}

type signatureProblem struct {
	KeyID release.KeyID `json:"keyid"`
	Code  release.Code  `json:"code"`
	Text  string        `json:"text"`
}

// statusCommand makes the verb status of a type.
func (a *app) statusCommand(what release.Type) *cobra.Command {
	var source authoritySource
	var target string
	cmd := &cobra.Command{
		Use:   statusUse(what),
		Short: fmt.Sprintf("say who has signed the %s, and who is still missing", what),
		Long: fmt.Sprintf(`Says who has signed the %s in FILE, role by role, who is still missing, and which
signatures a log would refuse; also whether the authority can admit it at all. Exit
code 0: signed by enough; 1: not yet, or in vain.`, what) + statusMore[what],
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, err := a.readDocument(args[0], what)
			if err != nil {
				return err
			}
			judge, err := a.judgeFor(cmd, doc, &source, target)
			if err != nil {
				return err
			}
			return a.printStatus(doc, a.statusOf(doc, judge))
		},
	}
	source.flags(cmd, what)
	if what == release.TypeWithdrawal {
		cmd.Flags().StringVar(&target, "target", "", "the `FILE` of what is withdrawn (default: that of --log)")
	}
	return cmd
}

// statusMore is what status does besides for some types.
var statusMore = map[release.Type]string{
	release.TypeAuthority: `

A version after the first is signed by the root of the one before, which --authority
or --log gives, and by its own: both thresholds are shown.`,
	release.TypeImage: `

With --log the whole log is replayed, and the image is held to all that is in it, too:
its name and version, and its security version.`,
	release.TypeRelease: `

With --log the whole log is replayed, and the release is held to all that is in it,
too: its images, its version, what is withdrawn.`,
	release.TypeWithdrawal: `

The keys of a withdraw role sign it, or those of the root. Which roles those are hangs
on what is withdrawn: its product, its kind or its channel.`,
}

// statusUse: a first authority judges itself, and a later one has another to be
// judged by.
func statusUse(what release.Type) string {
	switch what {
	case release.TypeAuthority:
		return "status FILE [--authority FILE | --log URL] [--names DIR]"
	case release.TypeWithdrawal:
		return "status FILE {--authority FILE --target FILE | --log URL} [--names DIR]"
	}
	return "status FILE {--authority FILE | --log URL} [--names DIR]"
}

// signingStatus judges the signatures of a document by an authority.
func (d *document) signingStatus(by *judge) signingStatus {
	s := signingStatus{Type: d.statement.Type, Digest: d.digest(), Roles: []roleStatus{}, Problems: []signatureProblem{}, Names: map[release.KeyID]string{}}
	roles := d.roles(by)
	var valid []release.KeyID
	for _, signature := range d.envelope.Signatures {
		key, known := d.keyOf(by, signature.KeyID)
		if !known {
			s.problem(signature.KeyID, register.CodeSignerUnknown, "the authority has no such key")
			continue
		}
		if err := foreign.Verify(key, d.envelope.Payload, signature.Sig); err != nil {
			s.problem(signature.KeyID, cmp.Or(release.CodeOf(err), release.CodeSignatureInvalid), err.Error())
			continue
		}
		valid = append(valid, signature.KeyID)
	}
	met := len(roles) > 0
	for _, role := range roles {
		status := role.status(valid)
		s.Roles = append(s.Roles, status)
		met = met && status.Needed == 0
	}
	if d.statement.Type != release.TypeAuthority {
		met = register.CheckSigners(by.authority, d.statement, by.target, valid) == nil
	}
	for _, key := range sortedBy(valid, nil) {
		if !slices.ContainsFunc(roles, func(role neededRole) bool { return slices.Contains(role.Keys, key) }) {
			s.problem(key, register.CodeSignerOutsideRole, "the key has no role that admits this")
		}
	}
	s.Complete = met && len(s.Problems) == 0
	return s
}

func (s *signingStatus) problem(key release.KeyID, code release.Code, text string) {
	s.Problems = append(s.Problems, signatureProblem{key, code, oneLine(text)})
}

// neededRole is a role of an authority, with what it is called in this document's
// place.
type neededRole struct {
	release.Role
	of    *release.Authority
	title string
}

// judges are the authorities by which the document is judged: an authority by the
// version before, if there is one, and by itself.
func (d *document) judges(by *judge) (judges []*release.Authority) {
	if by.authority != nil {
		judges = append(judges, by.authority)
	}
	if own, ok := d.statement.Predicate.(*release.Authority); ok {
		judges = append(judges, own)
	}
	return judges
}

// roles returns the roles that can admit the document.
func (d *document) roles(by *judge) (found []neededRole) {
	for _, authority := range d.judges(by) {
		for _, role := range register.Needed(authority, d.statement, by.target) {
			title := string(role.Name)
			if d.statement.Type == release.TypeAuthority && authority == by.authority {
				title = "root of the previous version"
			}
			found = append(found, neededRole{role, authority, title})
		}
	}
	return found
}

// keyOf finds a key that the document may be signed with.
func (d *document) keyOf(by *judge, id release.KeyID) (release.Key, bool) {
	for _, authority := range d.judges(by) {
		if key, ok := authority.Keys[id]; ok {
			return key, true
		}
	}
	return release.Key{}, false
}

// status says which keys of a role have signed, and how many more must.
func (r *neededRole) status(valid []release.KeyID) roleStatus {
	s := roleStatus{Role: r.title, Threshold: r.Threshold, Signed: []release.KeyID{}, Missing: []release.KeyID{}}
	for _, id := range sortedBy(r.Keys, nil) {
		if slices.Contains(valid, id) {
			s.Signed = append(s.Signed, id)
		} else {
			s.Missing = append(s.Missing, id)
		}
	}
	s.Needed = max(0, r.Threshold-register.Signed(r.of, &r.Role, valid))
	return s
}

func (a *app) printStatus(d *document, s signingStatus) error {
	s.Names = a.namesOf(&s)
	err := a.print(s, func(p *page) {
		p.line("%s %s", s.Type, s.Digest)
		s.describeRoles(p)
		s.describeNext(p, d)
	})
	if err == nil && !s.Complete && s.Logged == nil {
		return command.Verdict(exitcode.Refused)
	}
	return err
}

// describeRoles says who has signed, role by role, and what a log would refuse.
func (s *signingStatus) describeRoles(p *page) {
	if len(s.Roles) == 0 {
		p.line("no role of the authority admits this: product, kind and channel must be covered")
	} else if len(s.Roles) > 1 && s.Type != release.TypeAuthority {
		p.line("one of these roles must be met, by keys of it alone:")
	}
	for _, role := range s.Roles {
		p.line("role %s: %d of %d needed signatures", role.Role, role.Threshold-role.Needed, role.Threshold)
		for _, key := range p.names.sorted(role.Signed) {
			p.field("signed", "%s", p.names.of(key))
		}
		for _, key := range p.names.sorted(role.Missing) {
			p.field(missingWord(role), "%s", p.names.of(key))
		}
	}
	for _, problem := range s.Problems {
		p.line("refused: signature by %s: %s (%s)", p.names.of(problem.KeyID), problem.Text, problem.Code)
	}
	if s.Refused != nil {
		p.line("refused: %s", s.Refused.Text)
	}
	if s.hint != "" {
		p.line("withdrawn: not live without --reinstates; %s", s.hint)
	}
}

// describeNext says what is done next.
func (s *signingStatus) describeNext(p *page, d *document) {
	switch {
	case s.Logged != nil:
		p.line("logged already, at index %d: %s", s.Logged.Index, s.Logged.Why)
	case s.Refused != nil:
		p.line("not complete: a log refuses it, whoever signs; make the draft again: muster %s", again(s.Type))
	case s.Complete && s.Type == release.TypeAuthority:
		p.line("complete%s", nextOfAuthority(d))
	case s.Complete:
		p.line("complete: muster %s submit %s --log URL", s.Type, d.path)
	case len(s.Problems) > 0:
		p.line("not complete: a log refuses it as long as those signatures are in it")
		p.line("take one out: muster %s attach %s --remove KEYID", s.Type, d.path)
	default:
		p.line("not complete")
		p.line("next: whoever is missing signs: muster %s sign %s --key KEY%s", s.Type, d.path, signsWith[s.Type])
	}
}

// signsWith is what sign takes besides for some types: a roll is recomputed first.
var signsWith = map[release.Type]string{release.TypeRoll: " --log URL --policy FILE"}

// nextOfAuthority says what is done with an authority that is signed: the first
// one begins a log.
func nextOfAuthority(d *document) string {
	if own := d.statement.Predicate.(*release.Authority); own.Previous == nil {
		return fmt.Sprintf(": begin its log with muster-log init --origin %s --authority %s", own.Origin, d.path)
	}
	return fmt.Sprintf(": muster authority submit %s --log URL", d.path)
}

// again is what makes a draft of a type.
func again(what release.Type) string {
	switch what {
	case release.TypeWithdrawal:
		return "release withdraw, or image withdraw"
	case release.TypeRoll:
		return "roll sign"
	}
	return string(what) + " create"
}

func missingWord(role roleStatus) string {
	if role.Needed == 0 {
		return "not needed"
	}
	return "missing"
}
