package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/web"
	"github.com/muster-log/muster/web/webtest"
)

// refused is a submission with what must become of it.
type refused struct {
	name   string
	entry  []byte
	status int
	code   release.Code
	member string // what the member begins with
}

// TestL8Refusals: each submission is refused with its status, code and member,
// and changes nothing.
func TestL8Refusals(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	os, model, approved := s.Recipe()
	good, _ := s.Sign(s.Model("good", "1"))
	image := func(change func(*release.Image), signers ...string) []byte {
		stated := s.Model("other", "1")
		change(stated)
		entry, _ := s.Sign(stated, signers...)
		return entry
	}
	named := func(change func(*release.Release), signers ...string) []byte {
		stated := s.Release("2026.12", os, model)
		stated.Channel = "lab"
		change(stated)
		entry, _ := s.Sign(stated, signers...)
		return entry
	}
	none := func(*release.Image) {}
	text := func(old, new string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("the good entry holds no %s", old)
		}
		return bytes.Replace(good, []byte(old), []byte(new), 1)
	}
	payload := func(old, new string) []byte {
		envelope, err := release.ParseEnvelope(good)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(envelope.Payload, []byte(old)) {
			t.Fatalf("the good payload holds no %s", old)
		}
		return releasetest.Sign(t, bytes.Replace(envelope.Payload, []byte(old), []byte(new), 1), "ci")
	}
	withdrawal, _ := s.Sign(s.Withdrawal(release.Digest{1}))
	foreign := s.Model("foreign", "1")
	foreign.Product = "other/product"
	foreignEntry, _ := s.Sign(foreign)
	authority := nextAuthority(s)
	tests := []refused{
		{"more than 65,535 bytes", bytes.Repeat([]byte{'{'}, release.MaxEntry+1), 413, release.CodeEntrySize, ""},
		{"no bytes", nil, 400, release.CodeEntrySize, ""},
		{"white space", text(`{"payload":`, `{ "payload":`), 400, release.CodeJSONNotCanonical, ""},
		{"an escape", text(`"payloadType"`, `"payload\u0054ype"`), 400, release.CodeJSONNotCanonical, ""},
		{"another order", text(`"payloadType":"application/vnd.in-toto+json",`, ""), 400, release.CodeMemberMissing, "payloadType"},
		{"an unknown member", text(`,"signatures"`, `,"q":1,"signatures"`), 400, release.CodeMemberUnknown, "q"},
		{"a duplicate member", text(`,"signatures"`, `,"payloadType":"application/vnd.in-toto+json","signatures"`), 400, release.CodeJSONDuplicate, ""},
		{"an unknown member of the predicate", payload(`"kind":"model"`, `"kind":"model","kine":"x"`), 400, release.CodeMemberUnknown, "predicate.kine"},
		{"invalid UTF-8", text(`in-toto+json`, "in-toto+js\xff"), 400, release.CodeJSONUTF8, ""},
		{"a depth bomb", bytes.Repeat([]byte{'['}, 60000), 400, release.CodeJSONDepth, ""},
		{"a number bomb", []byte(`{"a":1` + strings.Repeat("0", 60000) + `}`), 400, release.CodeJSONNumber, ""},
		{"a float", payload(`"securityVersion":1`, `"securityVersion":1.5`), 400, release.CodeJSONNumber, ""},
		{"a null", payload(`"note":""`, `"note":null`), 400, release.CodeJSONNull, ""},
		{"signed by nobody", text(string(good[bytes.Index(good, []byte(`"signatures":`)):]), `"signatures":[]}`), 400, release.CodeSignatureNone, "signatures"},
		{"signed by too few", named(func(*release.Release) {}, "rel1"), 403, "threshold-missed", "signatures"},
		{"signed by one key twice", twice(t, good), 400, release.CodeSignatureRepeated, ""},
		{"signed by a key of nobody", image(none, "stranger"), 403, "signer-unknown", "signatures[0]"},
		{"signed by a key of another role", image(none, "rel1"), 403, "signer-outside-role", "signatures[0]"},
		{"a signature beside by a key outside the role", image(none, "ci", "wd"), 403, "signer-outside-role", "signatures["},
		{"a false signature", falseSignature(t, good), 403, release.CodeSignatureInvalid, "signatures[0]"},
		{"under another authority", image(func(i *release.Image) { i.Authority = release.Digest{2} }), 409, "authority-not-in-force", "predicate.authority"},
		{"the same version with other contents", image(func(i *release.Image) { i.Name, i.Version, i.SecurityVersion = "llama", "3.1", 2 }), 409, "image-taken", "predicate.version"},
		{"a release of unlogged images", named(func(r *release.Release) { r.Images = []release.Digest{{3}} }), 422, "image-not-logged", "subject"},
		{"a release without an OS", named(func(r *release.Release) { r.Images = []release.Digest{model} }), 422, "no-os-image", "subject"},
		{"a release in no channel", named(func(r *release.Release) { r.Channel = "beta" }), 422, "channel-not-listed", "predicate.channel"},
		{"a release's version with other contents", named(func(r *release.Release) { r.Channel, r.Version, r.Images = "stable", "2026.11", []release.Digest{os} }), 409, "release-taken", "predicate.version"},
		{"a withdrawal of nothing", withdrawal, 422, "target-not-logged", "subject"},
		{"an authority that its predecessor did not sign", authority, 403, "previous-root-missed", "signatures"},
		{"issued in the future", image(func(i *release.Image) { i.Issued = s.Now().Add(10 * time.Minute) }), 422, "issued-ahead-of-clock", "predicate.issued"},
		{"issued a year ago", image(func(i *release.Image) { i.Issued = s.Now().AddDate(-1, 0, 0); i.PublishBy = i.Issued.AddDate(0, 0, 5) }), 422, "issued-behind-log-time", "predicate.issued"},
		{"leaping 93 days", image(func(i *release.Image) { i.Issued = s.Now().AddDate(0, 0, 93); i.PublishBy = i.Issued.AddDate(0, 0, 5) }), 422, "issued-ahead-of-log-time", "predicate.issued"},
		{"a names segment ..", payload(`"name":"good"`, `"name":"../good"`), 400, release.CodeName, "predicate.name"},
		{"an http URL", payload(`https://dl.example`, `http://dl.example`), 400, release.CodeURL, "predicate.artifacts[0].urls[0]"},
		{"notAfter before log time", named(func(r *release.Release) { r.NotAfter = s.Now().Add(-time.Hour) }), 422, "not-after-passed", "predicate.notAfter"},
		{"notAfter too far", named(func(r *release.Release) { r.NotAfter = s.Now().AddDate(0, 0, 91) }), 422, "not-after-too-far", "predicate.notAfter"},
		{"publishBy further than allowed", image(func(i *release.Image) { i.PublishBy = s.Now().AddDate(0, 0, 31) }), 422, "publish-by-too-far", "predicate.publishBy"},
		{"a security version that falls", image(func(i *release.Image) { i.Name, i.Version, i.SecurityVersion = "llama", "3.2", 0 }), 409, "security-version-falls", "predicate.securityVersion"},
		{"a security version that leaps", image(func(i *release.Image) { i.Name, i.Version, i.SecurityVersion = "llama", "3.2", 1002 }), 422, "security-version-leaps", "predicate.securityVersion"},
	}
	refuseAll(t, s, tests)
	// A good one still passes; and a withdrawn image is refused from then on.
	if status, _, body := post(t, s, good); status != http.StatusCreated {
		t.Errorf("the good entry: %d %s", status, body)
	}
	if status, _, body := post(t, s, foreignEntry); status != http.StatusCreated {
		t.Errorf("an image of another product: %d %s", status, body)
	}
	taken, _ := s.Sign(s.Withdrawal(model))
	s.Submit(taken)
	status, _, body := post(t, s, named(func(*release.Release) {}))
	if status != http.StatusConflict || !bytes.Contains(body, []byte(`"code":"image-withdrawn"`)) {
		t.Errorf("a release of a withdrawn image: %d %s", status, body)
	}
	if live, _, text := sendRaw(t, s.URL, http.MethodGet, "/api/v1/entries/"+approved.String(), nil, nil); live != http.StatusOK {
		t.Errorf("a withdrawn release is still served: %d %s", live, text)
	}
}

