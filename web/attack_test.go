package web_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/web/webtest"
)

// attacked is a log whose operator acts on an attack: a withdrawal, a release that
// reinstates, rolls, and a rotation that strikes what a stolen key signed. The
// entries are numbered in the order of the log.
func attacked(t *testing.T, o webtest.Options) *webtest.Site {
	s := webtest.New(t, o)
	os, model, _ := s.Recipe() // 1 to 3
	submit := func(predicate release.Predicate, signers ...string) release.Digest {
		entry, digest := s.Sign(predicate, signers...)
		s.Submit(entry)
		return digest
	}
	submit(s.Roll())                         // 4
	withdrawn := submit(s.Withdrawal(model)) // 5
	again := s.Release("2026.11", os, model)
	again.NotAfter, again.Reinstates = again.NotAfter.AddDate(0, 0, 10), []release.Digest{withdrawn}
	reinstated := submit(again)                    // 6
	submit(s.Roll())                               // 7
	thief := submit(s.Model("llama", "3.2"), "ci") // 8
	submit(s.Release("2026.12", os, thief))        // 9
	s.Rotate(func(a *release.Authority) {          // 10
		stolen, fresh := releasetest.KeyFromName("ci").Key(), releasetest.KeyFromName("ci2").Key()
		delete(a.Keys, stolen.ID())
		a.Keys[fresh.ID()] = fresh
		for i := range a.Roles {
			if a.Roles[i].Name == release.RoleImage {
				a.Roles[i].Keys = []release.KeyID{fresh.ID()}
			}
			if a.Roles[i].Name == release.RoleRelease {
				a.Roles[i].Threshold = 3
			}
		}
		a.Channels = slices.DeleteFunc(a.Channels, func(c release.Channel) bool { return c.Name == "lab" })
		a.Limits.ReleaseDays = 60
		a.Compromised = []release.Compromised{{KeyID: stolen.ID(), Origin: webtest.Origin, From: 8}}
	})
	submit(s.Withdrawal(reinstated)) // 11
	return s
}

// TestPagesSayWhatAnOperatorDid: each entry says what it did to others, and each
// of those what was done to it.
func TestPagesSayWhatAnOperatorDid(t *testing.T) {
	s := attacked(t, webtest.Options{})
	for path, wants := range map[string][]string{
		"/":          {"Nothing of this product is live.", "Newest roll: entry 7 , issued 2 November 2026, 10:00 UTC ."},
		"/entries/2": {"Withdrawn by: entry 5"},
		"/entries/3": {"Release 2026.11 of acme/ai superseded", "Superseded by: entry 6"},
		"/entries/4": {"Roll of acme/ai superseded", "Superseded by: entry 7", "Checkpoint published here with this size and root", "was live when the log had 4 entries: 1 release."},
		"/entries/5": {"Withdrawal in acme/ai in force", "What it covers", "model/llama 3.1 image, entry 2 withdrawn", "2026.11 release, entry 3 superseded", "Reinstated by 2026.11 release, entry 6 withdrawn", "Reason vulnerability"},
		"/entries/6": {"Withdrawn by: entry 11", "Reinstates"},
		"/entries/7": {"Roll of acme/ai newest"},
		"/entries/8": {"Image model/llama 3.2 struck", "Struck by: entry 10"},
		"/entries/9": {"struck image", "Struck images: entry 8"},
		"/entries/10": {"Authority of log.example/acme, version 2 in force", "What it changes Limits", "Threshold release: 3 of 3 keys; before, 2",
			"Key added " + releasetest.KeyFromName("ci2").Key().ID().String() + " to role image, ed25519", "Key removed " + releasetest.KeyFromName("ci").Key().ID().String() + " from role image, ed25519",
			"in log.example/acme from entry 8 on", "Channel removed lab, for images of mode research", "a release lasts at most 60 days; before, ", "Struck by it model/llama 3.2 image, entry 8 struck"},
		"/entries/11":               {"What it covers 2026.11 release, entry 3 superseded", "2026.11 release, entry 6 withdrawn"},
		"/entries/0":                {"Authority of log.example/acme, version 1 superseded", "Superseded by: entry 10"},
		"/releases?type=withdrawal": {"withdrawal of entry 3 in force", "withdrawal of entry 2 in force"},
		"/releases?type=roll":       {"roll at entry 7 newest", "roll at entry 4 superseded"},
		"/releases?type=authority":  {"version 2 in force", "version 1 superseded"},
	} {
		p := getPage(t, s, path)
		p.contains(t, wants...)
		checkMade(t, path, p)
	}
	if text := content(getPage(t, s, "/entries/0").root); strings.Contains(text, "What it changes") || strings.Contains(text, "What it does") {
		t.Errorf("the first version changes something: %s", text)
	}
	// The same in the API.
	for query, want := range map[string]string{
		"type=withdrawal": `"standing":"in-force"`,
		"type=roll":       `"standing":"superseded","by":[7]`,
		"type=image":      `"standing":"struck","by":[10]`,
		"type=release":    `"standing":"withdrawn","by":[11]`,
		"type=authority":  `"standing":"superseded","by":[10]`,
	} {
		if status, _, body := sendRaw(t, s.URL, http.MethodGet, "/api/v1/entries?"+query, nil, nil); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: no %s in %s", query, want, body)
		}
	}
}

// TestEffectsAreBounded: what very many releases name makes no page without end.
func TestEffectsAreBounded(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	os, _, _ := s.Recipe()
	for i := range 30 {
		entry, image := s.Sign(s.Model("other", fmt.Sprint(i)))
		s.Submit(entry)
		entry, _ = s.Sign(s.Release(fmt.Sprint(i), os, image))
		s.Submit(entry)
	}
	entry, _ := s.Sign(s.Withdrawal(os))
	index := s.Submit(entry)
	getPage(t, s, fmt.Sprintf("/entries/%d", index)).contains(t, "os/node-os 1.4.0 image, entry 1 withdrawn", "7 more are not listed.")
}

// TestRollWithoutCheckpointIsShown: a roll that names no checkpoint of this log
// stands in it where a faulty version let it in.
func TestRollWithoutCheckpointIsShown(t *testing.T) {
	draft := webtest.New(t, webtest.Options{})
	entry, _ := draft.Sign(draft.Roll()) // of size 1
	s := webtest.New(t, webtest.Options{Entries: [][]byte{entry}})
	getPage(t, s, "/entries/1").contains(t, "Roll of acme/ai newest", "none of that size was published here: no client accepts the roll")
}
