package logtest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/tlog"
)

// Product is what the issuer's images and releases are of.
const Product = "acme/ai"

const day = 24 * time.Hour

// Issuer states and signs entries for one log, with the signers of the recipe:
// roots 2 of 3 (root1 to root3), ci or ci2 for images, releases 2 of 3 (rel1 to
// rel3), wd for withdrawals, roll for rolls. Its methods may be called concurrently.
type Issuer struct {
	tb     testing.TB
	origin string
	// Authority is entry 0, the first version, and Digest that of its payload.
	Authority []byte
	Digest    release.Digest
	issued    time.Time
	made      atomic.Int64
}

// NewIssuer makes the authority of an origin, issued now.
func NewIssuer(tb testing.TB, origin string) *Issuer {
	return NewIssuerAt(tb, origin, time.Now().UTC().Truncate(time.Second))
}

// NewIssuerAt makes the authority of an origin. Everything else is issued at the
// same time.
func NewIssuerAt(tb testing.TB, origin string, at time.Time) *Issuer {
	tb.Helper()
	i := &Issuer{tb: tb, origin: origin, issued: at}
	statement, err := release.NewAuthority(i.State(1))
	if err != nil {
		tb.Fatal(err)
	}
	i.Authority, i.Digest = releasetest.SignStatement(tb, statement, "root1", "root2")
	return i
}

// Issued is when everything is issued.
func (i *Issuer) Issued() time.Time { return i.issued }

// State states a version of the authority. One above 1 follows the first.
func (i *Issuer) State(version int) *release.Authority {
	a := &release.Authority{
		Version: version,
		Issued:  i.issued,
		Origin:  i.origin,
		Expires: i.issued.Add(365 * day),
		Keys:    make(map[release.KeyID]release.Key),
		Roles: []release.Role{
			role(release.RoleRoot, 2, "root1", "root2", "root3"),
			role(release.RoleImage, 1, "ci", "ci2"),
			role(release.RoleRelease, 2, "rel1", "rel2", "rel3"),
			role(release.RoleWithdraw, 1, "wd"),
			role(release.RoleRoll, 1, "roll"),
		},
		Channels: []release.Channel{{Name: "stable", Mode: release.ModeProduction}},
		Limits:   release.Limits{PublishWithinDays: 30, ReleaseDays: 90},
	}
	if version > 1 {
		a.Previous = &i.Digest
	}
	for _, name := range []string{"root1", "root2", "root3", "ci", "ci2", "rel1", "rel2", "rel3", "wd", "roll"} {
		key := releasetest.KeyFromName(name).Key()
		a.Keys[key.ID()] = key
	}
	return a
}

func role(name release.RoleName, threshold int, names ...string) release.Role {
	keys := make([]release.KeyID, len(names))
	for i, name := range names {
		keys[i] = releasetest.KeyFromName(name).Key().ID()
	}
	slices.SortFunc(keys, release.KeyID.Compare)
	return release.Role{Name: name, Keys: keys, Threshold: threshold}
}

// Rotate makes version 2 of the authority, signed by the roots.
func (i *Issuer) Rotate(changes ...func(*release.Authority)) []byte {
	i.tb.Helper()
	return i.RotateSigned([]string{"root1", "root2"}, changes...)
}

// RotateSigned makes version 2 of the authority, signed by the named keys.
func (i *Issuer) RotateSigned(names []string, changes ...func(*release.Authority)) []byte {
	i.tb.Helper()
	a := i.State(2)
	for _, change := range changes {
		change(a)
	}
	statement, err := release.NewAuthority(a)
	return i.sign(statement, err, names...)
}

// Image makes the entry of a model image with a name of its own, signed by ci,
// and its payload digest.
func (i *Issuer) Image(changes ...func(*release.Image)) ([]byte, release.Digest) {
	i.tb.Helper()
	return i.SignImage(i.StateImage(changes...), "ci")
}

