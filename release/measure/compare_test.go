package measure

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

// newOSImage makes the files of an operating system and its statement, as a
// signer would.
func newOSImage(tb testing.TB) (*release.Image, []string) {
	tb.Helper()
	root, hash := newRoot(tb)
	uki := writeFile(tb, "os.efi", newUKI(tb, "roothash="+hash+hardened))
	got, err := OS(context.Background(), OSOptions{UKI: uki, Root: VerityOptions{Image: root, Offset: FindOffset}, Phases: []string{"sysinit"}, Mode: release.ModeProduction}, progress.None())
	if err != nil {
		tb.Fatal(err)
	}
	return &release.Image{Kind: release.KindOS, Mode: release.ModeProduction, Measurements: release.Measurements{TPM2UKI: &got.Measurement}, Artifacts: got.Artifacts}, []string{uki, root}
}

// newModelImage makes the image of a model and its statement.
func newModelImage(tb testing.TB, files map[string]string) (*release.Image, []string) {
	tb.Helper()
	path := writeFile(tb, "model.img", nil)
	got, err := Model(context.Background(), ModelOptions{Dir: newModel(tb, files), Image: path, Replace: true, Salt: []byte{7}}, progress.None())
	if err != nil {
		tb.Fatal(err)
	}
	return &release.Image{Kind: release.KindModel, Mode: release.ModeProduction, Artifacts: got.Image.Artifacts,
		Measurements: release.Measurements{Verity: &got.Image.Measurement, OMS: &got.OMS}}, []string{path}
}

