package measure

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// OSOptions says what an operating system is measured from.
type OSOptions struct {
	UKI    string        // the unified kernel image as it lies on the boot partition
	Root   VerityOptions // the root file system under dm-verity
	Phases []string      // the boot phases that user space measures into PCR 11 before the node serves, in order
	Mode   release.Mode  // production: the command line must pass the rules of production
}

// OSResult is what an operating system was measured as.
type OSResult struct {
	Measurement release.TPM2UKI
	Artifacts   []release.Artifact // the unified kernel image, and the files of the root
	// Cmdline is why the command line would be refused in mode production; nil
	// if it would not. In mode production it is the error of OS instead.
	Cmdline error
	// Unaligned tells that the unified kernel image is not signed and not a
	// multiple of 8 bytes long: tools pad it before they sign, and a padded image
	// has another Authenticode digest. Sign first, then measure.
	Unaligned bool
}

// phases are the words of systemd-pcrphase.service up to a running system, in the
// order in which they are reached. shutdown and final come when nothing is served.
var phases = []string{"enter-initrd", "leave-initrd", "sysinit", "ready"}

// OS measures a unified kernel image and its root file system. The root hash is
// computed from all data of the root file system, and must be the command line's.
func OS(ctx context.Context, o OSOptions, report progress.Reporter) (*OSResult, error) {
	if err := checkPhases(o.Phases); err != nil {
		return nil, err
	}
	if err := checkArtifactName(o.UKI); err != nil {
		return nil, err
	}
	file, err := open(o.UKI)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	result, err := measureUKI(ctx, file, report)
	if err != nil {
		return nil, at(o.UKI, file.truncated(err))
	}
	if err := file.unchanged(); err != nil {
		return nil, err
	}
	m := &result.Measurement
	m.Phases = slices.Clone(o.Phases)

	// The command line is cheap to judge, the root is not.
	result.Cmdline = release.CheckCmdline(m.CmdlineRules, m.Cmdline)
	if result.Cmdline != nil && o.Mode == release.ModeProduction {
		return nil, result.Cmdline
	}
	stated, err := release.RootHash(m.Cmdline)
	if err != nil {
		return nil, err
	}
	root, err := Verity(ctx, o.Root, report)
	if err != nil {
		return nil, err
	}
	if stated != root.Measurement.RootHash {
		return nil, release.Refuse(release.CodeRootHash, "cmdline", stated, root.Measurement.RootHash+", the root hash of "+quotePath(o.Root.Image))
	}
	m.Root = root.Measurement
	result.Artifacts = append(result.Artifacts, root.Artifacts...)
	return result, nil
}

// measureUKI takes all values that the unified kernel image alone gives.
func measureUKI(ctx context.Context, file *source, report progress.Reporter) (*OSResult, error) {
	image, err := parseUKI(file, file.size())
	if err != nil {
		return nil, err
	}
	linux := image.section(release.SectionLinux)
	kernel, err := parsePE(image.content(linux), linux.virtualSize)
	if err != nil {
		return nil, refuse(CodeUKI, "join the image with a kernel that has an EFI stub (bzImage)", "the kernel in section .linux: %w", err)
	}
	if kernel.majorImageVersion < 1 {
		return nil, refuse(CodeUKI, "take a kernel of version 5.8 or later", "the kernel's EFI stub is older than version 1.0: firmware never measures such a kernel")
	}

	result := &OSResult{
		Measurement: release.TPM2UKI{
			Stub: image.stub, Cmdline: image.cmdline, CmdlineRules: release.CmdlineRulesVersion,
			PCR9: slices.Clone(image.rules.pcr9), KernelMeasured: image.rules.kernelMeasured,
		},
		Unaligned: image.certificates == 0 && image.size%8 != 0,
	}
	m := &result.Measurement
	var measured []*peSection
	total := 2*image.size + kernel.size
	for _, name := range image.rules.measured {
		if section := image.section(name); section != nil {
			measured = append(measured, section)
			m.Sections = append(m.Sections, release.Section{Name: name})
			total += section.virtualSize
		}
	}

	report.Start("unified kernel image", total)
	defer report.Done()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers())
	group.Go(func() (err error) {
		m.Authenticode, err = image.authenticode(ctx, report)
		return err
	})
	group.Go(func() error {
		artifact, err := artifactOf(ctx, file, MediaTypeEFI, report)
		result.Artifacts = []release.Artifact{artifact}
		return err
	})
	group.Go(func() (err error) {
		m.KernelAuthenticode, err = kernel.authenticode(ctx, report)
		return err
	})
	for i, section := range measured {
		group.Go(func() (err error) {
			m.Sections[i].Digest, err = newStream().sum(ctx, image.content(section), 0, section.virtualSize, report)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, section := range m.Sections {
		if section.Name == release.SectionInitrd {
			m.Initrd = section.Digest
		}
	}
	return result, nil
}

func checkPhases(given []string) error {
	next := 0
	for _, phase := range given {
		i := slices.Index(phases, phase)
		if i < next {
			return &Error{Code: CodePhases, Hint: "name the phases that really run before the node serves: sysinit:ready, or enter-initrd:leave-initrd:sysinit:ready with systemd in the initrd; none where systemd-pcrphase is masked",
				Err: errors.New("boot phases " + quoteWords(given) + ", want some of " + quoteWords(phases) + " in this order")}
		}
		next = i + 1
	}
	return nil
}
