package log_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/tlog"
)

// rules collects which rules of the register a log was seen to enforce.
type rules struct {
	*testing.T
	seen map[release.Code]bool
}

// refuses: the log does not admit an entry, by that rule, and stays as it was.
func (r *rules) refuses(f *fixture, code release.Code, entry []byte) {
	r.Helper()
	size := f.Status().Size
	receipt, err := f.Submit(r.Context(), entry)
	if got := codeOf(r, err); got != code {
		r.Errorf("got %s (%v, %+v), want %s", got, err, receipt, code)
	}
	if got := f.Status().Size; got != size || uint64(len(f.storage.Entries())) != size {
		r.Errorf("%s: the log has %d entries, want %d", code, got, size)
	}
	r.seen[code] = true
}

// TestL8EveryRuleIsEnforced: for each rule of the register there is an entry that
// the log refuses to issue by it.
func TestL8EveryRuleIsEnforced(t *testing.T) {
	r := &rules{T: t, seen: make(map[release.Code]bool)}
	for _, of := range []func(*rules){placeRules, dateRules, signerRules, imageRules, releaseRules, withdrawalRules, rollRules, authorityRules} {
		of(r)
	}
	for _, code := range codesOfRegister(t) {
		if code == register.CodeAlreadyLogged {
			continue // not refused: answered with the index of the entry that stands
		}
		if !r.seen[code] {
			t.Errorf("no entry was refused by rule %s", code)
		}
	}
}

// codesOfRegister are the codes that package register gives.
func codesOfRegister(t *testing.T) []release.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../release/register/codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []release.Code
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Code") {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, release.Code(text))
		}
		return true
	})
	if len(codes) < 45 {
		t.Fatalf("found only %d codes", len(codes))
	}
	return codes
}

// start opens a log without logging anything.
func (f *fixture) start() *fixture {
	f.t.Helper()
	opened, err := log.Open(context.Background(), f.config())
	if err != nil {
		f.t.Fatal(err)
	}
	f.Log = opened
	f.t.Cleanup(f.close)
	return f
}

// rotate logs the next version of the authority, under which the issuer states
// everything from then on.
func (f *fixture) rotate(version int, changes ...func(*release.Authority)) {
	f.t.Helper()
	entry := f.issuer.Rotate(append(changes, func(a *release.Authority) { a.Version = version })...)
	f.submit(entry)
	f.issuer.Digest = logtest.PayloadDigest(f.t, entry)
}

// role returns the role of a name in an authority of the issuer's.
func role(a *release.Authority, name release.RoleName) *release.Role {
	return &a.Roles[slices.IndexFunc(a.Roles, func(r release.Role) bool { return r.Name == name })]
}

func placeRules(r *rules) {
	f := newFixture(r).start()
	image, _ := f.issuer.Image()
	r.refuses(f, register.CodeFirstEntry, image)
	r.refuses(f, register.CodeFirstEntry, f.issuer.Rotate())
	f.submit(f.issuer.Authority)
	again := f.submit(f.issuer.Authority) // the same payload: the same answer
	if again.Index != 0 || !again.Duplicate {
		r.Errorf("entry 0 again: %+v", again)
	}
	envelope, err := release.ParseEnvelope(image)
	if err != nil {
		r.Fatal(err)
	}
	unknown := releasetest.Sign(r, bytes.Replace(envelope.Payload, []byte("muster/image/v1"), []byte("muster/zebra/v9"), 1), "ci")
	r.refuses(f, register.CodeTypeNotAdmitted, unknown)
	finding, err := release.NewFinding(&release.Finding{Issued: f.issuer.Issued(), Authority: f.issuer.Digest, Product: logtest.Product, Entry: release.Digest{1},
		Auditor: "A", Result: "reproduced", Reference: "https://audit.example/1"})
	if err != nil {
		r.Fatal(err)
	}
	entry, _ := releasetest.SignStatement(r, finding, "ci")
	r.refuses(f, register.CodeTypeNotAdmitted, entry)
	f.rotate(2, func(a *release.Authority) { a.Origin = "log.example/next" })
	for _, entry := range [][]byte{image, entry, unknown, f.issuer.Withdrawal(release.Digest{1}), f.issuer.Rotate(func(a *release.Authority) { a.Version = 3 })} {
		r.refuses(f, register.CodeLogRetired, entry)
	}

	dead := newFixture(r) // its entry 0 is void
	if _, err := dead.storage.Append(r.Context(), func(uint64) ([][]byte, error) { return [][]byte{image}, nil }); err != nil {
		r.Fatal(err)
	}
	dead.start()
	r.refuses(dead, register.CodeNoAuthority, dead.issuer.Authority)

	successor := newFixture(r)
	successor.issuer = logtest.NewIssuer(r, "old.example/log")
	successor.start()
	successor.submit(successor.issuer.Authority)
	image, _ = successor.issuer.Image()
	r.refuses(successor, register.CodeSuccessorChain, image)
}

