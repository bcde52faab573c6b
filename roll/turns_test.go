package roll_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	rollremote "github.com/muster-log/muster/roll/remote"
)

// TestWithdrawalsTakeTurns: those that the log keeps refusing hold up no other.
func TestWithdrawalsTakeTurns(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	var mu sync.Mutex
	tried := map[string]bool{}
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		tried[string(body)] = true
		http.Error(w, "no", http.StatusUnprocessableEntity)
		return true
	})
	const handed = 20
	for i := range handed {
		stated := b.Withdrawal(approved)
		stated.Note = fmt.Sprintf("number %d", i)
		entry, _ := b.Sign(stated)
		b.hand(entry, rollremote.StateWaiting)
	}
	b.run(func() bool { // at most 8 at once
		mu.Lock()
		defer mu.Unlock()
		return len(tried) == handed
	})
}
