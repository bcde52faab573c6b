// Package progress is what long work reports to, without knowing who draws it.
package progress

// Reporter is told how far a piece of work is. Its methods are called from
// several goroutines.
type Reporter interface {
	// Start begins a piece of work of total bytes; below 0: not known.
	Start(what string, total int64)
	// Add says that n more bytes are done.
	Add(n int64)
	// Done ends the piece of work that was started last.
	Done()
}

// None returns a Reporter that draws nothing.
func None() Reporter { return none{} }

type none struct{}

func (none) Start(string, int64) {}
func (none) Add(int64)           {}
func (none) Done()               {}
