package release

import (
	"strings"
	"testing"
)

func TestGrammars(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for name, c := range map[string]struct {
		of     *grammar
		good   []string
		refuse []string
	}{
		"name": {&nameGrammar,
			[]string{"a", "acme/ai", "a/b/c", "0", "-", "_x", "..a", "a..", "...", long(128)},
			[]string{"", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a/.", "A", "a b", "a+b", "a~", "a\\b", long(129), "é"}},
		"file name": {&fileNameGrammar,
			[]string{"Node-OS_1.4+x~2.efi", "a/B", long(128)},
			[]string{"", "..", "a/..", "a b", "a@b", long(129)}},
		"resource": {&resourceGrammar,
			[]string{"a b/c", "Ünix"[2:], `\`, "~", long(512)},
			[]string{"", "/a", "a/", "a//b", "./a", "a/..", long(513)}},
		"section": {&sectionGrammar,
			[]string{".a", ".linux", ".cmdline", ".dtb_0"},
			[]string{"", ".", "linux", ".Linux", ".linux.", ".toolong8", ". a"}},
		"version": {&versionGrammar,
			[]string{"1", "2026.11", "1.0~rc1+b-2_x", "..", long(64)},
			[]string{"", "1 0", "1/0", "1:0", "é", long(65)}},
		"channel": {&channelGrammar,
			[]string{"stable", "beta-1", "a.b_c", "0", long(64)},
			[]string{"", ".", "..", "a/b", "Stable", "a+b", long(65)}},
		"origin": {&originGrammar,
			[]string{"log.example/acme", "x", "~!@", long(255)},
			[]string{"", "a b", "a+b", "a\n", "é", "a\x00", "a\u007f", long(256)}},
		"word": {&wordGrammar,
			[]string{"a", "defect", "a-1", "a-", long(64)},
			[]string{"", "1a", "-a", "A", "a_b", "a b", long(65)}},
		"media type": {&mediaTypeGrammar,
			[]string{"application/octet-stream", "application/vnd.x.y+json", "a/b", "x1/y!#$&-^_.+", long(127) + "/" + long(127)},
			[]string{"", "text", "text/", "/x", "Text/plain", "text/plain;charset=utf-8", "text/plain ", "a/b/c", "-a/b", "a/" + long(128)}},
		"URL": {&urlGrammar,
			[]string{
				"https://a", "https://a.example/", "https://a.example:443/x", "https://192.0.2.1:65535", "https://[2001:db8::1]", "https://[::1]:8/x",
				"https://a?q", "https://a/b/../c?x=%2F&y=z/?:@!$'()*+,;=-._~", "https://A.example/UPPER", "https://a/" + long(2038),
			},
			[]string{
				"", "https:", "https://", "http://a", "HTTPS://a", "ftp://a", "//a", "/a", "https:///x", "https://u@a/", "https://u:p@a/",
				"https://a/#f", "https://a#", "https://a/ b", "https://a/%", "https://a/%2", "https://a/%zz", "https://a/\x00", "https://a/é",
				"https://a:0/", "https://a:", "https://a:65536", "https://a:99999999999999999999", "https://a:0443", "https://a:x", "https://-a", "https://.a",
				"https://a_b/", "https://[]", "https://[abc]", "https://[::1", "https://[::1]x", "https://[::g]", "https://a\\b", "https://a/<x>", `https://a/"`,
				"https://a/{x}", "https://a/^", "https://a/`", "https://a/|", "https://a/" + long(2039),
			}},
	} {
		for _, text := range c.good {
			if !c.of.match(text) {
				t.Errorf("%s: refuses %q", name, text)
			}
		}
		for _, text := range c.refuse {
			if c.of.match(text) && isPrintable(text) {
				t.Errorf("%s: takes %q", name, text)
			}
		}
	}
}

func TestNoteCharacters(t *testing.T) {
	for _, r := range "az ~\u00a0\u00ad\u00e9\u200b\u2028\u2029\u202f\u2065\u206a\ufeff\ufffd\U0001f600\U0010ffff" {
		if isForbiddenInNote(r) {
			t.Errorf("refuses %U", r)
		}
	}
	for _, r := range "\x00\t\n\r\x1f\u007f\u0080\u0085\u009f\u202a\u202c\u202e\u2066\u2068\u2069" {
		if !isForbiddenInNote(r) {
			t.Errorf("takes %U", r)
		}
	}
}

func TestReferenceValueBounds(t *testing.T) {
	verity := func(change func(*Verity)) *Image {
		i := fullImage()
		change(i.Measurements.Verity)
		return i
	}
	const at = "predicate.measurements.verity/v1."
	for name, c := range map[string]struct {
		image  *Image
		code   Code
		member string
	}{
		"a root hash in upper case": {verity(func(v *Verity) { v.RootHash = strings.ToUpper(v.RootHash) }), CodeHex, at + "rootHash"},
		"a short root hash":         {verity(func(v *Verity) { v.RootHash = v.RootHash[2:] }), CodeHex, at + "rootHash"},
		"half a byte of salt":       {verity(func(v *Verity) { v.Salt = "0" }), CodeHex, at + "salt"},
		"257 bytes of salt":         {verity(func(v *Verity) { v.Salt = strings.Repeat("00", 257) }), CodeHex, at + "salt"},
		"a block of 128 KiB":        {verity(func(v *Verity) { v.HashBlockSize = 131072 }), CodeRange, at + "hashBlockSize"},
		"a file system":             {verity(func(v *Verity) { v.FileSystem = "" }), CodeWord, at + "fileSystem"},
		"no resources": {func() *Image { i := fullImage(); i.Measurements.OMS.Resources = nil; return i }(),
			CodeMemberMissing, "predicate.measurements.oms/v1.resources"},
		"empty resources": {func() *Image { i := fullImage(); i.Measurements.OMS.Resources = []Resource{}; return i }(),
			CodeListSize, "predicate.measurements.oms/v1.resources"},
		"no values of a PCR": {func() *Image { i := fullImage(); i.Measurements.FirmwarePCRs.PCRs[7] = nil; return i }(),
			CodeListSize, "predicate.measurements.firmware-pcrs/v1.pcrs.7"},
		"a third event": {func() *Image {
			i := fullImage()
			i.Measurements.TPM2UKI.PCR9 = []string{PCR9Cmdline, PCR9Initrd, "x"}
			return i
		}(),
			CodeListSize, "predicate.measurements.tpm2-uki/v1.pcr9"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewImage(c.image)
			wantRefusal(t, err, c.code, c.member)
		})
	}
	for name, change := range map[string]func(*Verity){
		"no salt":           func(v *Verity) { v.Salt = "" },
		"256 bytes of salt": func(v *Verity) { v.Salt = strings.Repeat("0f", 256) },
		"blocks of 64 KiB":  func(v *Verity) { v.DataBlockSize, v.HashBlockSize = 65536, 512 },
		"2^53-4096 bytes":   func(v *Verity) { v.DataBlocks = 1<<41 - 1 },
	} {
		if _, err := NewImage(verity(change)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	i := fullImage()
	delete(i.Measurements.FirmwarePCRs.PCRs, 7)
	if _, err := NewImage(i); err != nil {
		t.Errorf("without PCR 7: %v", err)
	}
	i.Measurements = Measurements{}
	if _, err := NewImage(i); err != nil {
		t.Errorf("without measurements, which CheckImage judges: %v", err)
	}
}
