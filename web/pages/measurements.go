package pages

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-log/muster/release"
)

// measurementView is one evidence profile of an image: what its values cover,
// in a sentence, and the values.
type measurementView struct {
	Profile string
	Covers  string
	Values  []valueView
	More    int // values that are not shown
}

type valueView struct {
	Name  string
	Value string
	Long  bool // a digest, or a text that is read letter by letter
}

// maxValues bounds the values of one profile on the page: a model may have
// thousands of files. The raw statement has them all.
const maxValues = 200

func measurementsOf(m release.Measurements) []measurementView {
	var views []measurementView
	if m.TPM2UKI != nil {
		views = append(views, tpm2UKI(m.TPM2UKI))
	}
	if m.Verity != nil {
		views = append(views, measurementView{Profile: string(release.ProfileVerity), Values: verityValues(*m.Verity),
			Covers: "What a node may load: the kernel checks every block it reads against this root hash, so a changed block is an error and never other content. It does not say how the content came about."})
	}
	if m.OMS != nil {
		views = append(views, modelFiles(m.OMS))
	}
	if m.FirmwarePCRs != nil {
		views = append(views, firmware(m.FirmwarePCRs))
	}
	return views
}

func tpm2UKI(m *release.TPM2UKI) measurementView {
	view := measurementView{Profile: string(release.ProfileTPM2UKI),
		Covers: "What booted: from these values a verifier computes what a TPM must have measured for exactly this kernel, command line and initial file system, and nothing in front of them. It does not cover what is loaded after boot."}
	digest := func(name string, d release.Digest) {
		view.Values = append(view.Values, valueView{name, d.String(), true})
	}
	digest("Authenticode digest of the image", m.Authenticode)
	digest("Authenticode digest of its kernel", m.KernelAuthenticode)
	for _, section := range m.Sections {
		digest("Section "+section.Name, section.Digest)
	}
	digest("Initial file system", m.Initrd)
	view.Values = append(view.Values,
		valueView{"Command line", m.Cmdline, true},
		valueView{"Rules of the command line", "version " + strconv.Itoa(m.CmdlineRules), false},
		valueView{"Boot stub", m.Stub, false},
		valueView{"Events of PCR 9", strings.Join(m.PCR9, ", "), false},
		valueView{"Kernel measured by firmware", m.KernelMeasured, false},
		valueView{"Boot phases measured", orNone(m.Phases), false})
	for _, value := range verityValues(m.Root) {
		value.Name = "Root file system: " + strings.ToLower(value.Name)
		view.Values = append(view.Values, value)
	}
	return view
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func verityValues(v release.Verity) []valueView {
	salt := valueView{"Salt", v.Salt, true}
	if v.Salt == "" {
		salt = valueView{"Salt", "none", false}
	}
	return []valueView{
		{"Root hash", v.RootHash, true},
		salt,
		{"Data", fmt.Sprintf("%d blocks of %d bytes, %s", v.DataBlocks, v.DataBlockSize, v.FileSystem), false},
		{"Hash tree", fmt.Sprintf("%s, blocks of %d bytes, from byte %d", v.Algorithm, v.HashBlockSize, v.HashOffset), false},
	}
}

func modelFiles(m *release.OMS) measurementView {
	view := measurementView{Profile: string(release.ProfileOMS),
		Covers: "What people compare: the files of the model as OpenSSF Model Signing digests them. Nodes do not check it, and the root alone does not cover the files' names; the list does."}
	view.Values = append(view.Values, valueView{"Root", m.Root.String(), true})
	if m.Manifest != nil {
		view.Values = append(view.Values, valueView{"Manifest", m.Manifest.String(), true})
	}
	shown := min(len(m.Resources), maxValues)
	for _, resource := range m.Resources[:shown] {
		view.Values = append(view.Values, valueView{"File " + resource.Name, resource.Digest.String(), true})
	}
	view.More = len(m.Resources) - shown
	return view
}

func firmware(m *release.FirmwarePCRs) measurementView {
	view := measurementView{Profile: string(release.ProfileFirmwarePCRs),
		Covers: "What the firmware may have measured about itself, as it was seen on running machines. It covers only boards and settings that were seen, and does not say that the firmware is good."}
	for _, pcr := range slices.Sorted(maps.Keys(m.PCRs)) {
		for _, value := range m.PCRs[pcr] {
			if len(view.Values) == maxValues {
				view.More++
				continue
			}
			view.Values = append(view.Values, valueView{"PCR " + strconv.Itoa(pcr), value.String(), true})
		}
	}
	view.Values = append(view.Values, valueView{"Found by", m.Basis, false})
	return view
}
