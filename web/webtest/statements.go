package webtest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
)

const day = 24 * time.Hour

// Product is what the images and releases of a site are of.
const Product = "acme/ai"

func hash(text string) release.Digest { return sha256.Sum256([]byte(text)) }

// authority states version 1: two of three roots, a key for images, two of
// three people for releases, a key for withdrawals, one for rolls.
func (s *Site) authority() *release.Authority {
	authority := &release.Authority{
		Version:  1,
		Issued:   Start.Add(-day),
		Origin:   Origin,
		Expires:  Start.Add(365 * day),
		Keys:     make(map[release.KeyID]release.Key),
		Channels: []release.Channel{{Name: "lab", Mode: release.ModeResearch}, {Name: "stable", Mode: release.ModeProduction}},
		Limits:   release.Limits{PublishWithinDays: 30, ReleaseDays: 90},
	}
	for _, role := range []struct {
		name      release.RoleName
		threshold int
		keys      []string
	}{
		{release.RoleRoot, 2, []string{"root1", "root2", "root3"}},
		{release.RoleImage, 1, []string{"ci"}},
		{release.RoleRelease, 2, []string{"rel1", "rel2", "rel3"}},
		{release.RoleWithdraw, 1, []string{"wd"}},
		{release.RoleRoll, 1, []string{"roll"}},
	} {
		var ids []release.KeyID
		for _, name := range role.keys {
			key := releasetest.KeyFromName(name).Key()
			authority.Keys[key.ID()] = key
			ids = append(ids, key.ID())
		}
		slices.SortFunc(ids, release.KeyID.Compare)
		authority.Roles = append(authority.Roles, release.Role{Name: role.name, Keys: ids, Threshold: role.threshold})
	}
	return authority
}

// NextAuthority states the version that follows the one in force, with the keys
// and roles of version 1.
func (s *Site) NextAuthority(changes ...func(*release.Authority)) *release.Authority {
	s.Helper()
	next := s.authority()
	s.Log.View(func(state *register.State) {
		current, digest := state.Authority()
		next.Version, next.Previous, next.Issued = current.Version+1, &digest, s.Now()
	})
	for _, change := range changes {
		change(next)
	}
	return next
}

// Rotate logs the version that follows the one in force, under which everything
// is stated from then on.
func (s *Site) Rotate(changes ...func(*release.Authority)) uint64 {
	s.Helper()
	entry, digest := s.Sign(s.NextAuthority(changes...))
	index := s.Submit(entry)
	s.InForce = digest
	return index
}

// Roll states what is live at the newest checkpoint.
func (s *Site) Roll() *release.Roll {
	s.Helper()
	newest, ok := s.Log.Checkpoint()
	if !ok {
		s.Fatal("nothing is published yet")
	}
	roll := &release.Roll{Issued: s.Now(), Authority: s.InForce, Product: Product, Origin: Origin, Size: newest.Checkpoint.Size, Root: release.Digest(newest.Checkpoint.Root), Rules: release.RollRules}
	s.Log.View(func(state *register.State) {
		live, _ := state.LiveAt(Product, roll.Size)
		for _, entry := range live {
			roll.Live = append(roll.Live, entry.Digest)
		}
	})
	return roll
}

// Sign makes the entry of a statement, signed by the usual keys of its type or
// by those named, and returns it with its payload digest.
func (s *Site) Sign(predicate release.Predicate, signers ...string) ([]byte, release.Digest) {
	s.Helper()
	return s.sign(predicate, signers...)
}

func (s *Site) sign(predicate release.Predicate, signers ...string) ([]byte, release.Digest) {
	s.Helper()
	var statement *release.Statement
	var usual []string
	var err error
	switch stated := predicate.(type) {
	case *release.Authority:
		statement, err = release.NewAuthority(stated)
		usual = []string{"root1", "root2"}
	case *release.Image:
		statement, err = release.NewImage(stated)
		usual = []string{"ci"}
	case *release.Release:
		statement, err = release.NewRelease(stated)
		usual = []string{"rel1", "rel2"}
	case *release.Withdrawal:
		statement, err = release.NewWithdrawal(stated)
		usual = []string{"wd"}
	case *release.Roll:
		statement, err = release.NewRoll(stated)
		usual = []string{"roll"}
	default:
		s.Fatalf("no entry for %T", predicate)
	}
	if err != nil {
		s.Fatal(err)
	}
	if len(signers) == 0 {
		signers = usual
	}
	return releasetest.SignStatement(s.TB, statement, signers...)
}