func dateRules(r *rules) {
	f := newFixture(r).open()
	now := f.issuer.Issued()
	at := func(issued time.Time) []byte {
		entry, _ := f.issuer.Image(func(i *release.Image) { i.Issued, i.PublishBy = issued, issued.AddDate(0, 0, 9) })
		return entry
	}
	r.refuses(f, register.CodeIssuedBehindLogTime, at(now.AddDate(0, 0, -8)))
	r.refuses(f, register.CodeIssuedBehindLogTime, at(now.AddDate(-1, 0, 0)))
	r.refuses(f, register.CodeIssuedAheadOfLogTime, at(now.AddDate(0, 0, 93)))
	r.refuses(f, register.CodeIssuedAheadOfLogTime, f.issuer.Rotate(func(a *release.Authority) {
		a.Issued, a.Expires = now.AddDate(6, 0, 0), now.AddDate(7, 0, 0)
	}))
	r.refuses(f, register.CodeIssuedAheadOfClock, at(now.Add(6*time.Minute)))
	r.refuses(f, register.CodeIssuedAheadOfClock, at(now.AddDate(0, 0, 91)))
	f.submit(at(now.AddDate(0, 0, -6)))

	slow := newFixture(r) // nothing was logged for eight days
	slow.issuer = logtest.NewIssuerAt(r, origin, now.AddDate(0, 0, -8))
	slow.open()
	image, _ := slow.issuer.Image()
	r.refuses(slow, register.CodeIssuedBehindClock, image)

	// After its expiry an authority admits its successor and withdrawals, no more.
	osImage, digest := f.issuer.Image(logtest.OS)
	f.submit(osImage)
	f.rotate(2, func(a *release.Authority) { a.Expires = now.Add(2 * time.Minute) })
	size := f.published(f.Status().Size - 1)
	late := now.Add(2 * time.Minute)
	r.refuses(f, register.CodeAuthorityExpired, at(late))
	expired := f.issuer.StateRelease("1", digest)
	expired.Issued = late
	entry, _ := f.issuer.SignRelease(expired, "rel1", "rel2")
	r.refuses(f, register.CodeAuthorityExpired, entry)
	r.refuses(f, register.CodeAuthorityExpired, f.issuer.Roll(size.Checkpoint, nil, func(r *release.Roll) { r.Issued = late }))
	f.submit(f.issuer.Withdrawal(digest, func(w *release.Withdrawal) { w.Issued = late }))
	r.refuses(f, register.CodeAuthorityExpired, at(now)) // log time has passed it now
	f.rotate(3, func(a *release.Authority) { a.Issued = late })
	f.submit(at(late))
}

