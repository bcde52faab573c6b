package release

import (
	"slices"

	"github.com/muster-log/muster/internal/strictjson"
)

// The greatest numbers of what an image holds.
const (
	maxArtifacts  = 128
	maxURLs       = 8
	maxProvenance = 32
)

var (
	kinds        = []Kind{KindOS, KindModel, KindAdapter, KindConfig, KindFirmware}
	imageMembers = []string{"artifacts", "authority", "issued", "kind", "measurements", "mode", "name", "note", "product",
		"provenance", "publishBy", "securityVersion", "version"}
	artifactMembers = []string{"mediaType", "name", "sha256", "size", "urls"}
)

func (r *reader) image(s *Statement, v, subject strictjson.Value) {
	if !r.object(v, imageMembers) {
		return
	}
	i := &Image{
		Issued:          r.time(v.Member("issued")),
		Authority:       r.digest(v.Member("authority")),
		Product:         r.matches(v.Member("product"), &nameGrammar),
		Kind:            oneOf(r, v.Member("kind"), kinds...),
		Name:            r.matches(v.Member("name"), &nameGrammar),
		Version:         r.matches(v.Member("version"), &versionGrammar),
		SecurityVersion: r.integer(v.Member("securityVersion"), 0, maxInteger),
		Mode:            r.mode(v.Member("mode")),
		PublishBy:       r.time(v.Member("publishBy")),
		Note:            r.note(v.Member("note")),
		Provenance:      r.digests(v.Member("provenance"), 0, maxProvenance),
		Artifacts:       r.artifacts(v.Member("artifacts")),
		Measurements:    r.measurements(v.Member("measurements")),
	}
	s.Subjects, s.Predicate = r.artifactSubjects(subject, i.Artifacts), i
}

func (r *reader) artifacts(v strictjson.Value) []Artifact {
	var artifacts []Artifact
	for _, element := range r.set(v, 1, maxArtifacts) {
		if !r.object(element, artifactMembers) {
			break
		}
		artifact := Artifact{
			Name:      r.matches(element.Member("name"), &fileNameGrammar),
			Digest:    r.bareDigest(element.Member("sha256")),
			Size:      r.integer(element.Member("size"), 0, maxInteger),
			MediaType: r.matches(element.Member("mediaType"), &mediaTypeGrammar),
		}
		for _, url := range r.list(element.Member("urls"), 0, maxURLs) {
			artifact.URLs = append(artifact.URLs, r.matches(url, &urlGrammar))
		}
		if slices.ContainsFunc(artifacts, func(other Artifact) bool { return other.Name == artifact.Name }) {
			r.refuse(element.Member("name"), CodeListRepeated, "each name once")
		}
		artifacts = append(artifacts, artifact)
	}
	return artifacts
}

// artifactSubjects judges that the subjects are the artifacts, in their order.
func (r *reader) artifactSubjects(v strictjson.Value, artifacts []Artifact) []Subject {
	if !r.length(v, 1, maxArtifacts) {
		return nil
	}
	if v.Len() != len(artifacts) {
		r.refuse(v, CodeSubject, "the artifacts")
		return nil
	}
	subjects := make([]Subject, 0, v.Len())
	for i, element := range v.Elements() {
		if !r.object(element, namedSubjectMembers) {
			return nil
		}
		name, digest := element.Member("name"), element.Member("digest")
		if r.ascii(name) != artifacts[i].Name {
			r.refuse(name, CodeSubject, artifacts[i].Name+", the name of the artifact")
		}
		if r.digest(digest) != artifacts[i].Digest {
			r.refuse(digest.Member("sha256"), CodeSubject, artifacts[i].Digest.String()+", the digest of the artifact")
		}
		subjects = append(subjects, Subject{Name: artifacts[i].Name, Digest: artifacts[i].Digest})
	}
	return subjects
}
