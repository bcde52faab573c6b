package release

import (
	"slices"
	"time"
)

// Authority says who may log what: the keys, their roles, the channels. Each
// version is signed by the root role of the one before and by its own.
type Authority struct {
	Version     int // 1 to MaxAuthorityVersion
	Issued      time.Time
	Origin      string  // of the log it belongs to
	Previous    *Digest // payload digest of the previous version; nil in version 1
	Expires     time.Time
	Keys        map[KeyID]Key
	Roles       []Role
	Channels    []Channel
	Limits      Limits
	Compromised []Compromised
}

// RoleName says what the keys of a role may sign.
type RoleName string

// The roles. Root stands exactly once in an authority; the others may repeat.
const (
	RoleRoot     RoleName = "root"
	RoleImage    RoleName = "image"
	RoleRelease  RoleName = "release"
	RoleWithdraw RoleName = "withdraw"
	RoleRoll     RoleName = "roll"
	RoleAuditor  RoleName = "auditor"
)

// Role is a set of keys and how many of them must sign. An empty list of
// products, kinds or channels means all of them.
type Role struct {
	Name      RoleName
	Keys      []KeyID
	Threshold int // 1 to the number of distinct keys
	Products  []string
	Kinds     []string
	Channels  []string
}

// Covers tells whether the role admits an entry of this product, kind and
// channel. An entry that has no kind or no channel passes "" for it, which only
// an empty list covers.
func (r Role) Covers(product, kind, channel string) bool {
	return (len(r.Products) == 0 || slices.Contains(r.Products, product)) &&
		(len(r.Kinds) == 0 || slices.Contains(r.Kinds, kind)) &&
		(len(r.Channels) == 0 || slices.Contains(r.Channels, channel))
}

// roleNames are the roles in the order in which people think of them.
var roleNames = []RoleName{RoleRoot, RoleImage, RoleRelease, RoleWithdraw, RoleRoll, RoleAuditor}

// ByDuty orders roles as people think of them: root, image, release, withdraw, roll,
// auditor, and those of one name as they stand. In the statement they are a set, ordered
// by its bytes.
func ByDuty(roles []Role) []Role {
	ordered := slices.Clone(roles)
	slices.SortStableFunc(ordered, func(x, y Role) int { return slices.Index(roleNames, x.Name) - slices.Index(roleNames, y.Name) })
	return ordered
}

// Channel is a line of releases, such as stable, and the mode of image it takes.
type Channel struct {
	Name string
	Mode Mode
}

// Mode says what an image is for.
type Mode string

// The modes. A channel of mode production takes only production images.
const (
	ModeProduction Mode = "production"
	ModeResearch   Mode = "research"
	ModeDebug      Mode = "debug"
)

// Limits bound the dates of images and releases, in days from 1 to 3650.
type Limits struct {
	PublishWithinDays int // from an image's issued to its publishBy
	ReleaseDays       int // from a release's issued to its notAfter
}

// Compromised strikes the entries of a log, from an index on, that miss their
// threshold without the key.
type Compromised struct {
	KeyID  KeyID
	Origin string
	From   uint64
}
