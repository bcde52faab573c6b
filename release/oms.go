package release

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
)

// MaxOMSManifest bounds the list of a model's files that is kept beside the log,
// in bytes: a hundred thousand files whose paths have 70 characters.
const MaxOMSManifest = 16 << 20

const (
	// CodeManifestSize: a manifest of no bytes or more than 16 MiB.
	CodeManifestSize Code = "manifest-size"
	// CodeManifestRoot: a manifest whose root is not that of its resources, or not the one that the image states.
	CodeManifestRoot Code = "manifest-root"
)

const (
	maxManifestDepth = 3
	// minManifestResource is {"name":"a","sha256":"<64 digits>"} and a comma.
	minManifestResource = 21 + 1 + 64 + 1
	maxManifestFiles    = MaxOMSManifest / minManifestResource
	maxManifestValues   = 3*maxManifestFiles + 4
)

var manifestMembers = []string{"resources", "root"}

// CompareResourceNames orders the files of a model as OpenSSF Model Signing does:
// by the parts of their paths, so that a/b comes before a.b.
func CompareResourceNames(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}

// OMSRoot is OMS.Root of these files, whatever their order: the SHA-256 of their
// raw digests in the order of CompareResourceNames. Names are not in it.
func OMSRoot(resources []Resource) Digest {
	type keyed struct {
		parts  []string
		digest Digest
	}
	ordered := make([]keyed, len(resources))
	for i, resource := range resources {
		ordered[i] = keyed{strings.Split(resource.Name, "/"), resource.Digest}
	}
	slices.SortFunc(ordered, func(a, b keyed) int { return slices.Compare(a.parts, b.parts) })
	digest := sha256.New()
	for i := range ordered {
		digest.Write(ordered[i].digest[:])
	}
	return Digest(digest.Sum(nil))
}

// CheckResources judges the names of a model's files by the rules of a statement:
// at least one file, each name of the grammar of a resource and there once. The
// member of the refusal counts in the order of the list.
func CheckResources(resources []Resource) error {
	if len(resources) == 0 {
		return Refuse(CodeListSize, "resources", "0", "at least one file")
	}
	seen := make(map[string]bool, len(resources))
	for i, resource := range resources {
		member := "resources[" + strconv.Itoa(i) + "].name"
		if !isPrintable(resource.Name) {
			return Refuse(CodeStringASCII, member, resource.Name, "printable ASCII")
		}
		if !resourceGrammar.match(resource.Name) {
			return Refuse(resourceGrammar.code, member, resource.Name, resourceGrammar.want)
		}
		if seen[resource.Name] {
			return Refuse(CodeListRepeated, member, resource.Name, "each name once")
		}
		seen[resource.Name] = true
	}
	return nil
}

// OMSManifest returns the bytes that OMS.Manifest is the SHA-256 of: the
// canonical JSON {"resources":[{"name":...,"sha256":...},...],"root":{"sha256":...}}
// (docs/formats/model-signing.md). The resources are sorted as in a statement, and
// refused where CheckResources refuses them; their number is bounded by the size
// of the whole alone, for that is what the list beside the log is for.
func OMSManifest(root Digest, resources []Resource) ([]byte, error) {
	if err := CheckResources(resources); err != nil {
		return nil, err
	}
	w := &writer{}
	w.open('{')
	writeSet(w, "resources", resources, func(w *writer, r Resource) { w.named(r.Name, r.Digest) })
	w.digest("root", root)
	w.close('}')
	if len(w.out) > MaxOMSManifest {
		return nil, refuseManifestSize(len(w.out))
	}
	return w.out, nil
}

// ParseOMSManifest reads what OMSManifest writes, and nothing else: bounded,
// canonical, and with the root that its resources have. The resources are returned
// in the order of the manifest. The error is a *Refusal.
func ParseOMSManifest(data []byte) (root Digest, resources []Resource, err error) {
	if len(data) == 0 || len(data) > MaxOMSManifest {
		return Digest{}, nil, refuseManifestSize(len(data))
	}
	whole, refusal := parseJSONOf(data, maxManifestDepth, maxManifestValues)
	if refusal != nil {
		return Digest{}, nil, refusal
	}
	r := &reader{}
	if !r.object(whole, manifestMembers) {
		return Digest{}, nil, r.refusal
	}
	root = r.digest(whole.Member("root"))
	for _, element := range r.set(whole.Member("resources"), 1, maxManifestFiles) {
		if !r.object(element, sectionMembers) {
			break
		}
		resources = append(resources, Resource{Name: r.matches(element.Member("name"), &resourceGrammar), Digest: r.bareDigest(element.Member("sha256"))})
	}
	if r.refusal != nil {
		return Digest{}, nil, r.refusal
	}
	if err := CheckResources(resources); err != nil {
		return Digest{}, nil, err
	}
	if want := OMSRoot(resources); root != want {
		return Digest{}, nil, Refuse(CodeManifestRoot, "root", root.String(), want.String()+", the root of the resources")
	}
	return root, resources, nil
}

func refuseManifestSize(size int) *Refusal {
	return Refuse(CodeManifestSize, "", strconv.Itoa(size)+" bytes", "1 to "+strconv.Itoa(MaxOMSManifest)+" bytes")
}
