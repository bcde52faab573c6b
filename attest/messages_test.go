package attest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/muster-log/muster/attest"
)

// TestNonceTree checks paths with another implementation of RFC 6962, whose leaves are
// hashed alike.
func TestNonceTree(t *testing.T) {
	for _, size := range []int{1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 100, attest.MaxBatch} {
		nonces := make([]attest.Digest, size)
		for i := range nonces {
			nonces[i] = digest(fmt.Sprint("nonce ", i))
		}
		tree, err := attest.NewNonceTree(nonces)
		if err != nil {
			t.Fatal(err)
		}
		root := tree.Root()
		for _, index := range []int{0, size / 2, size - 1} {
			place := tree.Place(index)
			var path [][]byte
			for _, hash := range place.Path {
				path = append(path, hash[:])
			}
			leaf := rfc6962.DefaultHasher.HashLeaf(nonces[index][:])
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(size), leaf, path, root[:]); err != nil {
				t.Errorf("%d of %d: %v", index, size, err)
			}
			if got, err := place.Root(nonces[index]); err != nil || got != root {
				t.Errorf("%d of %d: got root %s (%v), want %s", index, size, got, err, root)
			}
			if got, err := place.Root(digest("another")); err == nil && got == root {
				t.Errorf("%d of %d: another nonce leads to the root", index, size)
			}
			short := place
			short.Path = append([]attest.Digest{{}}, place.Path...)
			if _, err := short.Root(nonces[index]); err == nil {
				t.Errorf("%d of %d: a path too long is not refused", index, size)
			}
			if len(place.Path) > 0 {
				short.Path = place.Path[1:]
				if _, err := short.Root(nonces[index]); err == nil {
					t.Errorf("%d of %d: a path too short is not refused", index, size)
				}
			}
		}
	}
	for _, size := range []int{0, attest.MaxBatch + 1} {
		if _, err := attest.NewNonceTree(make([]attest.Digest, size)); err == nil {
			t.Errorf("a tree of %d is not refused", size)
		}
	}
}

func answer() *attest.Answer {
	return &attest.Answer{
		Profile: attest.ProfileTPM2UKI, Evidence: map[string][]byte{"attest": []byte("a"), "pcrs": []byte("p")}, Batch: attest.NoncePlace{Size: 1},
		Certificates: [][]byte{[]byte("leaf"), []byte("root")}, EventLog: []byte("log"), Bundle: []byte("bundle"), Secret: []byte("secret"),
	}
}

// TestMessages: what is written is read back, and no other spelling of it.
func TestMessages(t *testing.T) {
	request := &attest.Request{Nonce: digest("nonce"), Profile: "p/v1", Credential: &attest.Credential{IDObject: []byte("id"), EncSecret: []byte("seed")}}
	wrote, err := request.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := attest.ParseRequest(wrote)
	if err != nil || again.Nonce != request.Nonce || again.Profile != "p/v1" || string(again.Credential.IDObject) != "id" || string(again.Credential.EncSecret) != "seed" {
		t.Errorf("got %+v (%v)", again, err)
	}
	whole, err := answer().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := attest.ParseAnswer(whole)
	if err != nil {
		t.Fatal(err)
	}
	if once, err := back.Marshal(); err != nil || !bytes.Equal(once, whole) {
		t.Errorf("got %s (%v), want %s", once, err, whole)
	}
	activate := &attest.Activate{AKPublic: []byte("public"), EKCertificate: []byte("certificate")}
	offered, err := activate.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := attest.ParseActivate(offered); err != nil || string(got.AKPublic) != "public" || string(got.EKCertificate) != "certificate" {
		t.Errorf("got %+v (%v)", got, err)
	}

	for name, changed := range map[string]string{
		"a line feed":                  string(wrote) + "\n",
		"a space":                      strings.Replace(string(wrote), ":", ": ", 1),
		"an unknown member":            strings.Replace(string(wrote), `"nonce"`, `"extra":1,"nonce"`, 1),
		"no nonce":                     `{"profile":"p/v1"}`,
		"a short nonce":                `{"nonce":"AAAA"}`,
		"a nonce of text":              `{"nonce":1}`,
		"base64 without its padding":   strings.Replace(string(wrote), `="`, `"`, 1),
		"base64 of the other alphabet": `{"nonce":"` + strings.Repeat("_", 43) + `="}`,
		"bits behind the end":          `{"nonce":"` + strings.Repeat("A", 42) + `B="}`,
		"an empty profile":             `{"nonce":"` + strings.Repeat("A", 43) + `=","profile":""}`,
		"a profile with a line feed":   `{"nonce":"` + strings.Repeat("A", 43) + `=","profile":"a\nb"}`,
		"a list":                       `[]`,
		"nothing":                      ``,
		"too long":                     `{"nonce":"` + strings.Repeat("A", attest.MaxRequest) + `"}`,
	} {
		if _, err := attest.ParseRequest([]byte(changed)); err == nil {
			t.Errorf("request with %s: not refused", name)
		}
	}
	for name, change := range map[string]func(string) string{
		"no bundle":       func(s string) string { return strings.Replace(s, `"bundle":"YnVuZGxl",`, "", 1) },
		"an empty bundle": func(s string) string { return strings.Replace(s, `"YnVuZGxl"`, `""`, 1) },
		"no evidence": func(s string) string {
			return strings.Replace(s, `"evidence":{"attest":"YQ==","pcrs":"cA=="}`, `"evidence":{}`, 1)
		},
		"a place outside": func(s string) string { return strings.Replace(s, `"index":0`, `"index":1`, 1) },
		"a size of none":  func(s string) string { return strings.Replace(s, `"size":1`, `"size":0`, 1) },
		"a path of a lone leaf": func(s string) string {
			return strings.Replace(s, `"path":[]`, `"path":["`+strings.Repeat("A", 43)+`="]`, 1)
		},
		"a batch too large":  func(s string) string { return strings.Replace(s, `"size":1`, `"size":4097`, 1) },
		"an empty event log": func(s string) string { return strings.Replace(s, `"eventLog":"bG9n"`, `"eventLog":""`, 1) },
		"a secret of 65 bytes": func(s string) string {
			return strings.Replace(s, `"secret":"c2VjcmV0"`, `"secret":"`+strings.Repeat("AAAA", 21)+`AAA="`, 1)
		},
		"nine certificates": func(s string) string {
			return strings.Replace(s, `"certificates":[`, `"certificates":[`+strings.Repeat(`"YQ==",`, 7), 1)
		},
		"a member twice": func(s string) string { return strings.Replace(s, `"profile":`, `"profile":"x","profile":`, 1) },
		"another order": func(s string) string {
			return strings.Replace(s, `"attest":"YQ==","pcrs":"cA=="`, `"pcrs":"cA==","attest":"YQ=="`, 1)
		},
		"a part named badly": func(s string) string { return strings.Replace(s, `"attest"`, `""`, 1) },
	} {
		changed := change(string(whole))
		if changed == string(whole) {
			t.Fatalf("%s: nothing was changed in %s", name, whole)
		}
		if _, err := attest.ParseAnswer([]byte(changed)); err == nil {
			t.Errorf("answer with %s: not refused", name)
		}
	}
	for _, text := range []string{"", "{ }", "[]", "{}\n", `{"a":1}`} {
		if attest.ParseActivateRequest([]byte(text)) == nil {
			t.Errorf("activate request %q: not refused", text)
		}
	}
}