func compare(tb testing.TB, image *release.Image, paths []string) *Comparison {
	tb.Helper()
	got, err := Compare(context.Background(), image, paths, progress.None())
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// members of differences, each once.
func members(c *Comparison) []string {
	var list []string
	for _, d := range c.Differences {
		if !slices.Contains(list, d.Member) {
			list = append(list, d.Member)
		}
	}
	return list
}

func TestCompareOS(t *testing.T) {
	image, paths := newOSImage(t)
	got := compare(t, image, paths)
	if len(got.Differences) > 0 {
		t.Fatalf("differences: %+v", got.Differences)
	}
	const uki = "predicate.measurements.tpm2-uki/v1."
	want := []string{uki + "authenticode", uki + "kernelAuthenticode", uki + "kernelMeasured", uki + "stub", uki + "cmdline", uki + "initrd", uki + "pcr9", uki + "sections",
		uki + "sections[0]", uki + "sections[1]", uki + "sections[2]", uki + "sections[3]",
		uki + "root.rootHash", uki + "root.salt", uki + "root.algorithm", uki + "root.dataBlockSize", uki + "root.hashBlockSize", uki + "root.dataBlocks", uki + "root.hashOffset", uki + "root.fileSystem",
		"predicate.artifacts[0].size", "predicate.artifacts[0].sha256", "predicate.artifacts[1].size", "predicate.artifacts[1].sha256"}
	if diff := cmp.Diff(want, got.Agreed); diff != "" {
		t.Errorf("-want +agreed\n%s", diff)
	}
	if len(got.NotMeasured) != 2 || got.NotMeasured[0].Member != uki+"phases" || got.NotMeasured[1].Member != uki+"cmdlineRules" {
		t.Errorf("not measured are %+v", got.NotMeasured)
	}

	// In the other order, and under another file name and media type, it is the same.
	image.Artifacts[0], image.Artifacts[1] = image.Artifacts[1], image.Artifacts[0]
	image.Artifacts[1].MediaType = MediaTypeFile
	if got := compare(t, image, []string{paths[1], paths[0]}); len(got.Differences) > 0 {
		t.Errorf("differences: %+v", got.Differences)
	}
}

// TestCompareOSDiffers: a change of any stated value is told by its member.
func TestCompareOSDiffers(t *testing.T) {
	const uki = "predicate.measurements.tpm2-uki/v1."
	other := sha([]byte("other"))
	tests := map[string]func(*release.TPM2UKI){
		uki + "authenticode":       func(m *release.TPM2UKI) { m.Authenticode = other },
		uki + "kernelAuthenticode": func(m *release.TPM2UKI) { m.KernelAuthenticode = other },
		uki + "kernelMeasured":     func(m *release.TPM2UKI) { m.KernelMeasured = "never" },
		uki + "stub":               func(m *release.TPM2UKI) { m.Stub = "systemd-stub 255" },
		uki + "cmdline":            func(m *release.TPM2UKI) { m.Cmdline += " quiet" },
		uki + "initrd":             func(m *release.TPM2UKI) { m.Initrd = other },
		uki + "pcr9":               func(m *release.TPM2UKI) { m.PCR9 = []string{"initrd", "cmdline"} },
		uki + "sections":           func(m *release.TPM2UKI) { m.Sections = m.Sections[:3] },
		uki + "sections[1]":        func(m *release.TPM2UKI) { m.Sections[1].Digest = other },
		uki + "root.rootHash":      func(m *release.TPM2UKI) { m.Root.RootHash = other.String() },
		uki + "root.salt":          func(m *release.TPM2UKI) { m.Root.Salt = "00" },
		uki + "root.dataBlocks":    func(m *release.TPM2UKI) { m.Root.DataBlocks++ },
		uki + "root.dataBlockSize": func(m *release.TPM2UKI) { m.Root.DataBlockSize = 512 },
		uki + "root.hashBlockSize": func(m *release.TPM2UKI) { m.Root.HashBlockSize = 8192 },
		uki + "root.hashOffset":    func(m *release.TPM2UKI) { m.Root.HashOffset = 1 << 50 },
		uki + "root.fileSystem":    func(m *release.TPM2UKI) { m.Root.FileSystem = "squashfs" },
		uki + "root.algorithm":     func(m *release.TPM2UKI) { m.Root.Algorithm = "sha512" },
	}
	for want, change := range tests {
		t.Run(want, func(t *testing.T) {
			image, paths := newOSImage(t)
			change(image.Measurements.TPM2UKI)
			if got := compare(t, image, paths); len(got.Differences) == 0 || !slices.Equal(members(got), []string{want}) {
				t.Errorf("got differences %+v, want %s", got.Differences, want)
			}
		})
	}
}

// TestCompareFiles: bytes that are not those of the statement are told, in the
// digest and in what they were measured as.
func TestCompareOSFiles(t *testing.T) {
	const profile = "predicate.measurements.tpm2-uki/v1"
	tests := []struct {
		name   string
		change func(t *testing.T, paths []string)
		want   []string
		says   string
	}{
		{"a byte of the kernel", func(t *testing.T, paths []string) {
			flip(t, paths[0], bytes.LastIndex(readAll(t, paths[0]), []byte("kernel ")))
		}, []string{profile + ".authenticode", profile + ".kernelAuthenticode", profile + ".sections[0]", "predicate.artifacts[0].sha256"}, ""},
		{"a byte of the root", func(t *testing.T, paths []string) { flip(t, paths[1], 5000) },
			[]string{profile + ".root", "predicate.artifacts[1].sha256"}, "is not that of the data"},
		{"a root that is cut off", func(t *testing.T, paths []string) { truncate(t, paths[1], 50_000) },
			[]string{profile + ".root", "predicate.artifacts[1].size", "predicate.artifacts[1].sha256"}, "no artifact holds an erofs"},
		{"no unified kernel image", func(t *testing.T, paths []string) { truncate(t, paths[0], 1) },
			[]string{profile, "predicate.artifacts[0].size", "predicate.artifacts[0].sha256"}, "no artifact is one"},
		{"a PE image that is none", func(t *testing.T, paths []string) { truncate(t, paths[0], 100) },
			[]string{profile, "predicate.artifacts[0].size", "predicate.artifacts[0].sha256"}, ""},
		{"no superblock", func(t *testing.T, paths []string) {
			flip(t, paths[1], bytes.Index(readAll(t, paths[1]), superblockMagic))
		}, []string{profile + ".root", "predicate.artifacts[1].sha256"}, "no dm-verity superblock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			image, paths := newOSImage(t)
			tt.change(t, paths)
			got := compare(t, image, paths)
			if !slices.Equal(members(got), tt.want) {
				t.Errorf("got differences %+v\nwant %q", got.Differences, tt.want)
			}
			if said := got.Differences; !slices.ContainsFunc(said, func(d Difference) bool { return strings.Contains(d.Measured, tt.says) }) {
				t.Errorf("got %+v, want %q in one", said, tt.says)
			}
		})
	}
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	data := readAll(t, path)
	data[at] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// TestCompareCandidates: of several artifacts of a kind, the one that agrees counts.
func TestCompareCandidates(t *testing.T) {
	image, paths := newOSImage(t)
	for _, other := range []struct {
		name string
		data []byte
	}{{"shim.efi", newKernel()}, {"data.img", newErofs(t, 10)}, {"README", []byte("MZ")}, {"empty", nil}, {"tree", append(bytes.Clone(superblockMagic), 1)}} {
		path := writeFile(t, other.name, other.data)
		paths = append([]string{path}, paths...)
		image.Artifacts = append([]release.Artifact{{Name: other.name, Digest: sha(other.data), Size: uint64(len(other.data)), MediaType: MediaTypeFile}}, image.Artifacts...)
	}
	if got := compare(t, image, paths); len(got.Differences) > 0 {
		t.Errorf("differences: %+v", got.Differences)
	}
	// And however many there are, the work is bounded.
	for range maxCandidates {
		paths = append([]string{paths[3]}, paths...)
		image.Artifacts = append([]release.Artifact{image.Artifacts[3]}, image.Artifacts...)
	}
	if got := compare(t, image, paths); len(got.Differences) == 0 {
		t.Error("more artifacts than are tried agree")
	}
}

// TestCompareTrees: a hash tree in a file of its own, and one at another place than
// behind the file system, are found.
func TestCompareTrees(t *testing.T) {
	data := newErofs(t, 50_000)
	path := writeFile(t, "root.img", data)
	tree := path + ".verity"
	if _, err := FormatVerity(context.Background(), FormatOptions{Image: path, Hash: tree}, progress.None()); err != nil {
		t.Fatal(err)
	}
	apart, err := Verity(context.Background(), VerityOptions{Image: path, Hash: tree, Offset: FindOffset}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	image := &release.Image{Kind: release.KindModel, Artifacts: apart.Artifacts, Measurements: release.Measurements{Verity: &apart.Measurement}}
	if got := compare(t, image, []string{path, tree}); len(got.Differences) > 0 || len(got.Agreed) != 12 {
		t.Errorf("got %+v", got)
	}

	// 64 KiB behind the file system.
	behind := slices.Concat(data, make([]byte, 64<<10), readAll(t, tree))
	far := writeFile(t, "far.img", behind)
	placed, err := Verity(context.Background(), VerityOptions{Image: far, Offset: int64(len(data)) + 64<<10}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	image = &release.Image{Kind: release.KindModel, Artifacts: placed.Artifacts, Measurements: release.Measurements{Verity: &placed.Measurement}}
	if got := compare(t, image, []string{far}); len(got.Differences) > 0 {
		t.Errorf("differences: %+v", got.Differences)
	}
}

var modelFiles = map[string]string{"config.json": "{}", "weights/0": strings.Repeat("w", 9000), "weights/1": "", "weights.index": "i"}

func TestCompareModel(t *testing.T) {
	const oms = "predicate.measurements.oms/v1."
	image, paths := newModelImage(t, modelFiles)
	got := compare(t, image, paths)
	if len(got.Differences) > 0 || len(got.NotMeasured) != 0 || !slices.Contains(got.Agreed, oms+"resources") || !slices.Contains(got.Agreed, oms+"root") {
		t.Fatalf("got %+v", got)
	}
	digest := func(text string) release.Digest { return sha([]byte(text)) }
	tests := []struct {
		name   string
		change func(*release.OMS)
		want   []string
		stated []string // of the resources
	}{
		{"a file changed", func(m *release.OMS) { m.Resources[1].Digest = digest("x") }, []string{oms + "resources"}, []string{"weights/0 " + digest("x").String()}},
		{"a file is not there", func(m *release.OMS) {
			m.Resources = append(m.Resources, release.Resource{Name: "z", Digest: digest("z")})
		}, []string{oms + "resources"}, []string{"z " + digest("z").String()}},
		{"a file is too many", func(m *release.OMS) { m.Resources = m.Resources[1:] }, []string{oms + "resources"}, []string{"no file config.json"}},
		{"a file has another name", func(m *release.OMS) { m.Resources[0].Name = "a" }, []string{oms + "resources"}, []string{"a " + digest("{}").String(), "no file config.json"}},
		{"another root", func(m *release.OMS) { m.Root = digest("r") }, []string{oms + "root"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			image, paths := newModelImage(t, modelFiles)
			tt.change(image.Measurements.OMS)
			got := compare(t, image, paths)
			if !slices.Equal(members(got), tt.want) {
				t.Fatalf("got %+v", got.Differences)
			}
			var stated []string
			for _, d := range got.Differences {
				if d.Member == oms+"resources" {
					stated = append(stated, d.Stated)
				}
			}
			if !slices.Equal(stated, tt.stated) {
				t.Errorf("got %q, want %q", stated, tt.stated)
			}
		})
	}

	// The list beside the log is compared by its digest.
	list, err := release.OMSManifest(image.Measurements.OMS.Root, image.Measurements.OMS.Resources)
	if err != nil {
		t.Fatal(err)
	}
	manifest := sha(list)
	image.Measurements.OMS = &release.OMS{Root: image.Measurements.OMS.Root, Manifest: &manifest}
	if got := compare(t, image, paths); len(got.Differences) > 0 || !slices.Contains(got.Agreed, oms+"manifest") {
		t.Errorf("got %+v", got)
	}
	manifest = sha(nil)
	if got := compare(t, image, paths); !slices.Equal(members(got), []string{oms + "manifest"}) {
		t.Errorf("got %+v", got.Differences)
	}

	// An image whose files cannot be listed is compared by its tree alone, and says so.
	image, paths = newModelImage(t, modelFiles)
	data := readAll(t, paths[0])
	binary.LittleEndian.PutUint32(data[erofsSuperblock+80:], 2)
	if err := os.WriteFile(paths[0], data, 0o644); err != nil {
		t.Fatal(err)
	}
	got = compare(t, image, paths)
	if len(got.NotMeasured) != 1 || !strings.Contains(got.NotMeasured[0].Why, "only uncompressed images") {
		t.Errorf("got %+v", got.NotMeasured)
	}
}

// TestCompareModelWithoutImage: where the artifacts are the files, they are
// compared by name.
func TestCompareModelWithoutImage(t *testing.T) {
	result, err := Model(context.Background(), ModelOptions{Dir: newModel(t, modelFiles)}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	image := &release.Image{Kind: release.KindModel, Mode: release.ModeDebug, Artifacts: result.Files, Measurements: release.Measurements{OMS: &result.OMS}}
	var paths []string
	for _, file := range result.Files {
		paths = append(paths, writeFile(t, "any", []byte(modelFiles[file.Name])))
	}
	if got := compare(t, image, paths); len(got.Differences) > 0 || len(got.Agreed) != 2+2*len(paths) {
		t.Errorf("got %+v", got)
	}
	truncate(t, paths[1], 1)
	if got := compare(t, image, paths); len(members(got)) != 4 { // root, resources, size, digest
		t.Errorf("got %+v", got.Differences)
	}
	image.Artifacts = image.Artifacts[:1]
	image.Artifacts[0].Name = "model.tar"
	if got := compare(t, image, paths[:1]); len(got.NotMeasured) != 1 || len(members(got)) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestCompareFirmware(t *testing.T) {
	path := writeFile(t, "firmware", []byte("x"))
	image := &release.Image{Kind: release.KindFirmware, Artifacts: []release.Artifact{{Name: "firmware", Digest: sha([]byte("x")), Size: 1}},
		Measurements: release.Measurements{FirmwarePCRs: &release.FirmwarePCRs{}}}
	if got := compare(t, image, []string{path}); len(got.Differences) > 0 || len(got.NotMeasured) != 1 || len(got.Agreed) != 2 {
		t.Errorf("got %+v", got)
	}
	if _, err := Compare(context.Background(), image, nil, progress.None()); err == nil {
		t.Error("an artifact without a path is compared")
	}
	if _, err := Compare(context.Background(), image, []string{path + "x"}, progress.None()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Compare(ctx, image, []string{path}, progress.None()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