// refuseAll submits what must be refused, and holds the log to its size.
func refuseAll(t *testing.T, s *webtest.Site, tests []refused) {
	t.Helper()
	before := s.Log.Status().Size
	for _, test := range tests {
		status, header, body := post(t, s, test.entry)
		var problem web.Problem
		if err := json.Unmarshal(body, &problem); err != nil {
			t.Errorf("%s: %v in %s", test.name, err, body)
			continue
		}
		if status != test.status || problem.Code != test.code || !strings.HasPrefix(problem.Member, test.member) || problem.Status != status ||
			problem.Title == "" || problem.Detail == "" || problem.Want == "" || problem.RequestID != header.Get("X-Request-Id") {
			t.Errorf("%s: got %d %s, want %d, %s, %s", test.name, status, body, test.status, test.code, test.member)
		}
		if got := header.Get("Content-Type"); got != "application/problem+json" || header.Get("Location") != "" || header.Get("Retry-After") != "" {
			t.Errorf("%s: header %v", test.name, header)
		}
	}
	if size := s.Log.Status().Size; size != before {
		t.Errorf("the refused submissions added %d entries", size-before)
	}
}

// TestL8RefusalsAfterARotation: what an authority has struck, removed and narrowed,
// and what rolls and reinstatements must say.
func TestL8RefusalsAfterARotation(t *testing.T) {
	s := attacked(t, webtest.Options{})
	s.Advance(15 * 24 * time.Hour)
	digest := func(index uint64) release.Digest {
		data, err := s.Log.Entry(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := release.ParseEnvelope(data)
		if err != nil {
			t.Fatal(err)
		}
		return envelope.PayloadDigest()
	}
	os, model, withdrawal, struck := digest(1), digest(2), digest(5), digest(8)
	sign := func(predicate release.Predicate, signers ...string) []byte {
		entry, _ := s.Sign(predicate, signers...)
		return entry
	}
	named := func(change func(*release.Release), images ...release.Digest) []byte {
		stated := s.Release("2027.1", images...)
		stated.NotAfter = s.Now().AddDate(0, 0, 60)
		if len(images) == 2 && !slices.Contains(images, struck) {
			stated.Version = "2026.11" // of this identity
		}
		change(stated)
		return sign(stated, "rel1", "rel2", "rel3")
	}
	reinstating := func(withdrawals ...release.Digest) func(*release.Release) {
		return func(r *release.Release) {
			r.Reinstates = slices.SortedFunc(slices.Values(withdrawals), release.Digest.Compare)
		}
	}
	roll := func(change func(*release.Roll)) []byte {
		stated := s.Roll()
		change(stated)
		return sign(stated)
	}
	old := s.Model("other", "1")
	old.Authority = s.Authority
	skipped := s.NextAuthority(func(a *release.Authority) { a.Version++ })
	other := s.NextAuthority(func(a *release.Authority) { a.Previous = &model })
	none := func(*release.Release) {}
	refuseAll(t, s, []refused{
		{"signed by a removed key", sign(s.Model("other", "1"), "ci"), 403, "signer-unknown", "signatures[0]"},
		{"signed by as many as before", sign(s.Release("2027.1", os), "rel1", "rel2"), 403, "threshold-missed", "signatures"},
		{"under the authority before", sign(old, "ci2"), 409, "authority-not-in-force", "predicate.authority"},
		{"a release of a struck image", named(none, os, struck), 409, "image-struck", "subject"},
		{"a release of a withdrawn image", named(none, os, model), 409, "image-withdrawn", "subject"},
		{"reinstating what is no withdrawal", named(reinstating(withdrawal, os), os, model), 422, "reinstates-no-withdrawal", "predicate.reinstates"},
		{"reinstating another's withdrawal", named(reinstating(withdrawal), os), 422, "reinstates-other", "predicate.reinstates"},
		{"in a channel that has ended", named(func(r *release.Release) { r.Channel = "lab" }, os), 422, "channel-not-listed", "predicate.channel"},
		{"longer than now allowed", named(func(r *release.Release) { r.NotAfter = s.Now().AddDate(0, 0, 61) }, os), 422, "not-after-too-far", "predicate.notAfter"},
		{"a version left out", sign(skipped), 409, "version-not-next", "predicate.version"},
		{"another version before it", sign(other), 409, "previous-not-in-force", "predicate.previous"},
		{"an OpenPGP key for releases", foreignKeyForReleases(t, s), 400, "key-format-in-role", "predicate.roles"},
		{"a roll of another log", roll(func(r *release.Roll) { r.Origin = "log.example/other" }), 422, "roll-origin", "subject"},
		{"a roll by other rules", roll(func(r *release.Roll) { r.Rules = 2 }), 422, "roll-rules", "predicate.rules"},
		{"a roll of the future", roll(func(r *release.Roll) { r.Size++ }), 422, "roll-size-ahead", "predicate.size"},
		{"a roll of a size before an older one's", roll(func(r *release.Roll) { r.Size = 2 }), 409, "roll-authority", "predicate.size"},
		{"a roll across a rotation", roll(func(r *release.Roll) { r.Size = 9 }), 409, "roll-authority", "predicate.size"},
		{"a roll that lists what is withdrawn", roll(func(r *release.Roll) { r.Live = []release.Digest{digest(6)} }), 409, "roll-live", "predicate.live"},
		{"a roll of another tree", roll(func(r *release.Roll) { r.Root[0] ^= 1 }), 422, "roll-root", "predicate.root"},
		{"a withdrawal by the roll's key", sign(s.Withdrawal(os), "roll"), 403, "signer-outside-role", "signatures[0]"},
		{"a roll by the withdrawal's key", sign(s.Roll(), "wd"), 403, "signer-outside-role", "signatures[0]"},
	})
	// What lifts the image's withdrawal and not that of the release is admitted, and
	// not live.
	for name, good := range map[string][]byte{"a roll": sign(s.Roll()), "a release": named(reinstating(withdrawal), os, model)} {
		if status, _, body := post(t, s, good); status != http.StatusCreated {
			t.Errorf("%s: got %d %s", name, status, body)
		}
	}
	if _, _, body := sendRaw(t, s.URL, http.MethodGet, "/api/v1/live", nil, nil); !strings.Contains(body, `"releases":[]`) {
		t.Errorf("live: %s", body)
	}
}

// foreignKeyForReleases is an authority that gives an OpenPGP key a role in which
// clients would have to judge it.
func foreignKeyForReleases(t *testing.T, s *webtest.Site) []byte {
	t.Helper()
	statement, err := release.NewAuthority(s.NextAuthority())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := statement.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	id := releasetest.KeyFromName("rel1").Key().ID().String()
	changed := bytes.Replace(payload, []byte(`"`+id+`":{"format":"ed25519"`), []byte(`"`+id+`":{"format":"openpgp"`), 1)
	if bytes.Equal(changed, payload) {
		t.Fatalf("the payload holds no key %s: %s", id, payload)
	}
	return releasetest.Sign(t, changed, "root1", "root2")
}

// twice repeats the one signature of an entry.
func twice(t *testing.T, entry []byte) []byte {
	t.Helper()
	before, list, ok := bytes.Cut(entry, []byte(`"signatures":[`))
	signature, after, closed := bytes.Cut(list, []byte(`}]`))
	if !ok || !closed {
		t.Fatalf("no signature in %s", entry)
	}
	return slices.Concat(before, []byte(`"signatures":[`), signature, []byte("},"), signature, []byte("}]"), after)
}

// falseSignature replaces the signature of an entry by that over another payload.
func falseSignature(t *testing.T, entry []byte) []byte {
	t.Helper()
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		t.Fatal(err)
	}
	other, err := releasetest.KeyFromName("ci").Sign([]byte("another payload"))
	if err != nil {
		t.Fatal(err)
	}
	envelope.Signatures = []release.Signature{other}
	made, err := envelope.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// nextAuthority is version 2 signed by new root keys alone.
func nextAuthority(s *webtest.Site) []byte {
	s.Helper()
	data, err := s.Log.Entry(s.Context(), 0)
	if err != nil {
		s.Fatal(err)
	}
	envelope, err := release.ParseEnvelope(data)
	if err != nil {
		s.Fatal(err)
	}
	statement, err := release.ParseStatement(envelope.Payload)
	if err != nil {
		s.Fatal(err)
	}
	next := *statement.Predicate.(*release.Authority)
	next.Version, next.Previous, next.Issued = 2, &s.Authority, s.Now()
	key := releasetest.KeyFromName("thief").Key()
	next.Keys = map[release.KeyID]release.Key{key.ID(): key}
	next.Roles = []release.Role{{Name: release.RoleRoot, Keys: []release.KeyID{key.ID()}, Threshold: 1}}
	entry, _ := s.Sign(&next, "thief")
	return entry
}

// TestProblemRepeatsLittle: what a problem repeats of the request is bounded.
func TestProblemRepeatsLittle(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	long := strings.Repeat("x", 3000)
	for _, path := range []string{"/api/v1/entries/" + long, "/api/v1/entries?" + long + "=" + long, "/api/v1/entries?q=" + long, "/tile/" + long, "/checkpoint/" + long, "/api/v1/digests/" + long, "/" + long} {
		status, _, body := sendRaw(t, s.URL, http.MethodGet, path, nil, nil)
		if status < 400 || status > 404 || len(body) > 1000 {
			t.Errorf("%.40s: got %d with %d bytes", path, status, len(body))
		}
	}
	status, _, _ := sendRaw(t, s.URL, http.MethodGet, "/", []string{"X-Long: " + strings.Repeat("y", 2<<20)}, nil)
	if status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 2 MiB: got %s", fmt.Sprint(status))
	}
}
