package release_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
)

const testRootHash = "dfd8be85c8f1bf621d2e8c050288b441eede45d10b5349992884c3d33236ae23"

// goodCmdline is the command line of the example log's image.
const goodCmdline = "roothash=" + testRootHash + " systemd.import_credentials=no systemd.gpt_auto=0 rd.systemd.gpt_auto=0 rd.shell=0 rd.emergency=halt noresume lockdown=confidentiality module.sig_enforce=1"

func TestCmdlineRulesVersion1(t *testing.T) {
	want := &release.CmdlineRuleSet{
		Version:  1,
		MaxBytes: 2047,
		Required: []string{"systemd.import_credentials=no", "systemd.gpt_auto=0", "rd.systemd.gpt_auto=0", "rd.shell=0", "rd.emergency=halt", "noresume", "lockdown=confidentiality", "module.sig_enforce=1"},
		Root:     []string{"roothash", "usrhash"},
		Refused:  []string{"init", "rdinit", "--", "systemd.set_credential", "rd.break", "systemd.debug_shell", "systemd.unit", "rd.systemd.unit", "ima_appraise"},
	}
	got, err := release.CmdlineRules(1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("version 1 of the rules is for ever (-want +got):\n%s", diff)
	}

	for _, version := range []int{-1, 0, 2, 65535} {
		_, err := release.CmdlineRules(version)
		wantCode(t, err, release.CodeCmdlineRules)
		wantCode(t, release.CheckCmdline(version, goodCmdline), release.CodeCmdlineRules)
	}
}

