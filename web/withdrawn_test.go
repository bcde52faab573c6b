package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/web/webtest"
)

// TestWithdrawnPageSaysWhy: whoever looks at what was taken back reads there why,
// and what to use instead.
func TestWithdrawnPageSaysWhy(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	_, model, approved := s.Recipe() // 1 to 3
	entry, better := s.Sign(s.Model("llama", "3.2"))
	s.Submit(entry) // 4
	taken := s.Withdrawal(model)
	taken.Reason, taken.Note, taken.Replacement = "vulnerability", "prompt leak under load", &better
	entry, _ = s.Sign(taken)
	s.Submit(entry) // 5
	image := fmt.Sprintf("Withdrawn by entry 5 Reason vulnerability Note prompt leak under load Use instead %s", better)
	getPage(t, s, "/entries/2").contains(t, image)
	getPage(t, s, "/entries/3").contains(t, fmt.Sprintf("Withdrawn by entry 5 , which names %s Reason vulnerability Note prompt leak under load Use instead %s", model, better))
	if page := getPage(t, s, "/entries/4"); strings.Contains(content(page.root), "Withdrawn by") {
		t.Error("the page of the replacement shows a withdrawal")
	}

	// What is struck as well shows both.
	again := s.Withdrawal(approved)
	again.Reason, again.Note = "policy", ""
	entry, _ = s.Sign(again)
	s.Submit(entry)                       // 6
	s.Rotate(func(a *release.Authority) { // 7
		for _, role := range a.Roles {
			if role.Name == release.RoleImage {
				a.Compromised = append(a.Compromised, release.Compromised{KeyID: role.Keys[0], Origin: a.Origin, From: 2})
			}
		}
	})
	page := getPage(t, s, "/entries/2")
	page.contains(t, "Struck by: entry 7", image)
	page = getPage(t, s, "/entries/3")
	page.contains(t, "Struck images: entry 2", "Withdrawn by entry 5 , which names", "Withdrawn by entry 6 Reason policy")
}
