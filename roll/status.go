package roll

import (
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	rollremote "github.com/muster-log/muster/roll/remote"
)

// Status is how a Signer stands.
type Status struct {
	// Ready: the log was followed at the last step, no alarm stops any roll, and the
	// newest roll of every product in the log is young enough (AlarmRollOld).
	Ready bool `json:"ready"`
	// Origin, Size, Root and Fresh are those of the checkpoint that is followed; absent
	// before the first.
	Origin string          `json:"origin,omitempty"`
	Size   uint64          `json:"size"`
	Root   *release.Digest `json:"root,omitempty"`
	Fresh  time.Time       `json:"fresh,omitzero"`
	// Stepped is when the log was last followed without an error.
	Stepped     time.Time               `json:"stepped,omitzero"`
	Products    []ProductStatus         `json:"products"`
	Withdrawals []rollremote.Withdrawal `json:"withdrawals"`
	Alarms      []Alarm                 `json:"alarms"`
}

// ProductStatus is how the rolls of a product stand.
type ProductStatus struct {
	Product string `json:"product"`
	// Released: the log admitted a release of it once. Before that no roll is due.
	Released bool `json:"released"`
	// Live is how many releases are live at Status.Size.
	Live int `json:"live"`
	// Newest is the newest roll in the log, of whomever; Signed the newest that was
	// signed here.
	Newest *RollStatus `json:"newest,omitempty"`
	Signed *RollStatus `json:"signed,omitempty"`
	// Stopped: an alarm forbids a roll.
	Stopped bool `json:"stopped"`
}

// RollStatus is one roll.
type RollStatus struct {
	Digest release.Digest `json:"digest"`
	Index  *uint64        `json:"index,omitempty"`
	Size   uint64         `json:"size"`
	Issued time.Time      `json:"issued"`
	Live   int            `json:"live"`
}

// Status returns how the Signer stands after its last step.
func (s *Signer) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{Stepped: s.stepped, Products: []ProductStatus{}, Withdrawals: []rollremote.Withdrawal{}, Alarms: s.alarms.list()}
	status.Ready = !s.stepped.IsZero()
	for _, alarm := range status.Alarms {
		status.Ready = status.Ready && !alarm.Stops && alarm.Code != AlarmRollOld
	}
	for _, one := range s.spool.all() {
		status.Withdrawals = append(status.Withdrawals, s.tell(one))
	}
	checkpoint := s.checkpoint()
	if checkpoint == nil {
		return status
	}
	root := release.Digest(checkpoint.Root)
	status.Origin, status.Size, status.Root, status.Fresh = checkpoint.Origin, checkpoint.Size, &root, s.follower.Fresh()
	state := s.follower.State()
	for _, name := range s.config.Products {
		status.Products = append(status.Products, s.productStatus(state, name, status.Alarms))
	}
	return status
}

func (s *Signer) productStatus(state *register.State, name string, alarms []Alarm) ProductStatus {
	size := s.checkpoint().Size
	live, _ := state.LiveAt(name, size)
	status := ProductStatus{Product: name, Released: s.products.of(name).released, Live: len(live)}
	if index, ok := state.NewestRoll(name, size); ok && s.products.of(name).rolls[index] != nil {
		record, _ := state.Entry(index)
		stated := s.products.of(name).rolls[index]
		status.Newest = &RollStatus{Digest: record.Digest, Index: &index, Size: stated.Size, Issued: stated.Issued, Live: len(stated.Live)}
	}
	if last, ok := s.ledger.signed[name]; ok {
		status.Signed = &RollStatus{Digest: last.digest, Size: last.roll.Size, Issued: last.roll.Issued, Live: len(last.roll.Live)}
	}
	for _, alarm := range alarms {
		status.Stopped = status.Stopped || alarm.Stops && (alarm.Product == "" || alarm.Product == name)
	}
	return status
}