// The file holds what is read of it and nothing else, each member once.
func TestCmdlineRulesFile(t *testing.T) {
	data, err := os.ReadFile("cmdline_rules_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := release.CmdlineRules(1)
	if err != nil {
		t.Fatal(err)
	}
	type file struct {
		Version  int      `json:"version"`
		MaxBytes int      `json:"maxBytes"`
		Required []string `json:"required"`
		Root     []string `json:"root"`
		Refused  []string `json:"refused"`
	}
	want, err := json.MarshalIndent(file(*rules), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, append(want, '\n')) {
		t.Errorf("got\n%s\nwant\n%s", data, want)
	}
}

func TestCmdlineAccepted(t *testing.T) {
	words := strings.Fields(goodCmdline)
	reversed := slices.Clone(words)
	slices.Reverse(reversed)
	for name, cmdline := range map[string]string{
		"the example":     goodCmdline,
		"another order":   strings.Join(reversed, " "),
		"more spaces":     "  " + strings.ReplaceAll(goodCmdline, " ", "   ") + " ",
		"usrhash":         strings.Replace(goodCmdline, "roothash", "usrhash", 1),
		"a console":       goodCmdline + " console=ttyS0 panic=-1 quiet",
		"a dracut initrd": goodCmdline + " root=/dev/mapper/root rootfstype=erofs ro systemd.verity_root_data=/dev/disk/by-id/virtio-rootdisk systemd.verity_root_hash=/dev/disk/by-id/virtio-roothash systemd.verity_root_options=panic-on-corruption",
		"keys matched whole": goodCmdline + " initcall_debug xinit=1 init.x=1 my.init=1 systemd.unit_x=1 rd.breakpoint lockdownx=none shell=0 resume=1 " +
			"--verbose roothashsig=x root.roothash=x ima_appraise_tcb value=init=/bin/sh",
		"2047 bytes": goodCmdline + " " + strings.Repeat("x", 2046-len(goodCmdline)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := release.CheckCmdline(1, cmdline); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCmdlineRefused(t *testing.T) {
	// Required words: left out, twice, spelled otherwise, with another value.
	for word := range strings.FieldsSeq(goodCmdline) {
		without := strings.TrimSpace(strings.Replace(" "+goodCmdline+" ", " "+word+" ", " ", 1))
		key, value, hasValue := strings.Cut(word, "=")
		root := key == "roothash"
		missing, second := release.CodeCmdlineRequired, release.CodeCmdlineForbidden
		if root {
			missing, second = release.CodeCmdlineRoot, release.CodeCmdlineRoot
		}
		t.Run(word, func(t *testing.T) {
			wantCode(t, release.CheckCmdline(1, without), missing)
			wantCode(t, release.CheckCmdline(1, goodCmdline+" "+word), missing)
			wantCode(t, release.CheckCmdline(1, goodCmdline+" "+key+"=other"), second)
			wantCode(t, release.CheckCmdline(1, key+"=other "+goodCmdline), second)
			wantCode(t, release.CheckCmdline(1, goodCmdline+" "+key+"="), second)
			wantCode(t, release.CheckCmdline(1, goodCmdline+" rd."+key+"=other"), second)
			if hasValue {
				wantCode(t, release.CheckCmdline(1, goodCmdline+" "+key), second)
				wantCode(t, release.CheckCmdline(1, goodCmdline+" "+word+"x"), second)
				wantCode(t, release.CheckCmdline(1, without+" "+strings.ToUpper(key)+"="+value), missing)
			}
			if dashed := strings.ReplaceAll(key, "_", "-"); dashed != key {
				wantCode(t, release.CheckCmdline(1, goodCmdline+" "+dashed+"=other"), second)
				wantCode(t, release.CheckCmdline(1, without+" "+dashed+"="+value), second)
			}
		})
	}

	for _, key := range []string{"init", "rdinit", "--", "systemd.set_credential", "rd.break", "systemd.debug_shell", "systemd.unit", "rd.systemd.unit", "ima_appraise",
		"systemd.debug-shell", "systemd.set-credential", "ima-appraise", "rd.systemd.debug_shell", "rd.systemd.debug-shell", "rd.systemd.set_credential", "rd.init"} {
		t.Run(key, func(t *testing.T) {
			for _, word := range []string{key, key + "=", key + "=1", key + "=a=b"} {
				wantCode(t, release.CheckCmdline(1, goodCmdline+" "+word), release.CodeCmdlineForbidden)
				wantCode(t, release.CheckCmdline(1, word+" "+goodCmdline), release.CodeCmdlineForbidden)
			}
		})
	}

	hash := func(value string) string { return strings.Replace(goodCmdline, testRootHash, value, 1) }
	for _, c := range []struct {
		name, cmdline string
		code          release.Code
	}{
		{"empty", "", release.CodeCmdlineRequired},
		{"2048 bytes", goodCmdline + " " + strings.Repeat("x", 2047-len(goodCmdline)), release.CodeCmdlineLength},
		{"required word behind the cut", strings.Repeat("x", 2048) + " " + goodCmdline, release.CodeCmdlineLength},
		{"a double quote", goodCmdline + ` x="a b"`, release.CodeCmdlineQuote},
		{"a single quote", goodCmdline + ` x='a b'`, release.CodeCmdlineQuote},
		{"a backslash", goodCmdline + ` in\it=/bin/sh`, release.CodeCmdlineQuote},
		{"a quoted key", goodCmdline + ` "init=/bin/sh"`, release.CodeCmdlineQuote},
		{"a tab", goodCmdline + "\tinit=/bin/sh", release.CodeStringASCII},
		{"a line feed at the end", goodCmdline + "\n", release.CodeStringASCII},
		{"a NUL", goodCmdline + "\x00", release.CodeStringASCII},
		{"a no-break space of Latin-1", goodCmdline + "\xa0init=/bin/sh", release.CodeStringASCII},
		{"roothash and usrhash", goodCmdline + " usrhash=" + testRootHash, release.CodeCmdlineRoot},
		{"roothash of the initrd", goodCmdline + " rd.roothash=" + testRootHash, release.CodeCmdlineRoot},
		{"only roothash of the initrd", strings.Replace(goodCmdline, "roothash", "rd.roothash", 1), release.CodeCmdlineRoot},
		{"63 digits", hash(testRootHash[1:]), release.CodeCmdlineRoot},
		{"65 digits", hash("0" + testRootHash), release.CodeCmdlineRoot},
		{"upper case digits", hash(strings.ToUpper(testRootHash)), release.CodeCmdlineRoot},
		{"no digits", hash(strings.Repeat("g", 64)), release.CodeCmdlineRoot},
		{"no value", strings.Replace(goodCmdline, "="+testRootHash, "", 1), release.CodeCmdlineRoot},
		{"a key in upper case", strings.Replace(goodCmdline, "roothash", "ROOTHASH", 1), release.CodeCmdlineRoot},
	} {
		t.Run(c.name, func(t *testing.T) { wantCode(t, release.CheckCmdline(1, c.cmdline), c.code) })
	}
}

func TestRootHash(t *testing.T) {
	for _, cmdline := range []string{goodCmdline, "usrhash=" + testRootHash, ` debug="x y"  roothash=` + testRootHash + " "} {
		if got, err := release.RootHash(cmdline); err != nil || got != testRootHash {
			t.Errorf("%q: got %q, %v", cmdline, got, err)
		}
	}
	for _, cmdline := range []string{"", "quiet", "roothash", "roothash=", "roothash=abc", "xroothash=" + testRootHash, "roothash=" + testRootHash + " roothash=" + testRootHash, "roothash=" + testRootHash + "\tquiet"} {
		_, err := release.RootHash(cmdline)
		wantCode(t, err, release.CodeCmdlineRoot)
	}
}

func FuzzCheckCmdline(f *testing.F) {
	f.Add(goodCmdline)
	f.Add(strings.ReplaceAll(goodCmdline, "roothash", "usrhash") + " console=ttyS0")
	f.Add(goodCmdline + " rd.roothash=x")
	f.Fuzz(func(t *testing.T, cmdline string) {
		err := release.CheckCmdline(1, cmdline)
		if err != nil {
			if release.CodeOf(err) == "" {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		// What is accepted means the same to a reader who takes the last value of
		// a key, does not tell - from _, and drops the rd. of an initrd's keys.
		last := map[string]string{}
		for word := range strings.FieldsSeq(cmdline) {
			key, value, _ := strings.Cut(strings.ReplaceAll(word, "-", "_"), "=")
			last[key] = value
			if inner, found := strings.CutPrefix(key, "rd."); found && inner != "systemd.gpt_auto" {
				last[inner] = value
			}
		}
		want := map[string]string{"systemd.import_credentials": "no", "systemd.gpt_auto": "0", "rd.systemd.gpt_auto": "0", "rd.shell": "0",
			"rd.emergency": "halt", "noresume": "", "lockdown": "confidentiality", "module.sig_enforce": "1"}
		for key, value := range want {
			if got, ok := last[key]; !ok || got != value {
				t.Errorf("%q is accepted, and %s is %q", cmdline, key, got)
			}
		}
		for _, key := range []string{"init", "rdinit", "__", "systemd.set_credential", "rd.break", "systemd.debug_shell", "systemd.unit", "ima_appraise"} {
			if _, ok := last[key]; ok {
				t.Errorf("%q is accepted and holds %s", cmdline, key)
			}
		}
		hash, err := release.RootHash(cmdline)
		if err != nil || hash != last["roothash"]+last["usrhash"] {
			t.Errorf("%q: root hash %q, %v", cmdline, hash, err)
		}
	})
}
