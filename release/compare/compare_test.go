package compare

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

func sha(text string) release.Digest { return sha256.Sum256([]byte(text)) }

var day = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

func signed(name string, signers ...string) Signed {
	s := Signed{Digest: sha(name), Authority: 1}
	for _, signer := range signers {
		s.Signers = append(s.Signers, sha(signer))
	}
	return s
}

func osImage() *Image {
	return &Image{Signed: signed("os", "ci"), Statement: &release.Image{
		Issued: day, Authority: sha("authority"), Product: "acme/ai", Kind: release.KindOS, Name: "node-os", Version: "1", SecurityVersion: 1, Mode: release.ModeProduction,
		Measurements: release.Measurements{TPM2UKI: releasetest.UKI(releasetest.Verity("root"))}, PublishBy: day.AddDate(0, 0, 7),
		Artifacts: []release.Artifact{{Name: "os.efi", Digest: sha("efi"), Size: 10, MediaType: "application/efi", URLs: []string{"https://a.example/", "https://b.example/"}},
			{Name: "os.root", Digest: sha("root"), Size: 20, MediaType: "application/octet-stream", URLs: []string{"https://a.example/"}}},
	}}
}

func modelImage() *Image {
	return &Image{Signed: signed("model", "ci"), Statement: &release.Image{
		Issued: day, Authority: sha("authority"), Product: "acme/ai", Kind: release.KindModel, Name: "llama", Version: "3", Mode: release.ModeProduction, PublishBy: day.AddDate(0, 0, 7),
		Measurements: release.Measurements{Verity: releasetest.Verity("model"), OMS: &release.OMS{Root: sha("oms"), Resources: []release.Resource{{Name: "config.json", Digest: sha("c")}, {Name: "weights", Digest: sha("w")}}}},
		Artifacts:    []release.Artifact{{Name: "model.img", Digest: sha("img"), Size: 30, MediaType: "application/octet-stream"}},
	}}
}

func releaseOf(images ...*Image) *Release {
	r := &Release{Signed: signed("release", "ana", "ben"), Images: map[release.Digest]*Image{}, Statement: &release.Release{
		Issued: day, Authority: sha("authority"), Product: "acme/ai", Channel: "stable", Version: "1", NotAfter: day.AddDate(0, 0, 30)}}
	for _, image := range images {
		r.Images[image.Digest] = image
		r.Statement.Images = append(r.Statement.Images, image.Digest)
	}
	return r
}