// TestMatch: images and evidence are matched one to one.
func TestMatch(t *testing.T) {
	os := attest.Image{Digest: digest("os"), Kind: attest.KindOS, TPM2UKI: &attest.TPM2UKI{}}
	other := attest.Image{Digest: digest("other os"), Kind: attest.KindOS}
	second := attest.Image{Digest: digest("second os"), Kind: attest.KindOS, TPM2UKI: &attest.TPM2UKI{}}
	firmware := attest.Image{Digest: digest("firmware"), Kind: attest.KindFirmware, FirmwarePCRs: &attest.FirmwarePCRs{}}
	empty := attest.Image{Digest: digest("empty firmware"), Kind: attest.KindFirmware}
	model := attest.Image{Digest: digest("model"), Kind: attest.KindModel}
	config := attest.Image{Digest: digest("config"), Kind: attest.KindConfig}
	unknown := attest.Image{Digest: digest("unknown"), Kind: "driver"}
	for name, test := range map[string]struct {
		images []attest.Image
		want   attest.Code
	}{
		"all":                            {[]attest.Image{os, firmware, model, config}, ""},
		"an os for other machines":       {[]attest.Image{os, other, model}, ""},
		"no os":                          {[]attest.Image{model}, attest.CodeEvidenceProfile},
		"an os for other machines alone": {[]attest.Image{other}, attest.CodeEvidenceProfile},
		"two of the profile":             {[]attest.Image{os, second}, attest.CodeEvidenceProfile},
		"an image twice":                 {[]attest.Image{os, model, model}, attest.CodeEvidenceImages},
		"two of firmware":                {[]attest.Image{os, firmware, {Digest: digest("f2"), Kind: attest.KindFirmware, FirmwarePCRs: &attest.FirmwarePCRs{}}}, attest.CodeEvidenceImages},
		"firmware without values":        {[]attest.Image{os, empty}, attest.CodeEvidenceImages},
		"a kind that nothing shows":      {[]attest.Image{os, unknown}, attest.CodeEvidenceImages},
	} {
		matched, err := attest.Reference{Release: digest("release"), Images: test.images}.Match(attest.ProfileTPM2UKI)
		var got attest.Code
		if refused, ok := err.(*attest.MatchError); ok {
			got = refused.Code
		}
		if got != test.want || (err == nil) != (test.want == "") {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if err == nil && matched.OS.Digest != os.Digest {
			t.Errorf("%s: matched os %s", name, matched.OS.Digest)
		}
	}
	matched, err := attest.Reference{Release: digest("release"), Images: []attest.Image{os, config, model, firmware}}.Match(attest.ProfileTPM2UKI)
	if err != nil || matched.Ledger.SHA256() != ledger(t, digest("release"), digest("model"), digest("config")).SHA256() || matched.Firmware == nil {
		t.Errorf("got %+v (%v): the ledger holds models, adapters and configs, and nothing else", matched, err)
	}
}

func FuzzParseAnswer(f *testing.F) {
	whole, err := answer().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := attest.ParseAnswer(data)
		if err != nil {
			return
		}
		if again, err := parsed.Marshal(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q is read, and written as %q (%v)", data, again, err)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	whole, err := (&attest.Request{Nonce: digest("nonce"), Credential: &attest.Credential{IDObject: []byte("i"), EncSecret: []byte("s")}}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := attest.ParseRequest(data)
		if err != nil {
			return
		}
		if again, err := parsed.Marshal(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q is read, and written as %q (%v)", data, again, err)
		}
	})
}
