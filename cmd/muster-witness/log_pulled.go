package main

import (
	"fmt"
	"strings"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/state"
)

// shownList is what became of one list, under --json.
type shownList struct {
	Source    string        `json:"source"`
	Logs      int           `json:"logs"`
	Added     []shownPulled `json:"added"`
	KeysAdded []shownPulled `json:"keysAdded"`
	Updated   []shownPulled `json:"updated"`
	// Disabled stand in the list and are disabled, by you or when they did not: they
	// stay so.
	Disabled []shownPulled `json:"disabled"`
	Refused  []shownPulled `json:"refused"`
	// Missing came from the list and stand in it no more: a log, or with Key that key.
	Missing         []shownPulled `json:"missing"`
	MissingDisabled bool          `json:"missingDisabled,omitempty"`
	Known           int           `json:"known"`
}

type shownPulled struct {
	Origin         string `json:"origin"`
	Key            string `json:"key,omitempty"`
	RequestsPerDay uint64 `json:"requestsPerDay,omitempty"`
	Contact        string `json:"contact,omitempty"`
	// Reason says why it was refused.
	Reason string `json:"reason,omitempty"`
	key    *tlog.VerifierKey
}

func newShownList(source string, pulled []state.Pulled) shownList {
	none := func() []shownPulled { return []shownPulled{} }
	list := shownList{Source: source, Logs: len(pulled), Added: none(), KeysAdded: none(), Updated: none(), Disabled: none(), Refused: none(), Missing: none()}
	for _, one := range pulled {
		shown := shownPulled{Origin: one.Origin, Key: one.Key.String(), RequestsPerDay: one.RequestsPerDay, Contact: one.Contact}
		switch one.Result {
		case state.LogAdded:
			list.Added = append(list.Added, shown)
		case state.KeyAdded:
			list.KeysAdded = append(list.KeysAdded, shown)
		case state.LogUpdated:
			list.Updated = append(list.Updated, shown)
		case state.LogDisabled:
			list.Disabled = append(list.Disabled, shown)
		case state.LogRefused:
			shown.Reason = one.Reason.Error()
			list.Refused = append(list.Refused, shown)
		case state.LogKnown:
			list.Known++
		}
	}
	return list
}

func (l shownList) write(out *strings.Builder) {
	fmt.Fprintf(out, "%s: %d items, %d added, %d known\n", printableOrigin(l.Source), l.Logs, len(l.Added)+len(l.KeysAdded), l.Known)
	for _, one := range l.Added {
		fmt.Fprintf(out, "  added     %s, %d requests a day\n", printableOrigin(one.Origin), one.RequestsPerDay)
	}
	for _, one := range l.KeysAdded {
		fmt.Fprintf(out, "  key       %s of %s\n", one.Key, printableOrigin(one.Origin))
	}
	for _, one := range l.Updated {
		fmt.Fprintf(out, "  updated   %s, %d requests a day\n", printableOrigin(one.Origin), one.RequestsPerDay)
	}
	for _, one := range l.Disabled {
		fmt.Fprintf(out, "  disabled  %s or its key %s: it stays so; log add enables it\n", printableOrigin(one.Origin), one.Key)
	}
	for _, one := range l.Refused {
		fmt.Fprintf(out, "  refused   %s for %s: %s; log add gives it the key, if its operator says so\n", one.Key, printableOrigin(one.Origin), one.Reason)
	}
	what := "missing "
	if l.MissingDisabled {
		what = "disabled"
	}
	for _, one := range l.Missing {
		key := ""
		if one.Key != "" {
			key = "key " + one.Key + " of "
		}
		fmt.Fprintf(out, "  %s  %s%s: it came from this list and stands in it no more\n", what, key, printableOrigin(one.Origin))
	}
}
