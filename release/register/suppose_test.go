package register

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
)

// TestSupposeIsWhatLoggingDoes: what a draft would do, at every index of the
// example log, is what its entry does.
func TestSupposeIsWhatLoggingDoes(t *testing.T) {
	type standings struct {
		Live []LiveRelease
		Why  []Standing
	}
	of := func(s *State) (all standings) {
		all.Live = s.Live(testProduct)
		for index := range s.Size() {
			why, _ := s.Why(index)
			all.Why = append(all.Why, why)
		}
		return all
	}
	whole := exampleLog(t, 11)
	for size := range 11 {
		supposed, logged := exampleLog(t, size), exampleLog(t, size+1)
		p, err := Decode(whole.entries[size])
		if err != nil {
			t.Fatal(err)
		}
		index, err := supposed.Suppose(p.Statement, p.Statement.Issued())
		if err != nil || index != uint64(size) {
			t.Fatalf("entry %d: got index %d, %v", size, index, err)
		}
		if diff := cmp.Diff(of(logged.State), of(supposed.State)); diff != "" {
			t.Errorf("entry %d: logged and supposed differ: %s", size, diff)
		}
	}
}

// TestSupposeRefuses: a draft is held to every rule but that of its signatures,
// and one that is refused changes nothing.
func TestSupposeRefuses(t *testing.T) {
	l := newLog(t, func(a *release.Authority) {
		limited := role(release.RoleRelease, 1, "rel1")
		limited.Products = []string{"acme/other"}
		setRole(a, release.RoleRelease, limited)
	})
	os := l.admit(l.osImage())
	for name, test := range map[string]struct {
		code  release.Code
		made  func() (*release.Statement, error)
		clock time.Time
	}{
		"no role": {CodeRoleDoesNotCover, func() (*release.Statement, error) { return release.NewRelease(l.release([]release.Digest{os})) }, l.now},
		"nothing": {CodeTargetNotLogged, func() (*release.Statement, error) { return release.NewWithdrawal(l.withdrawal(keyID("x"))) }, l.now},
		"another one": {CodeVersionNotNext, func() (*release.Statement, error) {
			return release.NewAuthority(l.authority(func(a *release.Authority) { a.Version = 3 }))
		}, l.now},
		"clock": {CodeIssuedBehindClock, func() (*release.Statement, error) { return release.NewImage(l.image()) }, l.now.Add(8 * oneDay)},
		"form": {release.CodeWord, func() (*release.Statement, error) {
			return &release.Statement{Type: release.TypeWithdrawal, URI: release.TypeWithdrawal.URI(), Subjects: []release.Subject{{Digest: os}},
				Predicate: l.withdrawal(os, func(w *release.Withdrawal) { w.Reason = "no code" })}, nil
		}, l.now},
	} {
		draft, err := test.made()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := l.Suppose(draft, test.clock); release.CodeOf(err) != test.code {
			t.Errorf("%s: got %v, want %s", name, err, test.code)
		}
		if l.Size() != 2 {
			t.Fatalf("%s: the size is %d", name, l.Size())
		}
	}
}