// StateImage states a model image with a name of its own.
func (i *Issuer) StateImage(changes ...func(*release.Image)) *release.Image {
	number := i.made.Add(1)
	image := &release.Image{
		Issued:          i.issued,
		Authority:       i.Digest,
		Product:         Product,
		Kind:            release.KindModel,
		Name:            fmt.Sprintf("model-%d", number),
		Version:         "1",
		SecurityVersion: 1,
		Mode:            release.ModeProduction,
		Measurements:    release.Measurements{Verity: releasetest.Verity(fmt.Sprint("root of ", number))},
		Artifacts: []release.Artifact{{Name: "model.erofs", Digest: sha256.Sum256(fmt.Append(nil, "file ", number)), Size: 4096,
			MediaType: "application/octet-stream", URLs: []string{"https://dl.example/model.erofs"}}},
		PublishBy: i.issued.Add(10 * day),
	}
	for _, change := range changes {
		change(image)
	}
	return image
}

// OS turns an image into one of an operating system.
func OS(image *release.Image) {
	image.Kind = release.KindOS
	image.Measurements = release.Measurements{TPM2UKI: releasetest.UKI(releasetest.Verity("root"))}
}

// SignImage signs an image with the named keys.
func (i *Issuer) SignImage(image *release.Image, names ...string) ([]byte, release.Digest) {
	i.tb.Helper()
	statement, err := release.NewImage(image)
	entry := i.sign(statement, err, names...)
	return entry, PayloadDigest(i.tb, entry)
}

// StateRelease states a release of images.
func (i *Issuer) StateRelease(version string, images ...release.Digest) *release.Release {
	return &release.Release{
		Issued:    i.issued,
		Authority: i.Digest,
		Product:   Product,
		Channel:   "stable",
		Version:   version,
		NotAfter:  i.issued.Add(60 * day),
		Images:    slices.SortedFunc(slices.Values(images), release.Digest.Compare),
	}
}

// Release makes the entry of a release, signed by rel1 and rel2, and its payload
// digest.
func (i *Issuer) Release(version string, images ...release.Digest) ([]byte, release.Digest) {
	i.tb.Helper()
	return i.SignRelease(i.StateRelease(version, images...), "rel1", "rel2")
}

// SignRelease signs a release with the named keys.
func (i *Issuer) SignRelease(r *release.Release, names ...string) ([]byte, release.Digest) {
	i.tb.Helper()
	statement, err := release.NewRelease(r)
	entry := i.sign(statement, err, names...)
	return entry, PayloadDigest(i.tb, entry)
}

// Withdrawal makes the entry that takes a target back, signed by wd.
func (i *Issuer) Withdrawal(target release.Digest, changes ...func(*release.Withdrawal)) []byte {
	i.tb.Helper()
	withdrawal := &release.Withdrawal{Issued: i.issued, Authority: i.Digest, Product: Product, Target: target, Reason: release.ReasonVulnerability}
	for _, change := range changes {
		change(withdrawal)
	}
	statement, err := release.NewWithdrawal(withdrawal)
	return i.sign(statement, err, "wd")
}

// Roll makes the entry that says what is live at a checkpoint, signed by roll.
func (i *Issuer) Roll(at tlog.Checkpoint, live []release.Digest, changes ...func(*release.Roll)) []byte {
	i.tb.Helper()
	roll := &release.Roll{Issued: i.issued, Authority: i.Digest, Product: Product, Origin: i.origin, Size: at.Size, Root: release.Digest(at.Root),
		Live: slices.SortedFunc(slices.Values(live), release.Digest.Compare), Rules: release.RollRules}
	for _, change := range changes {
		change(roll)
	}
	statement, err := release.NewRoll(roll)
	return i.sign(statement, err, "roll")
}

func (i *Issuer) sign(statement *release.Statement, err error, names ...string) []byte {
	i.tb.Helper()
	if err != nil {
		i.tb.Fatal(err)
	}
	entry, _ := releasetest.SignStatement(i.tb, statement, names...)
	return entry
}

// PayloadDigest is that of an entry.
func PayloadDigest(tb testing.TB, entry []byte) release.Digest {
	tb.Helper()
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		tb.Fatal(err)
	}
	return envelope.PayloadDigest()
}
