package roll_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/roll"
	rollremote "github.com/muster-log/muster/roll/remote"
	"github.com/muster-log/muster/web/webtest"
)

// TestKeysOfNoRole: keys that cannot sign the rolls of a product are an alarm from the
// start, before a roll is due, and at every new authority until it is right.
func TestKeysOfNoRole(t *testing.T) {
	for name, test := range map[string]struct {
		key    string
		change func(*release.Authority)
		code   release.Code
	}{
		"a key of another role": {"wd", nil, register.CodeSignerOutsideRole},
		"a key of nobody":       {"mallory", nil, register.CodeSignerUnknown},
		"one of two": {"roll", func(a *release.Authority) {
			key := releasetest.KeyFromName("another roll").Key()
			a.Keys[key.ID()] = key
			for i, role := range a.Roles {
				if role.Name == release.RoleRoll {
					a.Roles[i].Threshold, a.Roles[i].Keys = 2, append(a.Roles[i].Keys, key.ID())
					slices.SortFunc(a.Roles[i].Keys, release.KeyID.Compare)
				}
			}
		}, register.CodeThresholdMissed},
		"a role for other products": {"roll", func(a *release.Authority) {
			for i, role := range a.Roles {
				if role.Name == release.RoleRoll {
					a.Roles[i].Products = []string{"acme/other"}
				}
			}
		}, register.CodeRoleDoesNotCover},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(c *roll.Config) { c.Keys = []*release.PrivateKey{releasetest.KeyFromName(test.key)} })
			if test.change != nil {
				b.Rotate(test.change)
			}
			b.wantRolls(0)
			b.wantAlarm(test.code, true)
			b.Rotate(func(a *release.Authority) {
				key := releasetest.KeyFromName(test.key).Key()
				a.Keys[key.ID()] = key
				a.Roles = slices.DeleteFunc(a.Roles, func(r release.Role) bool { return r.Name == release.RoleRoll })
				a.Roles = append(a.Roles, release.Role{Name: release.RoleRoll, Keys: []release.KeyID{key.ID()}, Threshold: 1})
			})
			b.wantRolls(0)
			b.wantNoAlarm()
		})
	}
}

// TestProductWithoutRelease: that a product never had a release is said once.
func TestProductWithoutRelease(t *testing.T) {
	b := newBench(t, func(c *roll.Config) { c.Products = []string{"acme/misspelt", webtest.Product} })
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	if got := strings.Count(b.log.String(), "the log holds no release of this product"); got != 1 {
		t.Errorf("said %d times:\n%s", got, b.log)
	}
	if products := b.signer.Status().Products; products[0].Released || !products[1].Released {
		t.Errorf("got %+v", products)
	}
}

// TestWithdrawalOfTheUnread: what names an entry that the log holds and that could not be
// read is not refused, but may be handed in again.
func TestWithdrawalOfTheUnread(t *testing.T) {
	b := newBench(t)
	b.Recipe()
	b.step()
	size := b.signer.Status().Size
	image, fresh := b.Sign(b.Model("another", "1"))
	b.Submit(image)
	withdrawal, _ := b.Sign(b.Withdrawal(fresh))
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	b.step()
	client := b.door()
	_, err := client.Hand(t.Context(), withdrawal)
	if status, ok := errors.AsType[*rollremote.StatusError](err); !ok || status.Code != "behind" || status.Refused() {
		t.Fatalf("got %v, want behind", err)
	}
	_, err = b.signer.Hand(t.Context(), withdrawal)
	behind, ok := errors.AsType[*roll.BehindError](err)
	if !ok || behind.Size != size || release.CodeOf(behind.Refusal) != register.CodeTargetNotLogged {
		t.Fatalf("got %v, want one that is behind at size %d", behind, size)
	}
	b.set(nil)
	b.step()
	if _, err := client.Hand(t.Context(), withdrawal); err != nil {
		t.Error(err)
	}
}