func signerRules(r *rules) {
	f := newFixture(r).open()
	signed := func(names ...string) []byte {
		entry, _ := f.issuer.SignImage(f.issuer.StateImage(), names...)
		return entry
	}
	stated := func(change func(*release.Image)) []byte { entry, _ := f.issuer.Image(change); return entry }
	r.refuses(f, register.CodeAuthorityNotInForce, stated(func(i *release.Image) { i.Authority = release.Digest{1} }))
	r.refuses(f, register.CodeSignerUnknown, signed("stranger"))
	r.refuses(f, register.CodeSignerOutsideRole, signed("rel1"))
	r.refuses(f, register.CodeSignerOutsideRole, signed("ci", "root1"))
	f.rotate(2, func(a *release.Authority) {
		image := role(a, release.RoleImage)
		image.Threshold, image.Products, image.Kinds = 2, []string{logtest.Product}, []string{string(release.KindModel)}
		role(a, release.RoleRelease).Channels = []string{"stable"}
	})
	r.refuses(f, register.CodeThresholdMissed, signed("ci"))
	r.refuses(f, register.CodeRoleDoesNotCover, stated(func(i *release.Image) { i.Product = "other/product" }))
	r.refuses(f, register.CodeRoleDoesNotCover, stated(logtest.OS))
	f.submit(signed("ci", "ci2"))
}

func imageRules(r *rules) {
	f := newFixture(r).open()
	stated := func(change func(*release.Image)) []byte { entry, _ := f.issuer.Image(change); return entry }
	first := f.issuer.StateImage(logtest.OS)
	entry, digest := f.issuer.SignImage(first, "ci")
	f.submit(entry)
	approved, _ := f.issuer.Release("1", digest)
	f.submit(approved)
	next := func(version string, security uint64) []byte {
		return stated(func(i *release.Image) {
			logtest.OS(i)
			i.Name, i.Version, i.SecurityVersion = first.Name, version, security
		})
	}
	r.refuses(f, register.CodeImageTaken, next("1", 1))
	r.refuses(f, register.CodeSecurityVersionFalls, next("2", 0))
	r.refuses(f, register.CodeSecurityVersionLeaps, next("2", 1002))
	r.refuses(f, register.CodePublishByPassed, stated(func(i *release.Image) { i.PublishBy = i.Issued }))
	r.refuses(f, register.CodePublishByTooFar, stated(func(i *release.Image) { i.PublishBy = i.Issued.AddDate(0, 0, 31) }))
	f.submit(next("2", 1001))
}

