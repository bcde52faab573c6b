package modelsigning

import (
	"crypto/sha256"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/muster-log/muster/release"
)

const (
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://model_signing/signature/v1.0"
	// predicatePrefix begins those of all versions of Model Signing.
	predicatePrefix = "https://model_signing/"

	maxIgnored     = 1024
	maxIgnoredPath = 4096
	maxModelName   = 1024
)

// parseStatement reads a signed statement.
//
// What it says of itself beyond the known members is passed over, but for
// serialization and resources: an unknown member there would change what the
// digests are of.
func parseStatement(payload []byte) (*Manifest, error) {
	value, err := parseJSON(payload)
	if err != nil {
		return nil, refuse(CodeJSON, "", "", "statement: %w", err)
	}
	statement, ok := value.(map[string]any)
	if !ok {
		return nil, refuse(CodeForm, "", "", "got %s, want a statement", kindOf(value))
	}
	if err := checkTypes(statement); err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := m.subject(statement); err != nil {
		return nil, err
	}
	predicate, at, err := member[map[string]any](statement, "", "predicate")
	if err != nil {
		return nil, err
	}
	if err := m.serialization(predicate, at); err != nil {
		return nil, err
	}
	if err := m.resources(predicate, at); err != nil {
		return nil, err
	}
	return m, m.checkRoot()
}

func checkTypes(statement map[string]any) error {
	held, at, err := member[string](statement, "", "_type")
	if err != nil {
		return err
	}
	if held != statementType {
		return refuse(CodeVersion, at, resignHint, "got %s, want %s", shown(held), statementType)
	}
	held, at, err = member[string](statement, "", "predicateType")
	switch {
	case err != nil:
		return err
	case held == predicateType:
		return nil
	case strings.HasPrefix(held, predicatePrefix):
		return refuse(CodeVersion, at, resignHint, "Model Signing of another version, %s, want %s", shown(held), predicateType)
	}
	return refuse(CodeVersion, at, "give a bundle that signs a model", "got %s, want %s", shown(held), predicateType)
}

// otherVersion returns the predicate type of a payload that nobody is known to have
// signed, where it is one of another version of Model Signing. Those before 1.0
// signed something else than DSSE says, so their signatures fail here, and people
// would look for another key.
func otherVersion(payload []byte) string {
	value, err := parseJSON(payload)
	if err != nil {
		return ""
	}
	statement, _ := value.(map[string]any)
	held, _ := statement["predicateType"].(string)
	if held == predicateType || !strings.HasPrefix(held, predicatePrefix) {
		return ""
	}
	return held
}

// subject reads the model's name and the root.
func (m *Manifest) subject(statement map[string]any) error {
	list, at, err := member[[]any](statement, "", "subject")
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return refuse(CodeForm, at, "", "got %d subjects, want one", len(list))
	}
	subject, at, err := element[map[string]any](list, at, 0)
	if err != nil {
		return err
	}
	var where string
	if m.Model, where, err = member[string](subject, at, "name"); err != nil {
		return err
	}
	if len(m.Model) > maxModelName {
		return refuse(CodeSize, where, "", "more than %d bytes", maxModelName)
	}
	digest, at, err := member[map[string]any](subject, at, "digest")
	if err != nil {
		return err
	}
	m.Root, err = digestMember(digest, at, "sha256")
	return err
}

// serialization reads how the files were listed and hashed.
func (m *Manifest) serialization(predicate map[string]any, path string) error {
	const hint = "sign the model again with file hashes, --hash-algorithm sha256"
	object, path, err := member[map[string]any](predicate, path, "serialization")
	if err != nil {
		return err
	}
	method, at, err := member[string](object, path, "method")
	if err != nil {
		return err
	}
	if method != "files" {
		return refuse(CodeSerialization, at, hint, "the method %s, want files: a list of parts of files is not compared here", shown(method))
	}
	hash, at, err := member[string](object, path, "hash_type")
	if err != nil {
		return err
	}
	if hash != "sha256" {
		return refuse(CodeSerialization, at, hint, "the algorithm %s, want sha256", shown(hash))
	}
	for name := range object {
		switch name {
		case "method", "hash_type", "allow_symlinks", "ignore_paths":
		default:
			return refuse(CodeSerialization, path, hint, "the member %s, which is not known here, may change what was signed", shown(name))
		}
	}
	if m.Symlinks, _, err = optional[bool](object, path, "allow_symlinks"); err != nil {
		return err
	}
	ignored, at, err := optional[[]any](object, path, "ignore_paths")
	if err != nil {
		return err
	}
	return m.ignored(ignored, at)
}

