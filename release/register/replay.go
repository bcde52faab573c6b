package register

import (
	"runtime"
	"sync"
)

// replayBatch is how many entries are prepared before they are applied: enough
// to keep every core busy, few enough to hold in memory.
const replayBatch = 1024

// ApplyAll applies entries in order, as Apply would one by one, and prepares
// them on all cores before. The outcomes hold every decoded entry: hand over a
// long log in parts.
func (s *State) ApplyAll(entries [][]byte) []Outcome {
	outcomes := make([]Outcome, 0, len(entries))
	for len(entries) > 0 {
		size := replayBatch
		if s.Size() == 0 {
			size = 1 // entry 0 brings the keys that the others are prepared with
		}
		batch := entries[:min(size, len(entries))]
		entries = entries[len(batch):]
		for i, p := range s.prepareAll(batch) {
			if p == nil {
				outcomes = append(outcomes, s.Apply(batch[i]))
			} else {
				outcomes = append(outcomes, s.ApplyPrepared(p))
			}
		}
	}
	return outcomes
}

// prepareAll prepares entries under the authority in force now. One that a
// rotation among them overtakes is verified when it is applied; one that
// cannot be prepared is nil, and Apply says why.
func (s *State) prepareAll(entries [][]byte) []*Prepared {
	known, _ := s.Authority()
	prepared := make([]*Prepared, len(entries))
	workers := min(runtime.GOMAXPROCS(0), len(entries))
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < len(entries); i += workers {
				if p, err := Prepare(entries[i], known, withOptions(s.chain.options)); err == nil {
					prepared[i] = p
				}
			}
		})
	}
	group.Wait()
	return prepared
}

// withOptions hands options on as they are.
func withOptions(all options) Option { return func(o *options) { *o = all } }
