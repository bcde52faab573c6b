package main

import (
	"context"

	"github.com/muster-log/muster/release/register"
)

// retiredJSON says that the log has ended: by which entry, in favour of which log.
type retiredJSON struct {
	Index     uint64 `json:"index"`
	Successor string `json:"successor"`
}

// line says it in words, if there is something to say.
func (r *retiredJSON) line(p *page) {
	if r != nil {
		p.line("this log is retired in favour of %s, by entry %d: go there; nothing that it calls live passes any more", quote(r.Successor), r.Index)
	}
}

// retiredIn is what a replay says.
func retiredIn(state *register.State) *retiredJSON {
	index, retired := state.Retired()
	if !retired {
		return nil
	}
	authority, _ := state.Authority()
	return &retiredJSON{Index: index, Successor: authority.Origin}
}

// retiredBySelf is what the log says of itself: as good as its index. A log that
// does not say is not called retired.
func (s *session) retiredBySelf(ctx context.Context) *retiredJSON {
	ready, err := s.client.Ready(ctx)
	if err != nil || ready.Retired == nil {
		return nil
	}
	return &retiredJSON{Index: ready.Retired.Index, Successor: ready.Retired.Successor}
}