// Model states an image of kind model.
func (s *Site) Model(name, version string) *release.Image {
	verity := verity("model " + name + version)
	return &release.Image{Issued: s.Now(), Authority: s.InForce, Product: Product, Kind: release.KindModel, Name: name, Version: version, SecurityVersion: 1,
		Mode: release.ModeProduction, PublishBy: s.Now().Add(10 * day),
		Measurements: release.Measurements{Verity: &verity, OMS: &release.OMS{Root: hash("model root"), Resources: []release.Resource{
			{Name: "config.json", Digest: hash("config.json")}, {Name: "model.safetensors", Digest: hash("weights " + version)}}}},
		Artifacts: []release.Artifact{{Name: name + ".erofs", Digest: hash("file " + name + version), Size: 13 << 30, MediaType: "application/octet-stream", URLs: []string{"https://dl.example/" + name + ".erofs"}}}}
}

// OS states an image of kind os.
func (s *Site) OS(name, version string) *release.Image {
	root := verity("root " + name + version)
	cmdline := "roothash=" + root.RootHash + " systemd.import_credentials=no systemd.gpt_auto=0 rd.systemd.gpt_auto=0 rd.shell=0 rd.emergency=halt noresume lockdown=confidentiality module.sig_enforce=1"
	return &release.Image{Issued: s.Now(), Authority: s.InForce, Product: Product, Kind: release.KindOS, Name: name, Version: version, SecurityVersion: 7,
		Mode: release.ModeProduction, PublishBy: s.Now().Add(10 * day),
		Measurements: release.Measurements{TPM2UKI: &release.TPM2UKI{
			Authenticode: hash("uki " + version), KernelAuthenticode: hash("kernel"), Stub: "systemd-stub 252",
			Sections: []release.Section{{Name: release.SectionLinux, Digest: hash("linux")}, {Name: release.SectionCmdline, Digest: hash(cmdline)}, {Name: release.SectionInitrd, Digest: hash("initrd")}},
			Cmdline:  cmdline, CmdlineRules: 1, Initrd: hash("initrd"), PCR9: []string{release.PCR9Cmdline, release.PCR9Initrd},
			KernelMeasured: release.KernelMeasuredWithoutSecureBoot, Phases: []string{}, Root: root}},
		Artifacts: []release.Artifact{
			{Name: name + ".efi", Digest: hash("efi " + version), Size: 41 << 20, MediaType: "application/octet-stream", URLs: []string{"https://dl.example/" + name + ".efi"}},
			{Name: name + ".root", Digest: hash("root file " + version), Size: 620 << 20, MediaType: "application/octet-stream", URLs: []string{"https://dl.example/" + name + ".root"}}}}
}

func verity(of string) release.Verity {
	return release.Verity{RootHash: hash(of).String(), Salt: hash("salt " + of).String(), DataBlockSize: 4096, HashBlockSize: 4096, DataBlocks: 25600,
		HashOffset: 104857600, Algorithm: release.VeritySHA256, FileSystem: "erofs"}
}

// Release states a release of images in the channel stable.
func (s *Site) Release(version string, images ...release.Digest) *release.Release {
	return &release.Release{Issued: s.Now(), Authority: s.InForce, Product: Product, Channel: "stable", Version: version, NotAfter: s.Now().Add(60 * day),
		Images: slices.SortedFunc(slices.Values(images), release.Digest.Compare)}
}

// Withdrawal states a withdrawal.
func (s *Site) Withdrawal(target release.Digest) *release.Withdrawal {
	s.made++
	return &release.Withdrawal{Issued: s.Now(), Authority: s.InForce, Product: Product, Target: target, Reason: release.ReasonVulnerability, Note: fmt.Sprintf("withdrawal %d", s.made)}
}

// Recipe logs an OS image, a model, and a release of both, and returns their
// payload digests. Their entries are 1, 2 and 3 of a new site.
func (s *Site) Recipe() (os, model, approved release.Digest) {
	s.Helper()
	osEntry, os := s.Sign(s.OS("node-os", "1.4.0"))
	modelEntry, model := s.Sign(s.Model("llama", "3.1"))
	s.Submit(osEntry)
	s.Submit(modelEntry)
	entry, approved := s.Sign(s.Release("2026.11", os, model))
	s.Submit(entry)
	return os, model, approved
}
