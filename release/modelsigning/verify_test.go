package modelsigning

import (
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/modelsigning/modelsigningtest"
)

type object = modelsigningtest.Object

// modelFiles are in the order of Model Signing, which is not that of bytes.
func modelFiles() (files []release.Resource) {
	for _, name := range []string{"config.json", "weights/0 of 2", "weights/1", "weights.json"} {
		files = append(files, release.Resource{Name: name, Digest: sha256.Sum256([]byte(name))})
	}
	return files
}

func trustOf(tb testing.TB, public []byte) Trust {
	tb.Helper()
	trust, err := ParsePublicKey(public)
	if err != nil {
		tb.Fatal(err)
	}
	return trust
}

func wantCode(tb testing.TB, name string, err error, code Code, text string) {
	tb.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != code || !strings.Contains(err.Error(), text) {
		tb.Errorf("%s: got %v, want code %s and %q in it", name, err, code, text)
	}
}

// TestVerify: each curve with its hash.
func TestVerify(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, public := modelsigningtest.Key(t, curve)
		payload := modelsigningtest.Marshal(t, modelsigningtest.Statement("llama", []string{"model.sig", ".git/"}, modelFiles()...))
		got, err := Verify(modelsigningtest.Marshal(t, modelsigningtest.Bundle(t, key, payload, nil)), trustOf(t, public))
		if err != nil {
			t.Fatalf("%s: %v", curve.Params().Name, err)
		}
		signer, err := signerOf(&key.PublicKey, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := &Manifest{Model: "llama", Root: release.OMSRoot(modelFiles()), Resources: modelFiles(), Ignored: []string{".git", "model.sig"}, Signer: signer}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", curve.Params().Name, diff)
		}
		if got.Signer.Curve != curve.Params().Name {
			t.Errorf("got curve %s", got.Signer.Curve)
		}
	}
}

// signed is a case: a statement, or a bundle, that is changed.
type signed struct {
	statement func(object)
	bundle    func(object)
	code      Code
	text      string
}

func dig(o object, names ...string) object {
	for _, name := range names {
		o = o[name].(object)
	}
	return o
}

func resourceAt(o object, i int) object { return dig(o, "predicate")["resources"].([]any)[i].(object) }

