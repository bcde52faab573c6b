package log

import (
	"context"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// Index finds entries by what they say. It is a convenience, not a proof: it is
// derived from the log alone, may be thrown away and rebuilt at any time, may
// lag behind the log, and what is found in it is proved by the log.
//
// It holds what never changes about an entry. What an entry comes to now (live,
// withdrawn, struck) is the register's to say.
//
// Every reader takes a size or an index that bounds what it returns from above:
// the index may know entries that are durable and not yet published.
type Index interface {
	// Size is the index of the next entry to add.
	Size(ctx context.Context) (uint64, error)

	// Add adds the records of consecutive entries, the first at Size, all of
	// them or none.
	Add(ctx context.Context, records []Record) error

	// Reset forgets every record, before they are made again.
	Reset(ctx context.Context) error

	// Records returns the records at these indices, in their order. An index
	// that is not there is left out. Mentions are not filled.
	Records(ctx context.Context, indices []uint64) ([]Record, error)

	// List returns records by descending index. Mentions are not filled.
	List(ctx context.Context, query Query) ([]Record, error)

	// Find returns the entries that mention a digest, ordered by digest, index
	// and relation.
	Find(ctx context.Context, query DigestQuery) ([]Match, error)
}

// Record is what the index keeps of one entry. A member that the entry's type
// does not have is empty, and so is everything that could not be decoded.
type Record struct {
	Index     uint64
	Status    register.Status
	Code      release.Code   // why it is void or unknown
	Entry     release.Digest // SHA-256 of the entry, the bytes of the envelope
	Payload   release.Digest // payload digest; zero if there is no payload
	Type      release.Type   // empty for a type that we do not know
	Predicate string         // the predicateType; empty if the payload is no statement
	Product   string
	Kind      release.Kind
	Name      string // of an image; the origin of an authority
	Channel   string
	Version   string
	Issued    time.Time
	NotAfter  time.Time // notAfter of a release, expires of an authority, publishBy of an image
	Identity  release.Digest
	Signers   []release.KeyID // whom the signatures name; in a void entry they need not verify
	Mentions  []Mention
}

// Mention is one digest that an entry has or names. The authority that an entry
// names as in force is left out: nearly all of a log would mention it.
type Mention struct {
	Digest   release.Digest
	Relation Relation
}

// Relation says what a digest is to the entry that mentions it.
type Relation uint8

// The relations. They are stored as numbers: a new one is added at the end.
const (
	RelationPayload            Relation = iota + 1 // the payload digest
	RelationEntry                                  // SHA-256 of the entry's bytes
	RelationArtifact                               // a file of an image
	RelationAuthenticode                           // of a unified kernel image
	RelationKernelAuthenticode                     // of the kernel inside it
	RelationInitrd
	RelationSection  // a section of a unified kernel image
	RelationRootHash // of a dm-verity device
	RelationModelRoot
	RelationModelManifest
	RelationResource    // a file of a model
	RelationFirmwarePCR // a value of a firmware's PCR
	RelationProvenance
	RelationIdentity // of a release
	RelationImage    // an image that a release names
	RelationReinstates
	RelationTarget // what a withdrawal takes back, or a finding is about
	RelationReplacement
	RelationLive     // a release that a roll lists
	RelationTreeRoot // the root of the tree that a roll names
	RelationPrevious // the authority before
	RelationKey      // a key that an authority lists
	RelationSigner   // a key that a signature names
)

var relations = [...]string{
	RelationPayload:            "payload",
	RelationEntry:              "entry",
	RelationArtifact:           "artifact",
	RelationAuthenticode:       "authenticode",
	RelationKernelAuthenticode: "kernel-authenticode",
	RelationInitrd:             "initrd",
	RelationSection:            "section",
	RelationRootHash:           "root-hash",
	RelationModelRoot:          "model-root",
	RelationModelManifest:      "model-manifest",
	RelationResource:           "resource",
	RelationFirmwarePCR:        "firmware-pcr",
	RelationProvenance:         "provenance",
	RelationIdentity:           "identity",
	RelationImage:              "image",
	RelationReinstates:         "reinstates",
	RelationTarget:             "target",
	RelationReplacement:        "replacement",
	RelationLive:               "live",
	RelationTreeRoot:           "tree-root",
	RelationPrevious:           "previous",
	RelationKey:                "key",
	RelationSigner:             "signer",
}

// String returns the relation's name in documents.
func (r Relation) String() string {
	if r == 0 || int(r) >= len(relations) {
		return "unknown"
	}
	return relations[r]
}

// Query selects records. An empty member selects all.
type Query struct {
	Before  uint64 // only indices below; for a further page the last index of the page before
	Limit   int    // at most so many records
	Type    release.Type
	Status  register.Status
	Product string
	Kind    release.Kind
	Name    string
	Channel string
	Version string
	Text    string // a part of product, name or channel, or the beginning of a version
}

// MinPrefix is how many hexadecimal digits a prefix of a digest has at least.
const MinPrefix = 6

// DigestQuery selects mentions of a digest, or of all that begin alike.
type DigestQuery struct {
	Prefix string // MinPrefix to 64 lowercase hexadecimal digits
	Before uint64 // only indices below: the published size
	From   uint64 // only indices from here on; for a further page of one whole digest
	Limit  int    // at most so many matches
}

// Match is one mention of a digest by the entry at an index.
type Match struct {
	Index uint64
	Mention
}
