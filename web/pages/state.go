package pages

import (
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// stateView says how an entry stands: a word, a sentence, the entries that are
// the reason. Tone only colours what the word says.
type stateView struct {
	Word     string
	Sentence string
	By       []uint64
	Label    string // says what By are: "Withdrawn by"
	Tone     string // good, quiet, bad
}

// words say what each standing means for somebody who relies on the entry.
var words = map[register.Word]struct{ word, tone, sentence string }{
	register.WordLive:        {"live", "good", "It is live."},
	register.WordNotReleased: {"not released", "quiet", "The image is logged, and no live release names it: logging alone approves nothing."},
	register.WordWithdrawn:   {"withdrawn", "bad", "It was taken back. Do not use it."},
	register.WordExpired:     {"expired", "bad", "Its time has passed, and nothing has renewed it."},
	register.WordSuperseded:  {"superseded", "quiet", "A later entry took its place."},
	register.WordStruck:      {"struck", "bad", "It was signed with a key that the authority lists as compromised. Do not use it."},
	register.WordImageStruck: {"struck image", "bad", "It names an image that was signed with a key listed as compromised. Do not use it."},
	register.WordInForce:     {"in force", "good", "It is in force."},
	register.WordNewest:      {"newest", "good", "It is the newest roll of its product."},
	register.WordVoid:        {"void", "bad", "It breaks a rule of the log and has no effect. That it stands here is a fault of the log: tell a monitor."},
	register.WordUnknown:     {"unknown", "bad", "This log cannot judge it, so it has no effect here."},
}

func stateOf(t release.Type, standing register.Standing) stateView {
	known, ok := words[standing.Word]
	if !ok {
		return stateView{Word: string(standing.Word), Tone: "bad", By: standing.By, Label: "The reason"}
	}
	view := stateView{Word: known.word, Sentence: known.sentence, By: standing.By, Label: "The reason", Tone: known.tone}
	switch standing.Word {
	case register.WordLive:
		view.Label = "Named by"
	case register.WordWithdrawn:
		view.Label = "Withdrawn by"
	case register.WordStruck:
		view.Label = "Struck by"
	case register.WordImageStruck:
		view.Label = "Struck images"
	case register.WordSuperseded:
		view.Label = "Superseded by"
	}
	return view
}
