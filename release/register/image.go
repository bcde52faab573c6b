package register

import (
	"strconv"

	"github.com/muster-log/muster/release"
)

// maxSecurityVersionLeap is how far securityVersion may rise at once: one wrong
// or stolen signature must not use the numbers up.
const maxSecurityVersionLeap = 1000

// imageKey is what has one image for ever.
type imageKey struct{ product, kind, name, version string }

// seriesKey is what securityVersion is compared within.
type seriesKey struct{ product, kind, name string }

// series is what rises together.
type series struct {
	greatest uint64         // securityVersion ever admitted and not struck
	live     map[uint64]int // securityVersion -> how many live releases name an image with it; nil before the first
}

// image is a logged image: what later entries are judged by.
type image struct {
	index           uint64
	digest          release.Digest
	key             imageKey
	production      bool
	securityVersion uint64
	series          *series
	withdrawals     []*withdrawal // ascending index
	identities      []*identity   // that have it, in the order in which they were first logged
}

func (s *State) judgeImage(p *Prepared, statement *release.Image) (effect, needs, *release.Refusal) {
	asks, _ := needsOf(p.Statement, nil)
	key := imageKey{statement.Product, string(statement.Kind), statement.Name, statement.Version}
	if index, taken := s.images[key]; taken {
		return nil, asks, release.Refuse(CodeImageTaken, "predicate.version", key.name+" "+key.version, "a version that has no image; see index "+formatIndex(index))
	}
	limits := s.chain.Newest().Authority.Limits
	if refusal := checkPublishBy(statement, limits, s.logTime); refusal != nil {
		return nil, asks, refusal
	}
	if refusal := s.checkSecurityVersion(key, statement.SecurityVersion); refusal != nil {
		return nil, asks, refusal
	}
	// Of an image with measurements that are not read, those that are read must hold
	// together all the same; only whether a profile is missing is not judged.
	if err := release.CheckImage(statement); err != nil && (p.notAdmitted == nil || release.CodeOf(err) != release.CodeProfileMissing) {
		return nil, asks, asRefusal(err)
	}
	return &image{
		index:           s.Size(),
		digest:          p.Digest,
		key:             key,
		production:      statement.Mode == release.ModeProduction,
		securityVersion: statement.SecurityVersion,
	}, asks, nil
}

func (s *State) checkSecurityVersion(key imageKey, version uint64) *release.Refusal {
	var greatest uint64
	if group := s.series[key.series()]; group != nil {
		greatest = group.greatest
		if floor := group.floor(); version < floor {
			return release.Refuse(CodeSecurityVersionFalls, "predicate.securityVersion", strconv.FormatUint(version, 10),
				"at least "+strconv.FormatUint(floor, 10)+", which a live release names")
		}
	}
	if version > greatest+maxSecurityVersionLeap {
		return release.Refuse(CodeSecurityVersionLeaps, "predicate.securityVersion", strconv.FormatUint(version, 10),
			"at most "+strconv.FormatUint(greatest+maxSecurityVersionLeap, 10))
	}
	return nil
}

// enter keeps the image under its digest and its names. A struck image takes
// its name and version, and counts for nothing else.
func (i *image) enter(s *State, r *record) {
	i.key = imageKey{s.product(i.key.product).name, s.keep(i.key.kind), s.keep(i.key.name), s.keep(i.key.version)}
	i.series = s.series[i.key.series()]
	if i.series == nil {
		i.series = new(series)
		s.series[i.key.series()] = i.series
	}
	s.images[i.key] = i.index
	s.strikeAtBirth(i.index, r)
	if !r.struck {
		i.series.greatest = max(i.series.greatest, i.securityVersion)
	}
}

func (k imageKey) series() seriesKey { return seriesKey{k.product, k.kind, k.name} }

// floor returns the greatest securityVersion that a live release names.
func (g *series) floor() uint64 {
	var floor uint64
	for version := range g.live {
		floor = max(floor, version)
	}
	return floor
}

// count keeps that one more or one less live release names a securityVersion.
func (g *series) count(version uint64, live bool) {
	if g.live == nil {
		g.live = make(map[uint64]int)
	}
	if live {
		g.live[version]++
	} else if g.live[version]--; g.live[version] == 0 {
		delete(g.live, version)
	}
}