func releaseRules(r *rules) {
	f := newFixture(r).open()
	image := func(changes ...func(*release.Image)) release.Digest {
		entry, digest := f.issuer.Image(changes...)
		f.submit(entry)
		return digest
	}
	osDigest, model := image(logtest.OS), image()
	foreign, research := image(func(i *release.Image) { i.Product = "other/product" }), image(func(i *release.Image) { i.Mode = release.ModeResearch })
	stated := func(version string, images []release.Digest, changes ...func(*release.Release)) []byte {
		approved := f.issuer.StateRelease(version, images...)
		for _, change := range changes {
			change(approved)
		}
		entry, _ := f.issuer.SignRelease(approved, "rel1", "rel2")
		return entry
	}
	both := []release.Digest{osDigest, model}
	f.submit(stated("1", both))
	until := func(days int) func(*release.Release) {
		return func(approved *release.Release) { approved.NotAfter = approved.Issued.AddDate(0, 0, days) }
	}
	r.refuses(f, register.CodeChannelNotListed, stated("2", both, func(approved *release.Release) { approved.Channel = "beta" }))
	r.refuses(f, register.CodeImageNotLogged, stated("2", []release.Digest{osDigest, {1}}))
	r.refuses(f, register.CodeImageNotLogged, stated("2", []release.Digest{osDigest, f.issuer.Digest}))
	r.refuses(f, register.CodeImageOfOtherProduct, stated("2", []release.Digest{osDigest, foreign}))
	r.refuses(f, register.CodeNoOSImage, stated("2", []release.Digest{model}))
	r.refuses(f, register.CodeImageNotProduction, stated("2", []release.Digest{osDigest, research}))
	r.refuses(f, register.CodeReleaseTaken, stated("1", []release.Digest{osDigest}))
	r.refuses(f, register.CodeIdentityVersion, stated("2", both, until(80)))
	r.refuses(f, register.CodeNotAfterNotLater, stated("1", both, until(30)))
	r.refuses(f, register.CodeNotAfterPassed, stated("1", both, until(0)))
	r.refuses(f, register.CodeNotAfterTooFar, stated("1", both, until(91)))

	// Withdrawn images, exactly if all their withdrawals are reinstated.
	withdraw := func(target release.Digest, note string) release.Digest {
		entry := f.issuer.Withdrawal(target, func(w *release.Withdrawal) { w.Note = note })
		f.submit(entry)
		return logtest.PayloadDigest(r, entry)
	}
	other := image()
	first, second, unrelated := withdraw(model, "first"), withdraw(model, "second"), withdraw(other, "")
	reinstating := func(withdrawals ...release.Digest) func(*release.Release) {
		return func(approved *release.Release) {
			until(80)(approved)
			approved.Reinstates = slices.SortedFunc(slices.Values(withdrawals), release.Digest.Compare)
		}
	}
	r.refuses(f, register.CodeImageWithdrawn, stated("1", both, until(80)))
	r.refuses(f, register.CodeImageWithdrawn, stated("1", both, reinstating(first)))
	r.refuses(f, register.CodeReinstatesOther, stated("1", both, reinstating(first, second, unrelated)))
	r.refuses(f, register.CodeReinstatesNoWithdrawal, stated("1", both, reinstating(first, second, model)))
	r.refuses(f, register.CodeReinstatesNoWithdrawal, stated("1", both, reinstating(first, second, release.Digest{1})))
	f.submit(stated("1", both, reinstating(first, second)))

	// An image signed with a key listed as compromised.
	f.rotate(2, func(a *release.Authority) {
		a.Compromised = []release.Compromised{{KeyID: releasetest.KeyFromName("ci").Key().ID(), Origin: origin, From: 0}}
	})
	r.refuses(f, register.CodeImageStruck, stated("3", []release.Digest{osDigest}))
	entry, good := f.issuer.SignImage(f.issuer.StateImage(logtest.OS), "ci2")
	f.submit(entry)
	f.submit(stated("3", []release.Digest{good}))
	tooManyLive(r)
}

// tooManyLive: the 513th live release of a product is refused, and admitted again
// once another is withdrawn.
func tooManyLive(r *rules) {
	const most = 512
	f := newFixture(r).open()
	entries := make([][]byte, most+1)
	var digests [most + 1]release.Digest
	f.together(len(entries), func(i int) {
		image, digest := f.issuer.Image(logtest.OS)
		if _, err := f.Submit(r.Context(), image); err != nil {
			r.Error(err)
		}
		entries[i], digests[i] = f.issuer.Release(fmt.Sprint(i), digest)
	})
	f.together(most, func(i int) {
		if _, err := f.Submit(r.Context(), entries[i]); err != nil {
			r.Error(err)
		}
	})
	r.refuses(f, register.CodeTooManyLive, entries[most])
	f.submit(f.issuer.Withdrawal(digests[0]))
	f.submit(entries[most])
}

// together runs so many of a thing at once, as far as the log's queue goes.
func (f *fixture) together(count int, do func(i int)) {
	var group sync.WaitGroup
	for i := range count {
		group.Go(func() { do(i) })
	}
	group.Wait()
}

