package main

import (
	"cmp"
	"fmt"
	"maps"
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
	keys := map[release.KeyID]release.Key{}
	roles := d.roles(by, keys)
	valid := map[release.KeyID]bool{}
	for _, signature := range d.envelope.Signatures {
		key, known := keys[signature.KeyID]
		if !known {
			s.problem(signature.KeyID, "signer-unknown", "the authority has no such key")
			continue
		}
		if err := foreign.Verify(key, d.envelope.Payload, signature.Sig); err != nil {
			s.problem(signature.KeyID, cmp.Or(release.CodeOf(err), release.CodeSignatureInvalid), err.Error())
			continue
		}
		valid[signature.KeyID] = true
	}
	for _, role := range roles {
		s.Roles = append(s.Roles, role.status(keys, valid))
	}
	s.judge(d, roles, valid)
	return s
}

// judge decides whether the document is complete, and finds signatures outside
// the roles.
func (s *signingStatus) judge(d *document, roles []namedRole, valid map[release.KeyID]bool) {
	every := d.statement.Type == release.TypeAuthority
	met := every
	for i, role := range roles {
		whole := s.Roles[i].Needed == 0
		if every {
			met = met && whole
			continue
		}
		// Every signature must be by a key of the one role that admits.
		for key := range valid {
			whole = whole && slices.Contains(role.Keys, key)
		}
		met = met || whole
	}
	for _, key := range sortedBy(mapKeys(valid), nil) {
		if !slices.ContainsFunc(roles, func(role namedRole) bool { return slices.Contains(role.Keys, key) }) {
			s.problem(key, "signer-outside-role", "the key has no role that admits this")
		}
	}
	s.Complete = met && len(roles) > 0 && len(s.Problems) == 0
}

func (s *signingStatus) problem(key release.KeyID, code release.Code, text string) {
	s.Problems = append(s.Problems, signatureProblem{key, code, oneLine(text)})
}

// namedRole is a role with what it is called in this document's place.
type namedRole struct {
	release.Role
	title string
}

// roles returns the roles that can admit the document, and collects the keys
// that signatures are checked with.
func (d *document) roles(by *judge, keys map[release.KeyID]release.Key) []namedRole {
	authority := by.authority
	var found []namedRole
	take := func(from *release.Authority, name release.RoleName, title, product, kind, channel string) {
		for id, key := range from.Keys {
			keys[id] = key
		}
		for _, role := range from.Roles {
			if role.Name == name && role.Covers(product, kind, channel) {
				found = append(found, namedRole{role, title})
			}
		}
	}
	switch stated := d.statement.Predicate.(type) {
	case *release.Authority:
		if authority != nil {
			take(authority, release.RoleRoot, "root of the previous version", "", "", "")
		}
		take(stated, release.RoleRoot, "root", "", "", "")
	case *release.Image:
		take(authority, release.RoleImage, "image", stated.Product, string(stated.Kind), "")
	case *release.Release:
		take(authority, release.RoleRelease, "release", stated.Product, "", stated.Channel)
	case *release.Roll:
		take(authority, release.RoleRoll, "roll", stated.Product, "", "")
	case *release.Withdrawal:
		kind, channel := "", ""
		switch target := by.target.Predicate.(type) {
		case *release.Image:
			kind = string(target.Kind)
		case *release.Release:
			channel = target.Channel
		default:
			return nil
		}
		product := by.target.Product()
		take(authority, release.RoleWithdraw, "withdraw", product, kind, channel)
		take(authority, release.RoleRoot, "root", product, kind, channel)
	}
	return found
}

// status counts a role's keys by what they are, not by their ids.
func (r namedRole) status(keys map[release.KeyID]release.Key, valid map[release.KeyID]bool) roleStatus {
	s := roleStatus{Role: r.title, Threshold: r.Threshold, Signed: []release.KeyID{}, Missing: []release.KeyID{}}
	distinct := map[release.Digest]bool{}
	for _, id := range sortedBy(r.Keys, nil) {
		if !valid[id] {
			s.Missing = append(s.Missing, id)
			continue
		}
		s.Signed = append(s.Signed, id)
		if spki, err := keys[id].SPKI(); err == nil {
			distinct[spki] = true
		}
	}
	s.Needed = max(0, r.Threshold-len(distinct))
	return s
}

func (a *app) printStatus(d *document, s signingStatus) error {
	for _, role := range s.Roles {
		maps.Insert(s.Names, maps.All(a.names.among(role.Signed, role.Missing)))
	}
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
		p.line("next: whoever is missing signs: muster %s sign %s --key KEY", s.Type, d.path)
	}
}

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

func mapKeys(set map[release.KeyID]bool) []release.KeyID {
	var keys []release.KeyID
	for key := range set {
		keys = append(keys, key)
	}
	return keys
}
