package release

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/muster-log/muster/internal/strictjson"
)

// writer writes canonical JSON, if it is given members in their order. It judges
// nothing: what is written is parsed before it is handed out.
type writer struct{ out []byte }

// next separates a value or a member from what stands before it.
func (w *writer) next() {
	if len(w.out) == 0 {
		return
	}
	switch w.out[len(w.out)-1] {
	case '{', '[', ':':
	default:
		w.out = append(w.out, ',')
	}
}

// raw writes a value that is written already.
func (w *writer) raw(value []byte) {
	w.next()
	w.out = append(w.out, value...)
}

func (w *writer) open(c byte) { w.next(); w.out = append(w.out, c) }

func (w *writer) close(c byte) { w.out = append(w.out, c) }

// name begins a member.
func (w *writer) name(name string) {
	w.string(name)
	w.out = append(w.out, ':')
}

func (w *writer) string(text string) {
	w.next()
	w.out = strictjson.AppendString(w.out, text)
}

// object writes the object {"sha256":...} of a digest.
func (w *writer) object(d Digest) {
	w.open('{')
	w.text("sha256", d.String())
	w.close('}')
}

func (w *writer) text(name, text string) {
	w.name(name)
	w.string(text)
}

func (w *writer) integer(name string, n uint64) {
	w.name(name)
	w.out = strconv.AppendUint(w.out, n, 10)
}

// signed writes an int as it is, so that a negative one is refused and not
// taken for another number.
func (w *writer) signed(name string, n int) {
	w.name(name)
	w.out = strconv.AppendInt(w.out, int64(n), 10)
}

func (w *writer) time(name string, t time.Time) { w.text(name, FormatTime(t)) }

func (w *writer) digest(name string, d Digest) {
	w.name(name)
	w.object(d)
}

// writeList writes a list in its own order.
func writeList[T any](w *writer, name string, list []T, element func(*writer, T)) {
	w.name(name)
	w.open('[')
	for i := range list {
		element(w, list[i])
	}
	w.close(']')
}

// writeSet writes a list ordered by the canonical bytes of its elements.
func writeSet[T any](w *writer, name string, list []T, element func(*writer, T)) {
	parts := make([][]byte, len(list))
	for i := range list {
		part := &writer{}
		element(part, list[i])
		parts[i] = part.out
	}
	slices.SortFunc(parts, bytes.Compare)
	writeList(w, name, parts, (*writer).raw)
}
