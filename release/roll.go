package release

import "time"

// Roll says what is live of a product at a size of the log.
type Roll struct {
	Issued    time.Time
	Authority Digest // payload digest of the authority in force
	Product   string
	Origin    string   // of the log: the subject
	Size      uint64   // of a published, cosigned checkpoint
	Root      Digest   // of that checkpoint
	Live      []Digest // payload digests of the live releases
	Rules     int      // version of the rules by which Live was found: RollRules
}

// MaxLive is how many live releases a product may have, and so how many a roll lists:
// a roll must stay far below the size of an entry, and a client must read it.
const MaxLive = 512

// RollRules is the version of the rules by which what is live is found.
const RollRules = 1