// TestStatementRefused: statements that a good key signed.
func TestStatementRefused(t *testing.T) {
	key, public := modelsigningtest.Key(t, elliptic.P256())
	trust := trustOf(t, public)
	set := func(value any, names ...string) func(object) {
		return func(o object) { dig(o, names[:len(names)-1]...)[names[len(names)-1]] = value }
	}
	rename := func(name string) func(object) { return func(o object) { resourceAt(o, 0)["name"] = name } }
	for name, c := range map[string]signed{
		"another statement":       {set("https://in-toto.io/Statement/v0.1", "_type"), nil, CodeVersion, "Statement/v0.1"},
		"version 0.2":             {set("https://model_signing/Digests/v0.1", "predicateType"), nil, CodeVersion, `Model Signing of another version, "https://model_signing/Digests/v0.1"`},
		"a later version":         {set("https://model_signing/signature/v1.1", "predicateType"), nil, CodeVersion, "Model Signing of another version"},
		"provenance":              {set("https://slsa.dev/provenance/v1", "predicateType"), nil, CodeVersion, "slsa.dev"},
		"no subject":              {set([]any{}, "subject"), nil, CodeForm, "got 0 subjects"},
		"two subjects":            {func(o object) { o["subject"] = append(o["subject"].([]any), o["subject"].([]any)[0]) }, nil, CodeForm, "got 2 subjects"},
		"shards":                  {set("shards", "predicate", "serialization", "method"), nil, CodeSerialization, `the method "shards", want files`},
		"blake2b":                 {set("blake2b", "predicate", "serialization", "hash_type"), nil, CodeSerialization, `the algorithm "blake2b", want sha256`},
		"sha512 of a file":        {func(o object) { resourceAt(o, 1)["algorithm"] = "sha512" }, nil, CodeSerialization, `predicate.resources[1].algorithm: the algorithm "sha512"`},
		"a way of listing":        {set(10, "predicate", "serialization", "shard_size"), nil, CodeSerialization, `the member "shard_size"`},
		"a part of a file":        {func(o object) { resourceAt(o, 1)["end"] = 10 }, nil, CodeSerialization, "predicate.resources[1]: got 4 members"},
		"symlinks as text":        {set("no", "predicate", "serialization", "allow_symlinks"), nil, CodeForm, "got a string, want a boolean"},
		"ignored outside":         {set([]string{"../x"}, "predicate", "serialization", "ignore_paths"), nil, CodeSerialization, "want a path inside the model"},
		"ignored from the root":   {set([]string{"/etc"}, "predicate", "serialization", "ignore_paths"), nil, CodeSerialization, "want a path inside the model"},
		"everything ignored":      {set([]string{"./"}, "predicate", "serialization", "ignore_paths"), nil, CodeSerialization, "want a path inside the model"},
		"no files":                {set([]any{}, "predicate", "resources"), nil, CodeSize, "got 0 files"},
		"a file alone":            {rename("."), nil, CodeResource, "a signature of a single file"},
		"two dots":                {rename("../config.json"), nil, CodeResource, "predicate.resources[0].name"},
		"an absolute path":        {rename("/config.json"), nil, CodeResource, "segments of printable ASCII"},
		"an empty segment":        {rename("a//b"), nil, CodeResource, "segments of printable ASCII"},
		"a backslash and a space": {rename(`a\ b`), nil, "", ""},
		"a name not ASCII":        {rename("modèle.bin"), nil, CodeResource, `got "mod\u00e8le.bin", want printable ASCII`},
		"a name twice":            {func(o object) { resourceAt(o, 2)["name"] = "weights/0 of 2" }, nil, CodeResource, "each name once"},
		"an upper case digest":    {func(o object) { resourceAt(o, 0)["digest"] = strings.ToUpper(resourceAt(o, 0)["digest"].(string)) }, nil, CodeForm, "lowercase"},
		"a short digest":          {func(o object) { resourceAt(o, 0)["digest"] = "00" }, nil, CodeForm, "64 lowercase"},
		"a number for a name":     {func(o object) { resourceAt(o, 0)["name"] = 1 }, nil, CodeForm, "got a number, want a string"},
		"another root":            {func(o object) { resourceAt(o, 0)["digest"] = strings.Repeat("0", 64) }, nil, CodeRoot, "the root of the resources"},
		"no algorithm":            {func(o object) { delete(resourceAt(o, 0), "algorithm") }, nil, CodeForm, "predicate.resources[0].algorithm: missing"},
		"order by bytes": {func(o object) {
			list := dig(o, "predicate")["resources"].([]any)
			list[1], list[3] = list[3], list[1]
		}, nil, CodeRoot, `"weights/1" stands after "weights.json"`},
		"more of the subject": {func(o object) { o["subject"].([]any)[0].(object)["annotations"] = object{} }, nil, "", ""},
		"no symlinks, no ignored": {func(o object) {
			delete(dig(o, "predicate", "serialization"), "ignore_paths")
			delete(dig(o, "predicate", "serialization"), "allow_symlinks")
		}, nil, "", ""},
	} {
		statement := modelsigningtest.Statement("llama", nil, modelFiles()...)
		c.statement(statement)
		_, err := Verify(modelsigningtest.Marshal(t, modelsigningtest.Bundle(t, key, modelsigningtest.Marshal(t, statement), nil)), trust)
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantCode(t, name, err, c.code, c.text)
	}
}

