package attest

// Describe says in a few words what a register of SHA-256 holds, as seen from
// this ledger. It is for people: only equality with SHA256 decides anything. What
// is extended after the lock, and another release, cannot be told apart, unless
// the event is the gate's refusal.
func (l Ledger) Describe(register Digest) string {
	var value Digest
	if register == value {
		return "zero: no gate opened a ledger"
	}
	if register == Extend(value, Refused.SHA256()) {
		return "refused by the gate before it opened a ledger"
	}
	for i, event := range l.events {
		value = Extend(value, event.SHA256())
		locked := i == len(l.events)-1
		switch register {
		case value:
			if locked {
				return "the locked ledger of the release"
			}
			return "opened for the release, and not locked"
		case Extend(value, Refused.SHA256()):
			if locked {
				return "locked for the release, then refused by the gate"
			}
			return "opened for the release, then refused by the gate"
		}
	}
	return register.String() + ": another release, or extended after the lock"
}
