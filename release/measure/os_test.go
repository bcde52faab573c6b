package measure

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

const hardened = " systemd.import_credentials=no systemd.gpt_auto=0 rd.systemd.gpt_auto=0 rd.shell=0 rd.emergency=halt noresume lockdown=confidentiality module.sig_enforce=1"

// newRoot makes a root image under dm-verity and returns its path and root hash.
func newRoot(tb testing.TB) (path, hash string) {
	tb.Helper()
	path = writeFile(tb, "root.img", newErofs(tb, 100_000))
	root, err := FormatVerity(context.Background(), FormatOptions{Image: path, Salt: []byte{1}}, progress.None())
	if err != nil {
		tb.Fatal(err)
	}
	return path, root.String()
}

// TestOS: what is measured passes as the statement of a production image.
func TestOS(t *testing.T) {
	root, hash := newRoot(t)
	uki := writeFile(t, "os.efi", newUKI(t, "roothash="+hash+hardened))
	got, err := OS(context.Background(), OSOptions{UKI: uki, Root: VerityOptions{Image: root, Offset: FindOffset}, Phases: []string{"sysinit", "ready"}, Mode: release.ModeProduction}, progress.None())
	if err != nil {
		t.Fatal(err)
	}
	if got.Cmdline != nil || len(got.Artifacts) != 2 || !cmp.Equal(got.Measurement.Phases, []string{"sysinit", "ready"}) || got.Measurement.Root.RootHash != hash {
		t.Errorf("got %+v", got)
	}
	image := &release.Image{Kind: release.KindOS, Mode: release.ModeProduction, Measurements: release.Measurements{TPM2UKI: &got.Measurement}, Artifacts: got.Artifacts}
	if err := release.CheckImage(image); err != nil {
		t.Errorf("what was measured is refused: %v", err)
	}
}

func TestRefusedOS(t *testing.T) {
	root, hash := newRoot(t)
	other := "00" + hash[2:]
	tests := []struct {
		name    string
		cmdline string
		mode    release.Mode
		code    release.Code // empty: measured
		cmd     release.Code // what production would say, where measured
	}{
		{"production", "roothash=" + hash + hardened, release.ModeProduction, "", ""},
		{"usrhash", "usrhash=" + hash + hardened, release.ModeProduction, "", ""},
		{"not hardened", "roothash=" + hash, release.ModeProduction, release.CodeCmdlineRequired, ""},
		{"not hardened, research", "roothash=" + hash, release.ModeResearch, "", release.CodeCmdlineRequired},
		{"not hardened, debug", "roothash=" + hash, release.ModeDebug, "", release.CodeCmdlineRequired},
		{"another init", "roothash=" + hash + hardened + " init=/bin/sh", release.ModeProduction, release.CodeCmdlineForbidden, ""},
		{"a quote", "roothash=" + hash + hardened + ` a="b"`, release.ModeProduction, release.CodeCmdlineQuote, ""},
		{"another root, research", "roothash=" + other, release.ModeResearch, release.CodeRootHash, ""},
		{"another root", "roothash=" + other + hardened, release.ModeProduction, release.CodeRootHash, ""},
		{"no root, debug", "quiet", release.ModeDebug, release.CodeCmdlineRoot, ""},
		{"two roots, debug", "roothash=" + hash + " roothash=" + other, release.ModeDebug, release.CodeCmdlineRoot, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			uki := writeFile(t, "os.efi", newUKI(t, tt.cmdline))
			got, err := OS(context.Background(), OSOptions{UKI: uki, Root: VerityOptions{Image: root, Offset: FindOffset}, Mode: tt.mode}, progress.None())
			if release.CodeOf(err) != tt.code || (err != nil) != (tt.code != "") {
				t.Fatalf("got %v, want code %q", err, tt.code)
			}
			if err == nil && release.CodeOf(got.Cmdline) != tt.cmd {
				t.Errorf("production would say %v, want code %q", got.Cmdline, tt.cmd)
			}
		})
	}
}

func TestPhases(t *testing.T) {
	for _, good := range [][]string{nil, {"sysinit", "ready"}, {"enter-initrd", "leave-initrd", "sysinit", "ready"}, {"ready"}} {
		if err := checkPhases(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range [][]string{{""}, {"ready", "sysinit"}, {"ready", "ready"}, {"shutdown"}, {"sysinit:ready"}, {"Ready"}} {
		refused(t, checkPhases(bad), CodePhases, "boot phases")
	}
}

// TestDeterministic: a unified kernel image joined twice is the same bytes.
func TestDeterministic(t *testing.T) {
	if !bytes.Equal(newUKI(t, "roothash=00"), newUKI(t, "roothash=00")) {
		t.Error("two images of the same parts differ")
	}
}