// TestBundleRefused: bundles of a good statement.
func TestBundleRefused(t *testing.T) {
	key, public := modelsigningtest.Key(t, elliptic.P256())
	trust := trustOf(t, public)
	payload := modelsigningtest.Marshal(t, modelsigningtest.Statement("llama", nil, modelFiles()...))
	envelope := func(change func(object)) func(object) { return func(o object) { change(dig(o, "dsseEnvelope")) } }
	swapped := modelFiles()
	swapped[0].Name, swapped[3].Name = swapped[3].Name, swapped[0].Name
	for name, c := range map[string]signed{
		"another format":      {nil, func(o object) { o["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2" }, CodeVersion, "version=0.2"},
		"a signature of bits": {nil, func(o object) { o["messageSignature"] = object{} }, CodeVersion, "messageSignature"},
		"no envelope":         {nil, func(o object) { delete(o, "dsseEnvelope") }, CodeForm, "dsseEnvelope: missing"},
		"a null envelope":     {nil, func(o object) { o["dsseEnvelope"] = nil }, CodeForm, "dsseEnvelope: missing"},
		"another payload":     {nil, envelope(func(e object) { e["payloadType"] = "text/plain" }), CodeVersion, `dsseEnvelope.payloadType: got "text/plain"`},
		"no signature":        {nil, envelope(func(e object) { e["signatures"] = []any{} }), CodeForm, "got 0 signatures"},
		"two signatures":      {nil, envelope(func(e object) { e["signatures"] = append(e["signatures"].([]any), e["signatures"].([]any)[0]) }), CodeForm, "got 2 signatures"},
		"names exchanged": {nil, envelope(func(e object) {
			e["payload"] = base64.StdEncoding.EncodeToString(modelsigningtest.Marshal(t, modelsigningtest.Statement("llama", nil, swapped...)))
		}), CodeSignature, "did not make this signature"},
		"no base64":        {nil, envelope(func(e object) { e["payload"] = "!" }), CodeForm, "dsseEnvelope.payload"},
		"broken base64":    {nil, envelope(func(e object) { e["payload"] = "e30=\n" }), CodeForm, "line breaks"},
		"nothing signed":   {nil, envelope(func(e object) { e["payload"] = "" }), CodeForm, "empty"},
		"a long signature": {nil, envelope(func(e object) { e["signatures"] = []any{object{"sig": strings.Repeat("AAAA", 1000)}} }), CodeSize, "more than 1024 bytes"},
		"no method":        {nil, func(o object) { o["verificationMaterial"] = object{} }, CodeForm, "got 0 of publicKey"},
		"two methods": {nil, func(o object) { dig(o, "verificationMaterial")["certificate"] = object{} },
			CodeForm, "got 2 of publicKey"},
		"other material":        {nil, func(o object) { dig(o, "verificationMaterial")["tlogEntries"] = []any{object{}} }, "", ""},
		"another hint":          {nil, func(o object) { dig(o, "verificationMaterial", "publicKey")["hint"] = "00" }, "", ""},
		"members of the future": {nil, func(o object) { o["future"] = true }, "", ""},
	} {
		bundle := modelsigningtest.Bundle(t, key, payload, nil)
		c.bundle(bundle)
		_, err := Verify(modelsigningtest.Marshal(t, bundle), trust)
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantCode(t, name, err, c.code, c.text)
	}

	// Versions before 1.0 signed other bytes: they are named all the same.
	old := modelsigningtest.Statement("llama", nil, modelFiles()...)
	old["predicateType"] = "https://model_signing/Digests/v0.1"
	bundle := modelsigningtest.Bundle(t, key, modelsigningtest.Marshal(t, old), nil)
	dig(bundle, "dsseEnvelope")["signatures"] = []any{object{"sig": "AAAA"}}
	_, err := Verify(modelsigningtest.Marshal(t, bundle), trust)
	wantCode(t, "version 0.3", err, CodeVersion, `as the bundle says itself: "https://model_signing/Digests/v0.1"; its signature was not checked`)

	good := modelsigningtest.Marshal(t, modelsigningtest.Bundle(t, key, payload, nil))
	_, other := modelsigningtest.Key(t, elliptic.P256())
	_, err = Verify(good, trustOf(t, other))
	wantCode(t, "another key", err, CodeSignature, "did not make this signature")
	_, larger := modelsigningtest.Key(t, elliptic.P384())
	_, err = Verify(good, trustOf(t, larger))
	wantCode(t, "a key on another curve", err, CodeSignature, "did not make this signature")
	_, err = Verify(good, Trust{})
	wantCode(t, "no trust", err, CodeMaterial, "no key is given")
}

func TestJSONRefused(t *testing.T) {
	key, public := modelsigningtest.Key(t, elliptic.P256())
	payload := modelsigningtest.Marshal(t, modelsigningtest.Statement("llama", nil, modelFiles()...))
	good := string(modelsigningtest.Marshal(t, modelsigningtest.Bundle(t, key, payload, nil)))
	for name, c := range map[string]struct {
		data string
		code Code
		text string
	}{
		"nothing":             {"", CodeSize, "got 0 bytes"},
		"too much":            {strings.Repeat(" ", MaxBundle+1), CodeSize, "want 1 to 67108864"},
		"no JSON":             {"SSHSIG", CodeJSON, "not one JSON value"},
		"a list":              {"[]", CodeForm, "got a list, want a bundle"},
		"more":                {good + "{}", CodeJSON, "not one JSON value"},
		"invalid UTF-8":       {strings.Replace(good, "mediaType", "media\xffType", 1), CodeJSON, "not valid UTF-8"},
		"a member twice":      {`{"mediaType":"x",` + good[1:], CodeJSON, `member "mediaType" stands twice`},
		"in another spelling": {`{"\u006dediaType":"x",` + good[1:], CodeJSON, `member "mediaType" stands twice`},
		"in another case":     {strings.Replace(good, "mediaType", "MediaType", 1), CodeForm, "mediaType: missing"},
		"deep":                {`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "," + good[1:], CodeJSON, "more than 16"},
		"many":                {`{"x":[` + strings.Repeat("0,", maxValues) + "0]," + good[1:], CodeJSON, "more than 1048576"},
	} {
		_, err := Verify([]byte(c.data), trustOf(t, public))
		wantCode(t, name, err, c.code, c.text)
	}
	// A member twice in what was signed is refused, too: the key signs anything.
	twice := []byte(`{"_type":"x",` + string(payload[1:]))
	_, err := Verify(modelsigningtest.Marshal(t, modelsigningtest.Bundle(t, key, twice, nil)), trustOf(t, public))
	wantCode(t, "twice in the statement", err, CodeJSON, `statement: member "_type" stands twice`)
}

// FuzzVerify: no bundle makes trouble, and what is taken is what was signed.
func FuzzVerify(f *testing.F) {
	key, public := modelsigningtest.Key(f, elliptic.P256())
	payload := modelsigningtest.Marshal(f, modelsigningtest.Statement("llama", []string{".git"}, modelFiles()...))
	trust := trustOf(f, public)
	f.Add(modelsigningtest.Marshal(f, modelsigningtest.Bundle(f, key, payload, nil)))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		manifest, err := Verify(data, trust)
		checkTaken(t, manifest, err)
	})
}

// FuzzStatement: as FuzzVerify, of what a key signed.
func FuzzStatement(f *testing.F) {
	f.Add(modelsigningtest.Marshal(f, modelsigningtest.Statement("llama", []string{".git"}, modelFiles()...)))
	f.Fuzz(func(t *testing.T, data []byte) {
		manifest, err := parseStatement(data)
		checkTaken(t, manifest, err)
	})
}

func checkTaken(t *testing.T, m *Manifest, err error) {
	if err != nil {
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Fatalf("no code: %v", err)
		}
		return
	}
	if m.Root != release.OMSRoot(m.Resources) {
		t.Fatalf("taken: %+v", m)
	}
	if _, err := release.OMSManifest(m.Root, m.Resources); err != nil {
		t.Fatalf("taken, and not to be written: %v", err)
	}
}
