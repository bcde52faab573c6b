package release

import (
	"crypto/sha256"
	"errors"
	"slices"
)

// profilesOfKind lists the profiles that an image of a kind may have. In mode
// production the first must stand.
var profilesOfKind = map[Kind][]Profile{
	KindOS:       {ProfileTPM2UKI},
	KindModel:    {ProfileVerity, ProfileOMS},
	KindAdapter:  {ProfileVerity, ProfileOMS},
	KindConfig:   {ProfileVerity, ProfileOMS},
	KindFirmware: {ProfileFirmwarePCRs},
}

// readOnlyFileSystems are those of a production model, adapter or config.
var readOnlyFileSystems = []string{"erofs", "squashfs"}

// memberOf returns the path of a profile in a statement, and of a member in it.
func memberOf(profile Profile, member string) string {
	path := "predicate.measurements." + string(profile)
	if member != "" {
		path += "." + member
	}
	return path
}

// CheckImage weighs the values of an image's statement against each other: what
// a kind and mode must have, the digests that must be equal, and the rules of a
// production command line. A statement that parses can still fail here; in a
// log it is then void.
func CheckImage(image *Image) error {
	profiles := profilesOfKind[image.Kind]
	if len(profiles) == 0 {
		return Refuse(CodeValue, "predicate.kind", string(image.Kind), "a kind of image: os, model, adapter, config or firmware")
	}
	stand := image.Measurements.Profiles()
	for _, profile := range stand {
		if !slices.Contains(profiles, profile) {
			return Refuse(CodeProfileKind, memberOf(profile, ""), string(profile), "no such measurements in an image of kind "+string(image.Kind))
		}
	}
	production := image.Mode == ModeProduction
	if production && !slices.Contains(stand, profiles[0]) {
		return Refuse(CodeProfileMissing, "predicate.measurements", "no "+string(profiles[0]), "measurements "+string(profiles[0])+" in an image of kind "+string(image.Kind)+" and mode production")
	}
	if uki := image.Measurements.TPM2UKI; uki != nil {
		if err := checkTPM2UKI(uki, production); err != nil {
			return err
		}
	}
	if verity := image.Measurements.Verity; verity != nil && production && !slices.Contains(readOnlyFileSystems, verity.FileSystem) {
		return Refuse(CodeFileSystem, memberOf(ProfileVerity, "fileSystem"), verity.FileSystem, "erofs or squashfs in an image of mode production")
	}
	return nil
}

// checkTPM2UKI weighs the values of a unified kernel image. Of several faults
// the first in the order below is told.
func checkTPM2UKI(uki *TPM2UKI, production bool) error {
	for _, name := range []string{SectionLinux, SectionCmdline, SectionInitrd} {
		if uki.section(name) == nil {
			return Refuse(CodeSectionMissing, memberOf(ProfileTPM2UKI, "sections"), "no section "+name, "the sections .linux, .cmdline and .initrd")
		}
	}
	// Without a final NUL: what the section holds is the text and nothing more.
	if digest, section := Digest(sha256.Sum256([]byte(uki.Cmdline))), uki.section(SectionCmdline).Digest; digest != section {
		return Refuse(CodeCmdlineDigest, memberOf(ProfileTPM2UKI, "cmdline"), "a text of SHA-256 "+digest.String(), section.String()+", the digest of section .cmdline")
	}
	if section := uki.section(SectionInitrd).Digest; uki.Initrd != section {
		return Refuse(CodeInitrdDigest, memberOf(ProfileTPM2UKI, "initrd"), uki.Initrd.String(), section.String()+", the digest of section .initrd")
	}
	rules, err := cmdlineRules(uki.CmdlineRules)
	if err == nil && production {
		err = CheckCmdline(uki.CmdlineRules, uki.Cmdline)
	}
	if err != nil {
		return inTPM2UKI(err)
	}
	hash, err := rules.rootHash(cmdlineWords(uki.Cmdline))
	if err != nil {
		return inTPM2UKI(err)
	}
	if hash != uki.Root.RootHash {
		return Refuse(CodeRootHash, memberOf(ProfileTPM2UKI, "cmdline"), hash, uki.Root.RootHash+", the rootHash of root")
	}
	return nil
}

// section returns the section of a name, or nil.
func (u *TPM2UKI) section(name string) *Section {
	if i := slices.IndexFunc(u.Sections, func(s Section) bool { return s.Name == name }); i >= 0 {
		return &u.Sections[i]
	}
	return nil
}

// inTPM2UKI completes the member of a refusal of the command line alone.
func inTPM2UKI(err error) error {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		refusal.Member = memberOf(ProfileTPM2UKI, refusal.Member)
	}
	return err
}
