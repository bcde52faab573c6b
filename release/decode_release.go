package release

import "github.com/muster-log/muster/internal/strictjson"

// The greatest numbers of what releases and findings hold.
const (
	maxImages     = 64
	maxReinstates = 128
	maxAuditor    = 128
)

var (
	releaseMembers    = []string{"authority", "channel", "issued", "notAfter", "note", "product", "reinstates", "version"}
	withdrawalMembers = []string{"authority", "issued", "note", "product", "reason", "replacement?"}
	rollMembers       = []string{"authority", "issued", "live", "product", "root", "rules", "size"}
	findingMembers    = []string{"auditor", "authority", "issued", "product", "reference", "result"}
)

func (r *reader) release(s *Statement, v, subject strictjson.Value) {
	if !r.object(v, releaseMembers) {
		return
	}
	p := &Release{
		Issued:     r.time(v.Member("issued")),
		Authority:  r.digest(v.Member("authority")),
		Product:    r.matches(v.Member("product"), &nameGrammar),
		Channel:    r.matches(v.Member("channel"), &channelGrammar),
		Version:    r.matches(v.Member("version"), &versionGrammar),
		NotAfter:   r.time(v.Member("notAfter")),
		Note:       r.note(v.Member("note")),
		Reinstates: r.digests(v.Member("reinstates"), 0, maxReinstates),
	}
	for _, element := range r.set(subject, 1, maxImages) {
		if !r.object(element, subjectMembers) {
			break
		}
		digest := r.digest(element.Member("digest"))
		p.Images = append(p.Images, digest)
		s.Subjects = append(s.Subjects, Subject{Digest: digest})
	}
	s.Predicate = p
}

func (r *reader) withdrawal(s *Statement, v, subject strictjson.Value) {
	if !r.object(v, withdrawalMembers) {
		return
	}
	w := &Withdrawal{
		Issued:    r.time(v.Member("issued")),
		Authority: r.digest(v.Member("authority")),
		Product:   r.matches(v.Member("product"), &nameGrammar),
		Reason:    r.matches(v.Member("reason"), &wordGrammar),
		Note:      r.note(v.Member("note")),
	}
	if replacement := v.Member("replacement"); replacement.Exists() {
		digest := r.digest(replacement)
		w.Replacement = &digest
	}
	w.Target, s.Subjects = r.entrySubject(subject)
	s.Predicate = w
}

func (r *reader) roll(s *Statement, v, subject strictjson.Value) {
	if !r.object(v, rollMembers) {
		return
	}
	p := &Roll{
		Issued:    r.time(v.Member("issued")),
		Authority: r.digest(v.Member("authority")),
		Product:   r.matches(v.Member("product"), &nameGrammar),
		Size:      r.integer(v.Member("size"), 0, maxInteger),
		Root:      r.digest(v.Member("root")),
		Live:      r.digests(v.Member("live"), 0, MaxLive),
		Rules:     int(r.integer(v.Member("rules"), 1, maxRuleNumber)),
	}
	p.Origin, s.Subjects = r.originSubject(subject)
	s.Predicate = p
}

func (r *reader) finding(s *Statement, v, subject strictjson.Value) {
	if !r.object(v, findingMembers) {
		return
	}
	f := &Finding{
		Issued:    r.time(v.Member("issued")),
		Authority: r.digest(v.Member("authority")),
		Product:   r.matches(v.Member("product"), &nameGrammar),
		Auditor:   r.text(v.Member("auditor"), 1, maxAuditor),
		Result:    r.matches(v.Member("result"), &wordGrammar),
		Reference: r.matches(v.Member("reference"), &urlGrammar),
	}
	f.Entry, s.Subjects = r.entrySubject(subject)
	s.Predicate = f
}
