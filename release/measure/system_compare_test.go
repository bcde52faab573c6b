//go:build system

package measure

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/build"
)

// TestCompareDebian: an operating system of Debian's kernel and stub, signed for
// Secure Boot, with a root that mkfs.erofs and veritysetup made, agrees with its
// statement; the same image without the signature is told by its bytes alone.
func TestCompareDebian(t *testing.T) {
	kernel, stub := debian(t)
	tree := newModel(t, map[string]string{"sbin/init": "#!/bin/sh\n", "etc/os-release": "ID=debian\n"})
	root := filepath.Join(t.TempDir(), "node.root")
	run(t, "mkfs.erofs", "-T0", "-U00112233-4455-6677-8899-aabbccddeeff", "--all-root", root, tree)
	tree = root + ".verity"
	run(t, "veritysetup", "format", "--salt=00ff", root, tree)
	verity, err := Verity(context.Background(), VerityOptions{Image: root, Hash: tree, Offset: FindOffset}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	unsigned := join(t, stub, []build.Section{
		{Name: ".osrel", Data: []byte("ID=debian\n")}, {Name: ".cmdline", Data: []byte("roothash=" + verity.Measurement.RootHash + hardened)},
		{Name: ".initrd", Data: []byte("initrd")}, {Name: ".linux", Data: kernel}})
	uki := writeFile(t, "node.efi", sign(t, unsigned))
	got, err := OS(context.Background(), OSOptions{UKI: uki, Root: VerityOptions{Image: root, Hash: tree, Offset: FindOffset}, Mode: release.ModeProduction}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	image := &release.Image{Kind: release.KindOS, Mode: release.ModeProduction, Measurements: release.Measurements{TPM2UKI: &got.Measurement}, Artifacts: got.Artifacts}
	paths := []string{uki, root, tree}
	if compared := compare(t, image, paths); len(compared.Differences) > 0 || len(compared.NotMeasured) != 2 {
		t.Fatalf("got differences %+v, not measured %+v", compared.Differences, compared.NotMeasured)
	}
	if err := os.WriteFile(uki, unsigned, 0o644); err != nil {
		t.Fatal(err)
	}
	if compared := compare(t, image, paths); !slices.Equal(members(compared), []string{"predicate.artifacts[0].size", "predicate.artifacts[0].sha256"}) {
		t.Errorf("got differences %+v", compared.Differences)
	}
}

// TestCompareForeignModel: the files of an image that mkfs.erofs made are listed
// and compared.
func TestCompareForeignModel(t *testing.T) {
	dir := newModel(t, modelFiles)
	path := filepath.Join(t.TempDir(), "model.img")
	run(t, "mkfs.erofs", "-T0", "-U00112233-4455-6677-8899-aabbccddeeff", "--all-root", path, dir)
	if _, err := FormatVerity(context.Background(), FormatOptions{Image: path}, progress.None()); err != nil {
		t.Fatal(err)
	}
	got, err := Model(context.Background(), ModelOptions{Dir: dir, Existing: VerityOptions{Image: path, Offset: FindOffset}}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	image := &release.Image{Kind: release.KindModel, Mode: release.ModeProduction, Artifacts: got.Image.Artifacts,
		Measurements: release.Measurements{Verity: &got.Image.Measurement, OMS: &got.OMS}}
	if compared := compare(t, image, []string{path}); len(compared.Differences) > 0 || len(compared.NotMeasured) != 0 {
		t.Errorf("got %+v", compared)
	}
	image.Measurements.OMS.Resources[0].Digest = sha([]byte("other"))
	if compared := compare(t, image, []string{path}); !slices.Equal(members(compared), []string{"predicate.measurements.oms/v1.resources"}) {
		t.Errorf("got %+v", compared.Differences)
	}
}
