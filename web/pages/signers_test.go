package pages

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
)

// Only roles that could admit the entry are needed, and a signer's roles are told
// with what they are limited to.
func TestSignersOfTheRolesThatCoverIt(t *testing.T) {
	now := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	authority := &release.Authority{Version: 1, Issued: now, Origin: "log.example/acme", Expires: now.AddDate(1, 0, 0), Keys: map[release.KeyID]release.Key{},
		Limits: release.Limits{PublishWithinDays: 7, ReleaseDays: 30}}
	add := func(name release.RoleName, key string, products, kinds []string) {
		public := releasetest.KeyFromName(key).Key()
		authority.Keys[public.ID()] = public
		authority.Roles = append(authority.Roles, release.Role{Name: name, Keys: []release.KeyID{public.ID()}, Threshold: 1, Products: products, Kinds: kinds})
	}
	add(release.RoleRoot, "ana", nil, nil)
	add(release.RoleImage, "ci", []string{"acme/ai"}, []string{"model"})
	add(release.RoleImage, "edge", []string{"acme/edge"}, nil)
	add(release.RoleWithdraw, "eva", []string{"acme/ai"}, []string{"os"})
	add(release.RoleWithdraw, "finn", []string{"acme/ai"}, []string{"model"})
	state := register.New("log.example/acme")
	apply := func(statement *release.Statement, err error, key string) (register.Outcome, signersView) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		entry, _ := releasetest.SignStatement(t, statement, key)
		outcome := state.Apply(entry)
		record, _ := state.Entry(outcome.Index)
		return outcome, signersOf(state, record, outcome.Prepared.Envelope, outcome.Prepared.Statement)
	}
	first, err := release.NewAuthority(authority)
	version1, _ := apply(first, err, "ana")
	model := &release.Image{Issued: now, Authority: version1.Digest, Product: "acme/ai", Kind: release.KindModel, Name: "llama", Version: "1", SecurityVersion: 1, Mode: release.ModeProduction,
		PublishBy: now.AddDate(0, 0, 3), Measurements: release.Measurements{Verity: releasetest.Verity("model")},
		Artifacts: []release.Artifact{{Name: "model.erofs", Digest: named("file"), Size: 4096, MediaType: "application/octet-stream", URLs: []string{"https://dl.example/model.erofs"}}}}
	statement, err := release.NewImage(model)
	logged, view := apply(statement, err, "ci")
	want := "the one key of role image (products acme/ai only; kinds model only)"
	if diff := cmp.Diff([]string{"image (products acme/ai only; kinds model only)"}, view.Signers[0].Roles); diff != "" || view.Needed != want || !view.Verified {
		t.Errorf("image: needed %q, want %q; verified %t; roles of its signer (-want +got):\n%s", view.Needed, want, view.Verified, diff)
	}
	withdrawal := &release.Withdrawal{Issued: now, Authority: version1.Digest, Product: "acme/ai", Target: logged.Digest, Reason: release.ReasonDefect}
	statement, err = release.NewWithdrawal(withdrawal)
	_, view = apply(statement, err, "eva")
	want = "the one key of role withdraw (products acme/ai only; kinds model only), or the one key of role root"
	if view.Needed != want || view.Verified {
		t.Errorf("withdrawal by a key for os images: needed %q, want %q; verified %t, want false", view.Needed, want, view.Verified)
	}
	// A product that nobody may sign for.
	model.Product, model.Kind = "acme/other", release.KindModel
	statement, err = release.NewImage(model)
	if _, view = apply(statement, err, "ci"); view.Needed != "a role that covers it, and that authority had none" {
		t.Errorf("image of another product: needed %q", view.Needed)
	}
}
