package releasetest

import (
	"crypto/sha256"

	"github.com/muster-log/muster/release"
)

// Verity returns the values of an erofs image of 100 MiB under dm-verity. The
// root hash is the SHA-256 of the name.
func Verity(name string) *release.Verity {
	return &release.Verity{
		RootHash:      release.Digest(sha256.Sum256([]byte(name))).String(),
		Salt:          "00",
		DataBlockSize: 4096,
		HashBlockSize: 4096,
		DataBlocks:    25600,
		HashOffset:    104857600,
		Algorithm:     release.VeritySHA256,
		FileSystem:    "erofs",
	}
}

// UKI returns the values of a unified kernel image that boots a root file system.
// Its command line passes the rules of mode production, version 1; the digests
// are of short words.
func UKI(root *release.Verity) *release.TPM2UKI {
	cmdline := "roothash=" + root.RootHash + " systemd.import_credentials=no systemd.gpt_auto=0 rd.systemd.gpt_auto=0 rd.shell=0 rd.emergency=halt noresume lockdown=confidentiality module.sig_enforce=1"
	return &release.TPM2UKI{
		Authenticode:       sha256.Sum256([]byte("uki")),
		KernelAuthenticode: sha256.Sum256([]byte("kernel")),
		Stub:               "systemd-stub 252",
		Sections: []release.Section{
			{Name: release.SectionLinux, Digest: sha256.Sum256([]byte("kernel"))},
			{Name: release.SectionCmdline, Digest: sha256.Sum256([]byte(cmdline))},
			{Name: release.SectionInitrd, Digest: sha256.Sum256([]byte("initrd"))},
		},
		Cmdline:        cmdline,
		CmdlineRules:   1,
		Initrd:         sha256.Sum256([]byte("initrd")),
		PCR9:           []string{release.PCR9Cmdline, release.PCR9Initrd},
		KernelMeasured: release.KernelMeasuredWithoutSecureBoot,
		Phases:         []string{},
		Root:           *root,
	}
}