// TestImages: every member that changes is told, alone, in its group and words.
func TestImages(t *testing.T) {
	long := strings.Repeat("0", 64)
	cmdline := osImage().Statement.Measurements.TPM2UKI.Cmdline
	tests := []struct {
		name   string
		change func(*Image)
		want   []Difference // without Image
	}{
		{"nothing", func(*Image) {}, nil},
		{"the digest alone", func(i *Image) { i.Digest = sha("other") }, nil},
		{"product", func(i *Image) { i.Statement.Product = "acme/b" }, []Difference{{GroupImage, "", "product", Changed, "acme/ai", "acme/b"}}},
		{"version", func(i *Image) { i.Statement.Version = "2" }, []Difference{{GroupImage, "", "version", Changed, "1", "2"}}},
		{"security version", func(i *Image) { i.Statement.SecurityVersion = 2 }, []Difference{{GroupImage, "", "security version", Changed, "1", "2"}}},
		{"mode", func(i *Image) { i.Statement.Mode = release.ModeDebug }, []Difference{{GroupImage, "", "mode", Changed, "production", "debug"}}},
		{"issued", func(i *Image) { i.Statement.Issued = day.Add(time.Hour) }, []Difference{{GroupImage, "", "issued", Changed, "2026-11-03T12:00:00Z", "2026-11-03T13:00:00Z"}}},
		{"publish by", func(i *Image) { i.Statement.PublishBy = day }, []Difference{{GroupImage, "", "publish by", Changed, "2026-11-10T12:00:00Z", "2026-11-03T12:00:00Z"}}},
		{"provenance", func(i *Image) { i.Statement.Provenance = []release.Digest{sha("p")} }, []Difference{{GroupImage, "", "provenance", Added, "", sha("p").String()}}},
		{"authority", func(i *Image) { i.Statement.Authority, i.Authority = sha("next"), 2 }, []Difference{{GroupImage, "", "authority", Changed, "version 1, " + sha("authority").String(), "version 2, " + sha("next").String()}}},
		{"signers", func(i *Image) { i.Signers = []release.KeyID{sha("ci2")} }, []Difference{{GroupImage, "", "signed by", Removed, sha("ci").String(), ""}, {GroupImage, "", "signed by", Added, "", sha("ci2").String()}}},
		{"note", func(i *Image) { i.Statement.Note = "n" }, []Difference{{GroupImage, "", "note", Changed, "", "n"}}},
		{"a profile", func(i *Image) { i.Statement.Measurements.TPM2UKI = nil }, []Difference{{GroupImage, "", "profile", Removed, "tpm2-uki/v1", ""}}},
		{"artifact's digest", func(i *Image) { i.Statement.Artifacts[0].Digest = sha("x") }, []Difference{{GroupArtifacts, "", "os.efi", Changed, sha("efi").String() + ", 10 bytes, application/efi", sha("x").String() + ", 10 bytes, application/efi"}}},
		{"artifact's name", func(i *Image) { i.Statement.Artifacts[1].Name = "r" }, []Difference{{GroupArtifacts, "", "os.root", Removed, sha("root").String() + ", 20 bytes, application/octet-stream", ""}, {GroupArtifacts, "", "r", Added, "", sha("root").String() + ", 20 bytes, application/octet-stream"}}},
		{"URL", func(i *Image) { i.Statement.Artifacts[1].URLs = nil }, []Difference{{GroupArtifacts, "", "URL of os.root", Removed, "https://a.example/", ""}}},
		{"order of URLs", func(i *Image) { slices.Reverse(i.Statement.Artifacts[0].URLs) }, []Difference{{GroupArtifacts, "", "order of the URLs of os.efi", Changed, "https://a.example/ https://b.example/", "https://b.example/ https://a.example/"}}},
		{"stub", func(i *Image) { i.Statement.Measurements.TPM2UKI.Stub = "s" }, []Difference{{GroupKernel, "", "stub", Changed, "systemd-stub 252", "s"}}},
		{"authenticode", func(i *Image) { i.Statement.Measurements.TPM2UKI.Authenticode = sha("x") }, []Difference{{GroupKernel, "", "authenticode", Changed, sha("uki").String(), sha("x").String()}}},
		{"kernel", func(i *Image) { i.Statement.Measurements.TPM2UKI.KernelAuthenticode = sha("x") }, []Difference{{GroupKernel, "", "authenticode of the kernel", Changed, sha("kernel").String(), sha("x").String()}}},
		{"kernel measured", func(i *Image) { i.Statement.Measurements.TPM2UKI.KernelMeasured = "always" }, []Difference{{GroupKernel, "", "kernel measured", Changed, "without-secure-boot", "always"}}},
		{"initrd", func(i *Image) { i.Statement.Measurements.TPM2UKI.Initrd = sha("x") }, []Difference{{GroupKernel, "", "initrd", Changed, sha("initrd").String(), sha("x").String()}}},
		{"PCR 9", func(i *Image) { i.Statement.Measurements.TPM2UKI.PCR9 = []string{"initrd", "cmdline"} }, []Difference{{GroupKernel, "", "PCR 9", Changed, "cmdline initrd", "initrd cmdline"}}},
		{"phases", func(i *Image) { i.Statement.Measurements.TPM2UKI.Phases = []string{"sysinit", "ready"} }, []Difference{{GroupKernel, "", "phases", Changed, "", "sysinit:ready"}}},
		{"a section", func(i *Image) { i.Statement.Measurements.TPM2UKI.Sections[0].Digest = sha("x") }, []Difference{{GroupSections, "", ".linux", Changed, sha("kernel").String(), sha("x").String()}}},
		{"a section more", func(i *Image) {
			uki := i.Statement.Measurements.TPM2UKI
			uki.Sections = append(uki.Sections, release.Section{Name: ".dtb", Digest: sha("d")})
		}, []Difference{{GroupSections, "", ".dtb", Added, "", sha("d").String()}}},
		{"order of sections", func(i *Image) { slices.Reverse(i.Statement.Measurements.TPM2UKI.Sections) }, []Difference{{GroupSections, "", "order", Changed, ".linux .cmdline .initrd", ".initrd .cmdline .linux"}}},
		{"rules", func(i *Image) { i.Statement.Measurements.TPM2UKI.CmdlineRules = 2 }, []Difference{{GroupCmdline, "", "rules", Changed, "1", "2"}}},
		{"a word more", func(i *Image) { i.Statement.Measurements.TPM2UKI.Cmdline += " quiet" }, []Difference{{GroupCmdline, "", "word", Added, "", "quiet"}}},
		{"a space more", func(i *Image) { i.Statement.Measurements.TPM2UKI.Cmdline += " " }, []Difference{{GroupCmdline, "", "spaces", Changed, cmdline, cmdline + " "}}},
		{"root hash", func(i *Image) { i.Statement.Measurements.TPM2UKI.Root.RootHash = long }, []Difference{{GroupRoot, "", "root hash", Changed, sha("root").String(), long}}},
		{"salt", func(i *Image) { i.Statement.Measurements.TPM2UKI.Root.Salt = "" }, []Difference{{GroupRoot, "", "salt", Changed, "00", ""}}},
		{"data", func(i *Image) { i.Statement.Measurements.TPM2UKI.Root.DataBlocks = 1 }, []Difference{{GroupRoot, "", "data", Changed, "25600 blocks of 4096 bytes", "1 blocks of 4096 bytes"}}},
		{"hash tree", func(i *Image) { i.Statement.Measurements.TPM2UKI.Root.HashOffset = 1 }, []Difference{{GroupRoot, "", "hash tree", Changed, "blocks of 4096 bytes, from byte 104857600", "blocks of 4096 bytes, from byte 1"}}},
		{"file system", func(i *Image) { i.Statement.Measurements.TPM2UKI.Root.FileSystem = "ext4" }, []Difference{{GroupRoot, "", "file system", Changed, "erofs", "ext4"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			after := osImage()
			tt.change(after)
			got := Images(osImage(), after)
			for i := range tt.want {
				tt.want[i].Image = "os/node-os"
			}
			if diff := cmp.Diff(tt.want, got.Differences); diff != "" || len(got.Missing) > 0 || got.Equal() != (tt.want == nil) {
				t.Errorf("-want +got\n%s%v", diff, got.Missing)
			}
		})
	}
}

func TestCommandLines(t *testing.T) {
	change := func(what, before, after string) Difference {
		return Difference{GroupCmdline, "", what, Changed, before, after}
	}
	tests := []struct {
		before, after string
		want          []Difference
	}{
		{"a b=1", "a b=1", nil},
		{"a b=1", "a b=2", []Difference{change("b", "b=1", "b=2")}},
		{"a b=1", "a", []Difference{{GroupCmdline, "", "word", Removed, "b=1", ""}}},
		{"a b", "b a", []Difference{change("order", "a b", "b a")}},
		{"a  b", "a b", []Difference{change("spaces", "a  b", "a b")}},
		{"a a", "a", []Difference{{GroupCmdline, "", "word", Removed, "a", ""}}},
		{"c=1 c=2", "c=2 c=1", []Difference{change("order", "c=1 c=2", "c=2 c=1")}},
		{"c=1 c=2", "c=1 c=3", []Difference{{GroupCmdline, "", "word", Removed, "c=2", ""}, {GroupCmdline, "", "word", Added, "", "c=3"}}},
		{"a b=1 c", "c b=2 a", []Difference{change("b", "b=1", "b=2"), change("order", "a b c", "c b a")}},
		{"quiet", "quiet=1", []Difference{change("quiet", "quiet", "quiet=1")}},
		{"", "a", []Difference{{GroupCmdline, "", "word", Added, "", "a"}}},
	}
	for _, tt := range tests {
		c := &comparer{group: GroupCmdline}
		c.cmdline(tt.before, tt.after)
		if diff := cmp.Diff(tt.want, c.result.Differences); diff != "" {
			t.Errorf("%q to %q: -want +got\n%s", tt.before, tt.after, diff)
		}
	}
}

func TestModels(t *testing.T) {
	list := sha("list")
	beside := func(i *Image) *Image {
		i.Files, i.Statement.Measurements.OMS.Resources, i.Statement.Measurements.OMS.Manifest = i.Statement.Measurements.OMS.Resources, nil, &list
		return i
	}
	changed := func() *Image {
		i := modelImage()
		i.Statement.Measurements.OMS.Root = sha("oms2")
		i.Statement.Measurements.OMS.Resources = []release.Resource{{Name: "adapter", Digest: sha("a")}, {Name: "weights", Digest: sha("w2")}}
		return i
	}
	want := []Difference{
		{GroupFiles, "model/llama", "root", Changed, sha("oms").String(), sha("oms2").String()},
		{GroupFiles, "model/llama", "config.json", Removed, sha("c").String(), ""},
		{GroupFiles, "model/llama", "weights", Changed, sha("w").String(), sha("w2").String()},
		{GroupFiles, "model/llama", "adapter", Added, "", sha("a").String()},
	}
	for name, pair := range map[string][2]*Image{
		"both in statements": {modelImage(), changed()},
		"one beside the log": {modelImage(), beside(changed())},
	} {
		if got := Images(pair[0], pair[1]); !cmp.Equal(want, got.Differences) || len(got.Missing) > 0 {
			t.Errorf("%s: %s%v", name, cmp.Diff(want, got.Differences), got.Missing)
		}
	}
	unknown := beside(changed())
	unknown.Files = nil
	got := Images(modelImage(), unknown)
	wantUnknown := []Difference{want[0], {GroupFiles, "model/llama", "list of files", Changed, "in the statement", "beside the log, " + list.String()}}
	if diff := cmp.Diff(wantUnknown, got.Differences); diff != "" || !slices.Equal(got.Missing, []string{"the list of files " + list.String() + " of model/llama 3"}) {
		t.Errorf("%s%v", diff, got.Missing)
	}
	a, b := beside(modelImage()), beside(modelImage())
	a.Files, b.Files = nil, nil
	if got := Images(a, b); !got.Equal() || len(got.Missing) > 0 {
		t.Errorf("one list is compared with itself: %+v", got)
	}
}

func TestFirmware(t *testing.T) {
	firmware := func(values map[int][]release.Digest) *Image {
		i := modelImage()
		i.Statement.Kind, i.Statement.Measurements = release.KindFirmware, release.Measurements{FirmwarePCRs: &release.FirmwarePCRs{PCRs: values, Basis: release.BasisObserved}}
		return i
	}
	got := Images(firmware(map[int][]release.Digest{0: {sha("0")}, 7: {sha("7")}}), firmware(map[int][]release.Digest{0: {sha("0"), sha("x")}, 2: {sha("2")}}))
	want := []Difference{{GroupFirmware, "firmware/llama", "PCR 0", Added, "", sha("x").String()}, {GroupFirmware, "firmware/llama", "PCR 2", Added, "", sha("2").String()}, {GroupFirmware, "firmware/llama", "PCR 7", Removed, sha("7").String(), ""}}
	if diff := cmp.Diff(want, got.Differences); diff != "" {
		t.Error(diff)
	}
}

func TestReleases(t *testing.T) {
	if got := Releases(releaseOf(osImage(), modelImage()), releaseOf(osImage(), modelImage())); !got.Equal() {
		t.Errorf("equal ones differ: %+v", got)
	}
	// A renewal: the same identity, other dates and signers.
	before, renewal := releaseOf(osImage()), releaseOf(osImage())
	renewal.Statement.NotAfter, renewal.Statement.Issued = day.AddDate(0, 0, 60), day.AddDate(0, 0, 20)
	renewal.Signers = []release.KeyID{sha("ben"), sha("ana")}
	renewal.Statement.Reinstates = []release.Digest{sha("w")}
	want := []Difference{
		{GroupRelease, "", "issued", Changed, "2026-11-03T12:00:00Z", "2026-11-23T12:00:00Z"},
		{GroupRelease, "", "valid until", Changed, "2026-12-03T12:00:00Z", "2027-01-02T12:00:00Z"},
		{GroupRelease, "", "reinstates", Added, "", sha("w").String()},
	}
	if got := Releases(before, renewal); !cmp.Equal(want, got.Differences) || !SameIdentity(before, renewal) {
		t.Error(cmp.Diff(want, got.Differences))
	}

	// Another OS, the model left out, an adapter added.
	newer, adapter := osImage(), modelImage()
	newer.Digest, newer.Statement.Version = sha("os2"), "2"
	adapter.Digest, adapter.Statement.Kind, adapter.Statement.Name, adapter.Statement.Version = sha("adapter"), release.KindAdapter, "tone", "9"
	before, after := releaseOf(osImage(), modelImage()), releaseOf(newer, adapter)
	want = []Difference{
		{GroupRelease, "", "identity", Changed, before.Statement.Identity().String(), after.Statement.Identity().String()},
		{GroupImages, "", "model/llama", Removed, "3", ""},
		{GroupImages, "", "os/node-os", Changed, "1", "2"},
		{GroupImages, "", "adapter/tone", Added, "", "9"},
		{GroupImage, "os/node-os", "version", Changed, "1", "2"},
	}
	if got := Releases(before, after); !cmp.Equal(want, got.Differences) || SameIdentity(before, after) {
		t.Error(cmp.Diff(want, got.Differences))
	}

	// What an image states that is not at hand is missing, not guessed.
	delete(after.Images, sha("os2"))
	got := Releases(before, after)
	want = []Difference{
		want[0], want[1], {GroupImages, "", "os/node-os", Removed, "1", ""}, want[3],
		{GroupImages, "", "an image that is not at hand", Added, "", sha("os2").String()},
	}
	if diff := cmp.Diff(want, got.Differences); diff != "" || !slices.Equal(got.Missing, []string{"what image " + sha("os2").String() + " states"}) {
		t.Errorf("%s%v", diff, got.Missing)
	}
}