func withdrawalRules(r *rules) {
	f := newFixture(r).open()
	image, digest := f.issuer.Image()
	f.submit(image)
	r.refuses(f, register.CodeTargetNotLogged, f.issuer.Withdrawal(release.Digest{1}))
	r.refuses(f, register.CodeTargetNotLogged, f.issuer.Withdrawal(f.issuer.Digest))
	r.refuses(f, register.CodeTargetOfOtherProduct, f.issuer.Withdrawal(digest, func(w *release.Withdrawal) { w.Product = "other/product" }))
	withdrawal := f.issuer.Withdrawal(digest)
	f.submit(withdrawal)
	r.refuses(f, register.CodeTargetNotLogged, f.issuer.Withdrawal(logtest.PayloadDigest(r, withdrawal)))
}

func rollRules(r *rules) {
	f := newFixture(r).open()
	image, digest := f.issuer.Image(logtest.OS)
	f.published(f.submit(image).Index)
	before, _ := f.Checkpoint()
	approved, releaseDigest := f.issuer.Release("1", digest)
	at := f.published(f.submit(approved).Index).Checkpoint
	live := []release.Digest{releaseDigest}
	r.refuses(f, register.CodeRollOrigin, f.issuer.Roll(at, live, func(roll *release.Roll) { roll.Origin = "log.example/other" }))
	r.refuses(f, register.CodeRollRules, f.issuer.Roll(at, live, func(roll *release.Roll) { roll.Rules = 2 }))
	r.refuses(f, register.CodeRollSizeAhead, f.issuer.Roll(tlog.Checkpoint{Size: at.Size + 1}, live))
	r.refuses(f, register.CodeRollLive, f.issuer.Roll(at, nil))
	r.refuses(f, register.CodeRollLive, f.issuer.Roll(at, append(live, release.Digest{1})))
	r.refuses(f, register.CodeRollLive, f.issuer.Roll(at, live, func(roll *release.Roll) { roll.Product = "acme/none" }))
	r.refuses(f, log.CodeRollRoot, f.issuer.Roll(at, live, func(roll *release.Roll) { roll.Root[0] ^= 1 }))
	f.submit(f.issuer.Roll(at, live))
	r.refuses(f, register.CodeRollSizeBack, f.issuer.Roll(before.Checkpoint, nil))
	f.rotate(2)
	r.refuses(f, register.CodeRollAuthority, f.issuer.Roll(at, live))
	now := f.published(f.Status().Size - 1).Checkpoint
	f.submit(f.issuer.Roll(now, live))
}

func authorityRules(r *rules) {
	f := newFixture(r).open()
	other := release.Digest{1}
	r.refuses(f, register.CodeVersionNotNext, f.issuer.Rotate(func(a *release.Authority) { a.Version = 3 }))
	r.refuses(f, register.CodePreviousNotInForce, f.issuer.Rotate(func(a *release.Authority) { a.Previous = &other }))
	hold := func(a *release.Authority, names ...string) {
		root := role(a, release.RoleRoot)
		root.Keys = nil
		for _, name := range names {
			key := releasetest.KeyFromName(name).Key()
			a.Keys[key.ID()] = key
			root.Keys = append(root.Keys, key.ID())
		}
		slices.SortFunc(root.Keys, release.KeyID.Compare)
	}
	thief := func(a *release.Authority) { hold(a, "thief1", "thief2", "thief3") }
	r.refuses(f, register.CodePreviousRootMissed, f.issuer.RotateSigned([]string{"thief1", "thief2"}, thief))
	r.refuses(f, register.CodePreviousRootMissed, f.issuer.RotateSigned([]string{"root1", "thief1", "thief2"}, thief))
	r.refuses(f, register.CodeOwnRootMissed, f.issuer.RotateSigned([]string{"root1", "root2", "thief1"}, thief))
	r.refuses(f, register.CodeSignerOutsideRole, f.issuer.RotateSigned([]string{"root1", "root2", "ci"}))
	f.submit(f.issuer.RotateSigned([]string{"root1", "root2", "thief1", "thief2"}, thief))
	foreignRules(r)
}

