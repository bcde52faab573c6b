package conformance

import (
	"strings"
)

// w13: an ML-DSA-44 cosignature does not cover extension lines.
var w13 = []check{
	{name: "W13.extension-lines-are-cosigned-with-ed25519", run: func(t *T) {
		s := t.sharedSite()
		log := s.follow(9)
		request := log.Request(0, 5)
		request.Checkpoint = log.Checkpoint(5, "an extension", "another")
		s.cosign(request)
	}},
	{name: "W13.no-ml-dsa-44-with-extension-lines", beyond: true, run: func(t *T) {
		s := t.sharedSite()
		if len(s.keys()) < 2 {
			t.notApplicable("it has no ML-DSA-44 key")
		}
		log := s.follow(9)
		request := log.Request(0, 5)
		request.Checkpoint = log.Checkpoint(5, "an extension")
		if got := s.cosign(request); strings.Count(got.body, "\n") != 1 {
			t.Errorf("with extension lines: got %v, want one line", got)
		}
		// The same tree without them gets both, and then one again.
		if got := s.cosign(log.Request(5, 5)); strings.Count(got.body, "\n") != 2 {
			t.Errorf("without extension lines: got %v, want two lines", got)
		}
		request.OldSize = 5
		if got := s.cosign(request); strings.Count(got.body, "\n") != 1 {
			t.Errorf("with extension lines again: got %v, want one line", got)
		}
		s.cosign(log.Request(5, 9))
	}},
	{name: "W13.monitors-see-what-covers-the-text", run: func(t *T) {
		s := t.sharedSite()
		s.hasMonitorRetrieval()
		log := s.follow(9)
		request := log.Request(0, 5)
		request.Checkpoint = log.Checkpoint(5, "an extension")
		s.cosign(request)
		s.cosignatures(request.Checkpoint, s.latest(log.Origin).body, 1)
	}},
}