// ignored reads what the signer left out of the model.
func (m *Manifest) ignored(list []any, at string) error {
	if len(list) > maxIgnored {
		return refuse(CodeSize, at, "", "got %d paths, want at most %d", len(list), maxIgnored)
	}
	for i := range list {
		text, at, err := element[string](list, at, i)
		if err != nil {
			return err
		}
		if len(text) > maxIgnoredPath || strings.ContainsFunc(text, unicode.IsControl) || path.IsAbs(text) || path.Clean(text) == "." ||
			slices.Contains(strings.Split(text, "/"), "..") {
			return refuse(CodeSerialization, at, "", "got %s, want a path inside the model", shown(text))
		}
		m.Ignored = append(m.Ignored, path.Clean(text))
	}
	slices.Sort(m.Ignored)
	m.Ignored = slices.Compact(m.Ignored)
	return nil
}

// resources reads the list of files.
func (m *Manifest) resources(predicate map[string]any, path string) error {
	list, path, err := member[[]any](predicate, path, "resources")
	if err != nil {
		return err
	}
	if len(list) == 0 || len(list) > MaxFiles {
		return refuse(CodeSize, path, "", "got %d files, want 1 to %d", len(list), MaxFiles)
	}
	m.Resources = make([]release.Resource, len(list))
	for i := range list {
		object, at, err := element[map[string]any](list, path, i)
		if err != nil {
			return err
		}
		if m.Resources[i], err = resource(object, at); err != nil {
			return err
		}
	}
	if err := release.CheckResources(m.Resources); err != nil {
		refusal, _ := errors.AsType[*release.Refusal](err)
		hint := "rename the file in the model, and sign it again: statements of a log hold printable ASCII"
		if refusal.Code == release.CodeListRepeated {
			hint = ""
		}
		return refuse(CodeResource, strings.TrimSuffix(path, "resources")+refusal.Member, hint, "got %s, want %s", shown(refusal.Got), refusal.Want)
	}
	return nil
}

func resource(object map[string]any, path string) (release.Resource, error) {
	algorithm, at, err := member[string](object, path, "algorithm")
	if err != nil {
		return release.Resource{}, err
	}
	if algorithm != "sha256" {
		return release.Resource{}, refuse(CodeSerialization, at, "sign the model again with --hash-algorithm sha256", "the algorithm %s, want sha256", shown(algorithm))
	}
	digest, err := digestMember(object, path, "digest")
	if err != nil {
		return release.Resource{}, err
	}
	name, at, err := member[string](object, path, "name")
	if err != nil {
		return release.Resource{}, err
	}
	if name == "." {
		return release.Resource{}, refuse(CodeResource, at, "sign the directory that holds the file", "a signature of a single file, want one of a directory")
	}
	if len(object) != 3 {
		return release.Resource{}, refuse(CodeSerialization, path, "", "got %d members, want algorithm, digest and name: others may change what was signed", len(object))
	}
	return release.Resource{Name: name, Digest: digest}, nil
}

func digestMember(object map[string]any, path, name string) (release.Digest, error) {
	text, at, err := member[string](object, path, name)
	if err != nil {
		return release.Digest{}, err
	}
	digest, err := release.ParseDigest(text)
	if err != nil {
		return release.Digest{}, refuse(CodeForm, at, "", "got %s, want 64 lowercase hexadecimal digits", shown(text))
	}
	return digest, nil
}

// checkRoot recomputes the root, and wants the files in the order that it is made
// in: others would compute another one.
func (m *Manifest) checkRoot() error {
	inOrder := sha256.New()
	for i, r := range m.Resources {
		inOrder.Write(r.Digest[:])
		if i > 0 && release.CompareResourceNames(m.Resources[i-1].Name, r.Name) > 0 {
			return refuse(CodeRoot, "predicate.resources["+strconv.Itoa(i)+"].name", resignHint, "%s stands after %s, want the files in the order of the parts of their paths",
				shown(r.Name), shown(m.Resources[i-1].Name))
		}
	}
	if root := release.Digest(inOrder.Sum(nil)); root != m.Root {
		return refuse(CodeRoot, "subject[0].digest.sha256", "", "got %s, want %s, the root of the resources", m.Root, root)
	}
	return nil
}