// foreignRules: a signature by a key of another format is refused by a log that has
// no verifier for it, and so never becomes one that some replays know and others do
// not; and a key that no verifier could use is refused itself.
func foreignRules(r *rules) {
	f := newFixture(r)
	f.register = []register.Option{}
	f.open()
	image, digest := f.issuer.Image()
	f.submit(image)
	key, private := certificate(r)
	f.rotate(2, withdrawer(key))
	withdrawal := f.issuer.Withdrawal(digest)
	entry := signedBy(r, withdrawal, key.ID(), ed25519.Sign(private, release.PAE(payloadOf(r, withdrawal))))
	r.refuses(f, release.CodeCannotJudge, entry)
	f.close()
	f.register = nil // a version that has a verifier
	f.start()
	f.submit(entry)
	bad := release.Key{Format: release.FormatOpenPGP, Public: []byte("no key of that format")}
	r.refuses(f, release.CodeKey, f.issuer.Rotate(withdrawer(bad), func(a *release.Authority) { a.Version = 3 }))
	for _, twice := range openPGPTwice(r) {
		r.refuses(f, release.CodeListRepeated, f.issuer.Rotate(withdrawer(twice[0]), withdrawer(twice[1]), func(a *release.Authority) { a.Version = 3 }))
	}
}

// openPGPTwice are pairs of keys that are one inside: two exports of an OpenPGP key;
// an OpenPGP key and the same as Ed25519.
func openPGPTwice(tb testing.TB) [][2]release.Key {
	tb.Helper()
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, DefaultHash: crypto.SHA512}
	entity, err := openpgp.NewEntity("Ana", "", "ana@example.com", config)
	if err != nil {
		tb.Fatal(err)
	}
	read := func() release.Key {
		var out bytes.Buffer
		if err := entity.Serialize(&out); err != nil {
			tb.Fatal(err)
		}
		key, err := foreign.ParseOpenPGPKey(out.Bytes())
		if err != nil {
			tb.Fatal(err)
		}
		return key
	}
	first := read()
	identity := entity.PrimaryIdentity()
	identity.SelfSignature.CreationTime = identity.SelfSignature.CreationTime.Add(time.Hour) // as after a change of its expiry
	if err := identity.SelfSignature.SignUserId(identity.UserId.Id, entity.PrimaryKey, entity.PrivateKey, config); err != nil {
		tb.Fatal(err)
	}
	point, ok := entity.PrimaryKey.PublicKey.(*eddsa.PublicKey)
	if !ok {
		tb.Fatalf("a key of type %T", entity.PrimaryKey.PublicKey)
	}
	der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(point.X))
	if err != nil {
		tb.Fatal(err)
	}
	return [][2]release.Key{{first, read()}, {first, {Format: release.FormatEd25519, Public: der}}}
}

// withdrawer gives a key the role withdraw beside those that have it.
func withdrawer(key release.Key) func(*release.Authority) {
	return func(a *release.Authority) {
		a.Keys[key.ID()] = key
		withdraw := role(a, release.RoleWithdraw)
		withdraw.Keys = append(withdraw.Keys, key.ID())
		slices.SortFunc(withdraw.Keys, release.KeyID.Compare)
	}
}

// certificate makes a self-signed X.509 certificate of an Ed25519 key.
func certificate(tb testing.TB) (release.Key, ed25519.PrivateKey) {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		tb.Fatal(err)
	}
	key, err := foreign.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return key, private
}

func payloadOf(tb testing.TB, entry []byte) []byte {
	tb.Helper()
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		tb.Fatal(err)
	}
	return envelope.Payload
}

// signedBy replaces the signatures of an entry by one.
func signedBy(tb testing.TB, entry []byte, id release.KeyID, sig []byte) []byte {
	tb.Helper()
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		tb.Fatal(err)
	}
	envelope.Signatures = []release.Signature{{KeyID: id, Sig: sig}}
	made, err := envelope.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return made
}
