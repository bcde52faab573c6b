package release

import (
	"encoding/base64"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// refusalCase changes good bytes by one replacement of a text that stands there
// once, and says with which code and at which member they are then refused.
type refusalCase struct {
	name, old, new string
	code           Code
	member         string
}

func (c refusalCase) change(tb testing.TB, good string) []byte {
	tb.Helper()
	if n := strings.Count(good, c.old); n != 1 {
		tb.Fatalf("%q stands %d times in %s", c.old, n, good)
	}
	return []byte(strings.Replace(good, c.old, c.new, 1))
}

// list returns n JSON elements made of their numbers, five digits each.
func list(n int, element string) string {
	var out []string
	for i := range n {
		out = append(out, strings.ReplaceAll(element, "#", strconv.Itoa(10000+i)))
	}
	return strings.Join(out, ",")
}

const hex59 = "00000000000000000000000000000000000000000000000000000000000"

// statementRefusals: what is wrong with any statement, here with the full
// withdrawal.
var statementRefusals = []refusalCase{
	{"syntax", `"note":""`, `"note":"`, CodeJSONSyntax, "predicate.note"},
	{"not UTF-8", `"note":""`, `"note":"` + "\xff" + `"`, CodeJSONUTF8, "predicate.note"},
	{"a lone surrogate", `"note":""`, `"note":"\udead"`, CodeJSONUTF8, "predicate.note"},
	{"depth", `"note":""`, `"note":` + strings.Repeat("[", 15), CodeJSONDepth, "predicate.note" + strings.Repeat("[0]", 14)},
	{"size", `"note":""`, `"note":[` + strings.Repeat("0,", 5000) + `0]`, CodeJSONSize, "predicate.note[4089]"},
	{"a float", `"note":""`, `"note":1.5`, CodeJSONNumber, "predicate.note"},
	{"null", `"note":""`, `"note":null`, CodeJSONNull, "predicate.note"},
	{"duplicate", `"note":""`, `"note":"","note":""`, CodeJSONDuplicate, "predicate.note"},
	{"an escape", `"note":""`, `"note":"\u0041"`, CodeJSONNotCanonical, "predicate.note"},
	{"missing", `"note":"",`, ``, CodeMemberMissing, "predicate.note"},
	{"missing at the end", `,"replacement":{"sha256":"` + "@better" + `"}`, `,"zzz":1`, CodeMemberUnknown, "predicate.zzz"},
	{"missing reason", `"reason":"defect",`, ``, CodeMemberMissing, "predicate.reason"},
	{"unknown", `"note":""`, `"note":"","other":1`, CodeMemberUnknown, "predicate.other"},
	{"unknown, not bare", `"note":""`, `"note":"","o.r":1`, CodeMemberUnknown, `predicate["o.r"]`},
	{"another kind", `"note":""`, `"note":[]`, CodeMemberType, "predicate.note"},
	{"a boolean", `"note":""`, `"note":true`, CodeMemberType, "predicate.note"},
	{"statement type", `Statement/v1"`, `Statement/v2"`, CodeStatementType, "_type"},
	{"predicate of another kind", `"predicate":{`, `"predicate":[],"predicatE":{`, CodeJSONNotCanonical, "predicatE"},
	{"a predicateType with spaces", `withdrawal/v1"`, "withdrawal/\u00e9\"", CodeStringASCII, "predicateType"},
	{"a predicateType without end", `withdrawal/v1"`, strings.Repeat("x", 300) + `"`, CodeStringLength, "predicateType"},
	{"another predicateType", `withdrawal/v1"`, `roll/v1"`, CodeMemberMissing, "predicate.live"},
	{"no subject", `"subject":[{"digest":{"sha256":"@os"}}]`, `"subject":[]`, CodeSubject, "subject"},
	{"a subject that is no list", `"subject":[{"digest":{"sha256":"@os"}}]`, `"subject":{}`, CodeMemberType, "subject"},
	{"two subjects", `"subject":[`, `"subject":[{},`, CodeSubject, "subject"},
	{"a named subject", `"digest":{"sha256":"@os"}}`, `"digest":{"sha256":"@os"},"name":"x"}`, CodeMemberUnknown, "subject[0].name"},
	{"a subject by another digest", `"digest":{"sha256":"@os"}`, `"digest":{"sha512":"@os"}`, CodeMemberMissing, "subject[0].digest.sha256"},
	{"an upper case digest", `"authority":{"sha256":"@authority"}`, `"authority":{"sha256":"` + hex59 + `0000A"}`, CodeDigest, "predicate.authority.sha256"},
	{"a short digest", `"authority":{"sha256":"@authority"}`, `"authority":{"sha256":"` + hex59 + `0000"}`, CodeDigest, "predicate.authority.sha256"},
	{"a bare digest", `"authority":{"sha256":"@authority"}`, `"authority":"@authority"`, CodeMemberType, "predicate.authority"},
	{"not ASCII", `"reason":"defect"`, `"reason":"défect"`, CodeStringASCII, "predicate.reason"},
	{"DEL", `"reason":"defect"`, `"reason":"defect` + "\u007f" + `"`, CodeStringASCII, "predicate.reason"},
	{"a control", `"note":""`, `"note":"a\nb"`, CodeNote, "predicate.note"},
	{"a C1 control", `"note":""`, `"note":"` + "\u0085" + `"`, CodeNote, "predicate.note"},
	{"a bidirectional mark", `"note":""`, `"note":"` + "\u202e" + `"`, CodeNote, "predicate.note"},
	{"an isolate", `"note":""`, `"note":"` + "\u2066" + `"`, CodeNote, "predicate.note"},
	{"a note of 2,049 bytes", `"note":""`, `"note":"` + strings.Repeat("x", 2049) + `"`, CodeStringLength, "predicate.note"},
	{"a word", `"reason":"defect"`, `"reason":"Defect"`, CodeWord, "predicate.reason"},
	{"a long word", `"reason":"defect"`, `"reason":"` + strings.Repeat("a", 65) + `"`, CodeWord, "predicate.reason"},
	{"a product with ..", `"product":"acme/ai"`, `"product":"acme/.."`, CodeName, "predicate.product"},
	{"an empty segment", `"product":"acme/ai"`, `"product":"acme//ai"`, CodeName, "predicate.product"},
	{"an upper case product", `"product":"acme/ai"`, `"product":"Acme"`, CodeName, "predicate.product"},
	{"a long product", `"product":"acme/ai"`, `"product":"` + strings.Repeat("a", 129) + `"`, CodeName, "predicate.product"},
	{"a time with fractions", `"issued":"2026-11-03T12:00:00Z"`, `"issued":"2026-11-03T12:00:00.5Z"`, CodeTime, "predicate.issued"},
	{"a time with an offset", `"issued":"2026-11-03T12:00:00Z"`, `"issued":"2026-11-03T12:00:00+00:00"`, CodeTime, "predicate.issued"},
	{"a day that is none", `"issued":"2026-11-03T12:00:00Z"`, `"issued":"2026-02-29T12:00:00Z"`, CodeTime, "predicate.issued"},
	{"before 1970", `"issued":"2026-11-03T12:00:00Z"`, `"issued":"1969-12-31T23:59:59Z"`, CodeTime, "predicate.issued"},
	{"a replacement that is none", `"replacement":{"sha256":"@better"}`, `"replacement":{}`, CodeMemberMissing, "predicate.replacement.sha256"},
}

var imageRefusals = []refusalCase{
	{"an unknown profile", `"measurements":{`, `"measurements":{"acpi/v1":{},`, CodeProfileUnknown, "predicate.measurements.acpi/v1"},
	{"TDX", `"tpm2-uki/v1":`, `"tdx-uki/v1":{"mrtd":"x"},"tpm2-uki/v1":`, CodeProfileNotAdmitted, "predicate.measurements.tdx-uki/v1"},
	{"SNP", `"tpm2-uki/v1":`, `"snp-direct/v1":{},"tpm2-uki/v1":`, CodeProfileNotAdmitted, "predicate.measurements.snp-direct/v1"},
	{"TDX, and a fault elsewhere", `"tpm2-uki/v1":{"authenticode":{`, `"tdx-uki/v1":{},"tpm2-uki/v1":{"authenticode":{"a":1,`, CodeMemberUnknown, "predicate.measurements.tpm2-uki/v1.authenticode.a"},
	{"TDX of another kind", `"tpm2-uki/v1":`, `"tdx-uki/v1":1,"tpm2-uki/v1":`, CodeMemberType, "predicate.measurements.tdx-uki/v1"},
	{"a kind", `"kind":"os"`, `"kind":"disk"`, CodeValue, "predicate.kind"},
	{"a mode", `"mode":"production"`, `"mode":"Production"`, CodeValue, "predicate.mode"},
	{"a version", `"version":"1.4.0"`, `"version":"1 4"`, CodeVersion, "predicate.version"},
	{"an empty version", `"version":"1.4.0"`, `"version":""`, CodeVersion, "predicate.version"},
	{"a long version", `"version":"1.4.0"`, `"version":"` + strings.Repeat("1", 65) + `"`, CodeVersion, "predicate.version"},
	{"a security version", `"securityVersion":7`, `"securityVersion":9007199254740992`, CodeJSONNumber, "predicate.securityVersion"},
	{"publishBy", `"publishBy":"2026-11-11T10:00:00Z"`, `"publishBy":"2026-11-11"`, CodeTime, "predicate.publishBy"},
	{"provenance out of order", `"provenance":[`, `"provenance":[{"sha256":"ffffffff"},`, CodeDigest, "predicate.provenance[0].sha256"},
	{"artifacts out of order", `"artifacts":[{"mediaType":"application/json"`, `"artifacts":[{"mediaType":"application/z"`, CodeListOrder, "predicate.artifacts[1]"},
	{"a member of an artifact", `{"mediaType":"application/json"`, `{"hash":1,"mediaType":"application/json"`, CodeMemberUnknown, "predicate.artifacts[0].hash"},
	{"a member of a section", `{"name":".osrel"`, `{"at":1,"name":".osrel"`, CodeMemberUnknown, "predicate.measurements.tpm2-uki/v1.sections[1].at"},
	{"a resource out of order", `{"name":"tokenizer.json"`, `{"n":1,"name":"tokenizer.json"`, CodeListOrder, "predicate.measurements.oms/v1.resources[1]"},
	{"the name of an artifact", `"name":"B-os.efi","sha256"`, `"name":"../os.efi","sha256"`, CodeName, "predicate.artifacts[1].name"},
	{"a media type", `"mediaType":"application/json"`, `"mediaType":"Application/json"`, CodeMediaType, "predicate.artifacts[0].mediaType"},
	{"a URL", `"https://b.example/x?y=%20z"`, `"http://b.example/x"`, CodeURL, "predicate.artifacts[1].urls[0]"},
	{"a URL twice", `"https://b.example/x?y=%20z"`, `"https://[2001:db8::1]:8443/"`, CodeListRepeated, "predicate.artifacts[1].urls[1]"},
	{"nine URLs", `"https://b.example/x?y=%20z"`, list(8, `"https://b#.example"`), CodeListSize, "predicate.artifacts[1].urls"},
	{"no artifacts", `"artifacts":[`, `"artifacts":[],"artifactz":[`, CodeMemberUnknown, "predicate.artifactz"},
	{"a subject too few", `"subject":[`, `"subject":[{},`, CodeSubject, "subject"},
	{"the name of a subject", `"name":"a.json"}`, `"name":"b.json"}`, CodeSubject, "subject[0].name"},
	{"an unnamed subject", `,"name":"a.json"}`, `}`, CodeMemberMissing, "subject[0].name"},
	{"the digest of a subject", `"digest":{"sha256":"@json"}`, `"digest":{"sha256":"@a"}`, CodeSubject, "subject[0].digest.sha256"},

	{"a stub", `"stub":"systemd-stub 252"`, `"stub":""`, CodeStringLength, "predicate.measurements.tpm2-uki/v1.stub"},
	{"a command line", `"cmdline":"`, `"cmdline":"` + strings.Repeat("x", 4096), CodeStringLength, "predicate.measurements.tpm2-uki/v1.cmdline"},
	{"rules 0", `"cmdlineRules":1`, `"cmdlineRules":0`, CodeRange, "predicate.measurements.tpm2-uki/v1.cmdlineRules"},
	{"when measured", `"kernelMeasured":"always"`, `"kernelMeasured":"perhaps"`, CodeValue, "predicate.measurements.tpm2-uki/v1.kernelMeasured"},
	{"one event of PCR 9", `"pcr9":["initrd","cmdline"]`, `"pcr9":["initrd"]`, CodeListSize, "predicate.measurements.tpm2-uki/v1.pcr9"},
	{"an event of PCR 9 twice", `"pcr9":["initrd","cmdline"]`, `"pcr9":["initrd","initrd"]`, CodeListRepeated, "predicate.measurements.tpm2-uki/v1.pcr9[1]"},
	{"a third event of PCR 9", `"pcr9":["initrd","cmdline"]`, `"pcr9":["initrd","kernel"]`, CodeValue, "predicate.measurements.tpm2-uki/v1.pcr9[1]"},
	{"a phase", `"phases":["sysinit","ready"]`, `"phases":["sysinit:ready"]`, CodeWord, "predicate.measurements.tpm2-uki/v1.phases[0]"},
	{"a phase twice", `"phases":["sysinit","ready"]`, `"phases":["ready","ready"]`, CodeListRepeated, "predicate.measurements.tpm2-uki/v1.phases[1]"},
	{"a section's name", `"name":".osrel"`, `"name":"osrel"`, CodeName, "predicate.measurements.tpm2-uki/v1.sections[1].name"},
	{"a section twice", `"name":".osrel"`, `"name":".linux"`, CodeListRepeated, "predicate.measurements.tpm2-uki/v1.sections[1].name"},
	{"no root", `"root":{"algorithm"`, `"rooot":1,"root":{"algorithm"`, CodeMemberUnknown, "predicate.measurements.tpm2-uki/v1.rooot"},

	{"an algorithm", `"verity/v1":{"algorithm":"sha256"`, `"verity/v1":{"algorithm":"sha512"`, CodeValue, "predicate.measurements.verity/v1.algorithm"},
	{"a small block", `"verity/v1":{"algorithm":"sha256","dataBlockSize":4096`, `"verity/v1":{"algorithm":"sha256","dataBlockSize":256`, CodeRange, "predicate.measurements.verity/v1.dataBlockSize"},
	{"a block of no power of two", `"verity/v1":{"algorithm":"sha256","dataBlockSize":4096`, `"verity/v1":{"algorithm":"sha256","dataBlockSize":4095`, CodeValue, "predicate.measurements.verity/v1.dataBlockSize"},
	{"no data", `"verity/v1":{"algorithm":"sha256","dataBlockSize":4096,"dataBlocks":25600`, `"verity/v1":{"algorithm":"sha256","dataBlockSize":4096,"dataBlocks":0`, CodeRange, "predicate.measurements.verity/v1.dataBlocks"},
	{"more bytes than 2^53", `"verity/v1":{"algorithm":"sha256","dataBlockSize":4096,"dataBlocks":25600`, `"verity/v1":{"algorithm":"sha256","dataBlockSize":4096,"dataBlocks":2199023255552`, CodeRange, "predicate.measurements.verity/v1.dataBlocks"},
	{"another profile's values", `"verity/v1":{"algorithm"`, `"verity/v1":{"Algorithm":1,"algorithm"`, CodeMemberUnknown, "predicate.measurements.verity/v1.Algorithm"},

	{"a PCR too many", `"pcrs":{`, `"pcrs":{"!":[],`, CodeMemberUnknown, `predicate.measurements.firmware-pcrs/v1.pcrs["!"]`},
	{"a PCR too few", `"pcrs":{"0":`, `"pcrs":{"1":`, CodeMemberMissing, "predicate.measurements.firmware-pcrs/v1.pcrs.0"},
	{"a basis", `"basis":"observed"`, `"basis":"guessed"`, CodeValue, "predicate.measurements.firmware-pcrs/v1.basis"},
	{"both lists", `"oms/v1":{`, `"oms/v1":{"manifest":{"sha256":"` + hex59 + `00000"},`, CodeMemberUnknown, "predicate.measurements.oms/v1.resources"},
	{"neither list", `"resources":[`, `"qesources":[`, CodeMemberUnknown, "predicate.measurements.oms/v1.qesources"},
	{"a resource's path", `"name":"tokenizer.json"`, `"name":"tokenizer/../x"`, CodeName, "predicate.measurements.oms/v1.resources[1].name"},
	{"a resource with another digest", `"name":"tokenizer.json"`, `"name":"Model 1/a b.bin"`, CodeListRepeated, "predicate.measurements.oms/v1.resources[1].name"},
}

var authorityRefusals = []refusalCase{
	{"an unknown member", `,"version":2}`, `,"version":2,"x":1}`, CodeMemberUnknown, "predicate.x"},
	{"a member of a channel", `{"mode":"research","name":"lab"}`, `{"mode":"research","name":"lab","x":1}`, CodeMemberUnknown, "predicate.channels[2].x"},
	{"a member of a compromised key", `"from":6,`, `"form":1,"from":6,`, CodeListOrder, "predicate.compromised[1]"},
	{"no origin of a compromised key", `,"origin":"log.example/old"`, ``, CodeMemberMissing, "predicate.compromised[0].origin"},
	{"no keys", `"keys":{`, `"keys":{},"keyz":{`, CodeMemberUnknown, "predicate.keyz"},
	{"keys in a list", `"limits":{`, `"limits":[],"limitz":{`, CodeMemberUnknown, "predicate.limitz"},
	{"version 0", `,"version":2}`, `,"version":0}`, CodeRange, "predicate.version"},
	{"version 33", `,"version":2}`, `,"version":33}`, CodeRange, "predicate.version"},
	{"version 1 with a previous", `,"version":2}`, `,"version":1}`, CodeAuthorityPrevious, "predicate.previous"},
	{"version 2 without", `"previous":{"sha256":"@previous"},`, ``, CodeAuthorityPrevious, "predicate.previous"},
	{"expires", `"expires":"2027-11-20T15:00:00Z"`, `"expires":"2026-11-20T15:00:00Z"`, CodeAuthorityExpires, "predicate.expires"},
	{"an origin with a space", `"origin":"log.example/acme","previous"`, `"origin":"log.example/ac me","previous"`, CodeOrigin, "predicate.origin"},
	{"an empty origin", `"origin":"log.example/acme","previous"`, `"origin":"","previous"`, CodeOrigin, "predicate.origin"},
	{"another origin than the subject's", `"origin":"log.example/acme","previous"`, `"origin":"log.example/other","previous"`, CodeSubject, "subject[0].name"},
	{"a subject that is not its name's hash", `},"name":"log.example/acme"}`, `},"name":"log.example/acmf"}`, CodeSubject, "subject[0].digest.sha256"},
	{"days 0", `"releaseDays":90`, `"releaseDays":0`, CodeRange, "predicate.limits.releaseDays"},
	{"days 3651", `"publishWithinDays":30`, `"publishWithinDays":3651`, CodeRange, "predicate.limits.publishWithinDays"},
	{"another limit", `"publishWithinDays":30`, `"publishWithinDayz":30`, CodeMemberMissing, "predicate.limits.publishWithinDays"},
	{"a channel", `{"mode":"research","name":"lab"}`, `{"mode":"research","name":"la/b"}`, CodeChannel, "predicate.channels[2].name"},
	{"a channel ..", `{"mode":"research","name":"lab"}`, `{"mode":"research","name":".."}`, CodeChannel, "predicate.channels[2].name"},
	{"a channel of two modes", `{"mode":"research","name":"lab"}`, `{"mode":"research","name":"debug"}`, CodeListRepeated, "predicate.channels[2].name"},
	{"a keyid that is none", `"@one":{`, `"@one0":{`, CodeDigest, "predicate.keys.@one0"},
	{"a keyid of another key", `"public":"@base64(two)"`, `"public":"@base64(one)"`, CodeKeyID, "predicate.keys.@two"},
	{"a format", `"format":"ed25519","public":"@base64(two)"`, `"format":"ed448","public":"@base64(two)"`, CodeValue, "predicate.keys.@two.format"},
	{"a key of another format", `"format":"ed25519","public":"@base64(two)"`, `"format":"ssh","public":"@base64(two)"`, CodeKey, "predicate.keys.@two.public"},
	{"no base64", `"public":"@base64(two)"`, `"public":"="`, CodeBase64, "predicate.keys.@two.public"},
	{"an empty key", `"public":"@base64(two)"`, `"public":""`, CodeBase64, "predicate.keys.@two.public"},
	{"a role's name", `"name":"auditor"`, `"name":"boss"`, CodeValue, "predicate.roles[5].name"},
	{"a foreign key in another role", `"kinds":[],"name":"auditor"`, `"kinds":[],"name":"image"`, CodeKeyRole, "predicate.roles[5].keys[0]"},
	{"a second root", `"kinds":[],"name":"release","products":[],"threshold":1`, `"kinds":[],"name":"root","products":[],"threshold":1`, CodeRoleRoot, "predicate.roles"},
	{"a root with limits", `"name":"root","products":[]`, `"name":"root","products":["x"]`, CodeRoleRoot, "predicate.roles[1]"},
	{"no root", `"name":"root"`, `"name":"roll"`, CodeRoleRoot, "predicate.roles"},
	{"threshold 0", `"name":"root","products":[],"threshold":2`, `"name":"root","products":[],"threshold":0`, CodeThreshold, "predicate.roles[1].threshold"},
	{"threshold 3 of 2", `"name":"root","products":[],"threshold":2`, `"name":"root","products":[],"threshold":3`, CodeThreshold, "predicate.roles[1].threshold"},
	{"2 of one key in two formats", `"kinds":[],"name":"release","products":[],"threshold":1`, `"kinds":[],"name":"release","products":[],"threshold":2`, CodeThreshold, "predicate.roles[4].threshold"},
	{"a kind", `"kinds":["firmware","os"]`, `"kinds":["firmware","so"]`, CodeValue, "predicate.roles[3].kinds[1]"},
	{"kinds out of order", `"kinds":["firmware","os"]`, `"kinds":["os","firmware"]`, CodeListOrder, "predicate.roles[3].kinds[1]"},
	{"kinds twice", `"kinds":["firmware","os"]`, `"kinds":["os","os"]`, CodeListRepeated, "predicate.roles[3].kinds[1]"},
	{"a product", `"products":["a/x","b"]`, `"products":["a/x","b/"]`, CodeName, "predicate.roles[3].products[1]"},
	{"a key that is not listed", `"keys":["@two"],"kinds":["firmware"`, `"keys":["@absent"],"kinds":["firmware"`, CodeRoleKey, "predicate.roles[3].keys[0]"},
	{"no key", `"keys":["@two"],"kinds":["firmware"`, `"keys":[],"kinds":["firmware"`, CodeListSize, "predicate.roles[3].keys"},
	{"from 2^53", `"from":6,`, `"from":9007199254740992,`, CodeJSONNumber, "predicate.compromised[1].from"},
	{"compromised out of order", `"from":6,`, `"from":3,`, CodeListOrder, "predicate.compromised[1]"},
	{"a compromised origin", `"origin":"log.example/old"`, `"origin":"log+old"`, CodeOrigin, "predicate.compromised[0].origin"},
}

var releaseRefusals = []refusalCase{
	{"an unknown member", `"channel":"stable"`, `"cannel":1,"channel":"stable"`, CodeMemberUnknown, "predicate.cannel"},
	{"a channel", `"channel":"stable"`, `"channel":"Stable"`, CodeChannel, "predicate.channel"},
	{"notAfter", `"notAfter":"2026-12-03T12:00:00Z"`, `"notAfter":"2026-12-03t12:00:00z"`, CodeTime, "predicate.notAfter"},
	{"a named image", `"}}]}`, `"},"name":"x"}]}`, CodeMemberUnknown, "subject[2].name"},
	{"an image that is none", `"subject":[`, `"subject":[7,`, CodeMemberType, "subject[0]"},
	{"129 withdrawals", `"reinstates":[`, `"reinstates":[` + list(126, "0") + ",", CodeListSize, "predicate.reinstates"},
	{"65 images", `"subject":[`, `"subject":[` + list(62, "0") + ",", CodeListSize, "subject"},
}

var rollRefusals = []refusalCase{
	{"rules 0", `"rules":1`, `"rules":0`, CodeRange, "predicate.rules"},
	{"a negative size", `"size":12`, `"size":-12`, CodeJSONNumber, "predicate.size"},
	{"a size in words", `"size":12`, `"size":"12"`, CodeMemberType, "predicate.size"},
	{"513 live", `"live":[`, `"live":[` + list(511, "0") + ",", CodeListSize, "predicate.live"},
	{"an unnamed origin", `,"name":"log.example/acme"}`, `}`, CodeMemberMissing, "subject[0].name"},
	{"an origin with a plus", `"name":"log.example/acme"`, `"name":"log.example+acme"`, CodeOrigin, "subject[0].name"},
}

var findingRefusals = []refusalCase{
	{"an unknown member", `"result":"reproduced"`, `"result":"reproduced","s":1`, CodeMemberUnknown, "predicate.s"},
	{"no auditor", `"auditor":"Audit & Co."`, `"auditor":""`, CodeStringLength, "predicate.auditor"},
	{"a result", `"result":"reproduced"`, `"result":"it is reproduced"`, CodeWord, "predicate.result"},
	{"a reference", `"reference":"https://auditor.example/1"`, `"reference":"https://auditor.example/#1"`, CodeURL, "predicate.reference"},
}

// names fills in what a case cannot write down: digests of words, and keys.
func names(tb testing.TB) *strings.Replacer {
	one, _ := testKey(tb, "one")
	two, _ := testKey(tb, "two")
	absent := two.ID()
	absent[31]++
	pairs := []string{
		"@absent", absent.String(),
		"@base64(one)", base64.StdEncoding.EncodeToString(one.Public), "@base64(two)", base64.StdEncoding.EncodeToString(two.Public),
		"@one", one.ID().String(), "@two", two.ID().String(),
	}
	for _, text := range []string{"authority", "better", "config", "previous", "json", "os", "a"} {
		pairs = append(pairs, "@"+text, word(text).String())
	}
	return strings.NewReplacer(pairs...)
}

func TestStatementRefusals(t *testing.T) {
	authority := fullAuthority(t)
	fill := names(t)
	for _, suite := range []struct {
		predicate Predicate
		cases     []refusalCase
	}{
		{fullWithdrawal(), statementRefusals},
		{fullImage(), imageRefusals},
		{authority, authorityRefusals},
		{fullRelease(), releaseRefusals},
		{fullRoll(), rollRefusals},
		{fullFinding(), findingRefusals},
	} {
		statement := mustNew(t, suite.predicate)
		good := string(mustMarshal(t, statement))
		for _, c := range suite.cases {
			t.Run(string(statement.Type)+"/"+c.name, func(t *testing.T) {
				c.old, c.new, c.member = fill.Replace(c.old), fill.Replace(c.new), fill.Replace(c.member)
				_, err := ParseStatement(c.change(t, good))
				wantRefusal(t, err, c.code, c.member)
			})
		}
	}
}

func TestPayloadSizes(t *testing.T) {
	for _, payload := range []string{"", strings.Repeat(" ", MaxEntry+1)} {
		_, err := ParseStatement([]byte(payload))
		wantRefusal(t, err, CodePayloadSize, "")
	}
	// An authority of more than 16 KiB; an image may have as many.
	a := fullAuthority(t)
	for i := range 22 {
		a.Roles = append(a.Roles, Role{Name: RoleAuditor, Keys: a.Roles[0].Keys, Threshold: 1})
		for n := range 60 {
			a.Roles[len(a.Roles)-1].Products = append(a.Roles[len(a.Roles)-1].Products, "product/"+strconv.Itoa(1000*i+n))
		}
	}
	_, err := NewAuthority(a)
	wantRefusal(t, err, CodePayloadSize, "")
	i := fullImage()
	i.Measurements.OMS.Resources = nil
	for n := range 200 {
		i.Measurements.OMS.Resources = append(i.Measurements.OMS.Resources, Resource{"file" + strconv.Itoa(n), word("x")})
	}
	if payload := mustMarshal(t, mustNew(t, i)); len(payload) <= maxAuthorityPayload {
		t.Errorf("an image of %d bytes", len(payload))
	}
}

// elsewhere are the codes of what is tested beside its own code: keys and
// signatures, and the values of an image against each other.
var elsewhere = []Code{
	CodeSignatureInvalid, CodeCannotJudge, CodeKeyWeak, CodeHex, CodePredicateType, CodeEntrySize, CodeSignatureNone, CodePayloadSize,
	CodeProfileKind, CodeProfileMissing, CodeSectionMissing, CodeCmdlineDigest, CodeInitrdDigest, CodeCmdlineRoot, CodeRootHash,
	CodeCmdlineRules, CodeCmdlineLength, CodeCmdlineQuote, CodeCmdlineRequired, CodeCmdlineForbidden, CodeFileSystem,
}

// allCodes returns the codes of codes.go.
func allCodes(tb testing.TB) map[Code]bool {
	tb.Helper()
	codes := codesIn(tb, "codes.go")
	if len(codes) < 60 {
		tb.Fatalf("found %d codes", len(codes))
	}
	return codes
}

// codesIn returns the codes that a file declares.
func codesIn(tb testing.TB, path string) map[Code]bool {
	tb.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		tb.Fatal(err)
	}
	codes := map[Code]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				tb.Fatal(err)
			}
			codes[Code(text)] = true
		}
		return true
	})
	return codes
}

// TestEveryCodeHasACase: no code of form is there that nothing is refused with.
func TestEveryCodeHasACase(t *testing.T) {
	codes := allCodes(t)
	for _, cases := range [][]refusalCase{envelopeRefusals, statementRefusals, imageRefusals, authorityRefusals, releaseRefusals, rollRefusals, findingRefusals} {
		for _, c := range cases {
			delete(codes, c.code)
		}
	}
	for _, code := range elsewhere {
		delete(codes, code)
	}
	for code := range codes {
		t.Errorf("nothing is refused with %s", code)
	}
}
