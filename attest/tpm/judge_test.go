package tpm_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
)

func judge(t testing.TB, answer *attest.Answer, reference attest.Reference) attest.Judgement {
	t.Helper()
	evidence, err := tpm.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	return evidence.Judge(reference)
}

func want(t *testing.T, got attest.Judgement, codes ...attest.Code) {
	t.Helper()
	if found := decisive(got); !slices.Equal(found, codes) {
		t.Errorf("got %q, want %q", found, codes)
		for _, check := range got.Checks {
			if check.Decisive() {
				t.Logf("%s: expected %s, found %s", check.Code, check.Expected, check.Found)
			}
		}
	}
}

// TestRealBoots: what real machines showed.
func TestRealBoots(t *testing.T) {
	for name, codes := range map[string][]attest.Code{
		"released":                            nil,
		"loader-in-front":                     {attest.CodeBootChain, attest.CodeUnusedPCRs},
		"credential-on-boot-partition":        {attest.CodeKernelInputs, attest.CodeUnusedPCRs},
		"loader-in-front-without-secure-boot": {attest.CodeBootChain, attest.CodeSecureBoot, attest.CodeKernelInputs, attest.CodeUnusedPCRs},
	} {
		b := read(t, name)
		t.Run(name, func(t *testing.T) { want(t, judge(t, b.answer, b.reference), codes...) })
	}
	j := judge(t, read(t, "released").answer, read(t, "released").reference)
	if j.Assurance != attest.AssuranceTest || j.Deadline.IsZero() || len(j.Machine.AKName) != 34 || j.Machine.EKCertificate == (attest.Digest{}) || j.Machine.ResetCount == 0 || len(j.NotCovered) != 3 {
		t.Errorf("got %+v", j)
	}
}

// extendedLog adds an event to a real log, in its last place, and returns the digest's
// effect on a PCR.
func extendedLog(log []byte, pcr uint32, digest attest.Digest) []byte {
	// The logs of the recordings have two banks.
	out := bytes.Clone(log)
	out = binary.LittleEndian.AppendUint32(out, pcr)
	out = binary.LittleEndian.AppendUint32(out, 0x80000003)
	algorithms := []struct {
		id   uint16
		size int
	}{{0x0b, 32}, {0x0c, 48}}
	out = binary.LittleEndian.AppendUint32(out, uint32(len(algorithms)))
	for _, a := range algorithms {
		out = binary.LittleEndian.AppendUint16(out, a.id)
		if a.id == 0x0b {
			out = append(out, digest[:]...)
		} else {
			out = append(out, make([]byte, a.size)...)
		}
	}
	return binary.LittleEndian.AppendUint32(out, 0)
}

// TestRows reaches each row of the table alone: a machine that shows the released boot
// but for one register, with a quote that is good.
func TestRows(t *testing.T) {
	one := attest.Digest{1}
	// run is a further event in a logged PCR: the log leads to the register.
	run := func(pcr int, digest attest.Digest) func(*forgery, *attest.Reference) {
		return func(f *forgery, _ *attest.Reference) {
			f.pcrs[pcr] = attest.Extend(f.pcrs[pcr], digest)
			f.log = extendedLog(f.log, uint32(pcr), digest)
		}
	}
	set := func(pcr int, value attest.Digest) func(*forgery, *attest.Reference) {
		return func(f *forgery, _ *attest.Reference) { f.pcrs[pcr] = value }
	}
	values := func(change func(*attest.TPM2UKI)) func(*forgery, *attest.Reference) {
		return func(_ *forgery, r *attest.Reference) {
			for i := range r.Images {
				if r.Images[i].TPM2UKI != nil {
					copied := *r.Images[i].TPM2UKI
					change(&copied)
					r.Images[i].TPM2UKI = &copied
				}
			}
		}
	}
	words := func(text string) attest.Digest { return sha256.Sum256([]byte(text)) }
	b := read(t, "released")
	image, kernel := b.os().Authenticode, b.os().KernelAuthenticode
	for name, test := range map[string]struct {
		change func(*forgery, *attest.Reference)
		want   []attest.Code
	}{
		"nothing changed":                     {func(*forgery, *attest.Reference) {}, nil},
		"4: a program that is not named":      {run(4, one), []attest.Code{attest.CodeBootChain}},
		"4: the image twice":                  {run(4, image), []attest.Code{attest.CodeBootChain}},
		"4: the kernel, with Secure Boot on":  {run(4, kernel), []attest.Code{attest.CodeBootChain}},
		"4: the separator twice":              {run(4, sha256.Sum256(make([]byte, 4))), []attest.Code{attest.CodeBootChain}},
		"4: a boot option that returned":      {run(4, words("Returning from EFI Application from Boot Option")), nil},
		"4: another option called":            {run(4, words("Calling EFI Application from Boot Option")), nil},
		"4: words that sound alike":           {run(4, words("Exit Boot Services Invocation")), []attest.Code{attest.CodeBootChain}},
		"4: a kernel that is always measured": {values(func(v *attest.TPM2UKI) { v.KernelMeasured = attest.KernelMeasuredAlways }), []attest.Code{attest.CodeBootChain}},
		"4: a kernel that is never measured":  {values(func(v *attest.TPM2UKI) { v.KernelMeasured = attest.KernelMeasuredNever }), nil},
		"4: another image":                    {values(func(v *attest.TPM2UKI) { v.Authenticode = one }), []attest.Code{attest.CodeBootChain}},
		"4: not what the log leads to":        {set(4, one), []attest.Code{attest.CodeEventLog, attest.CodeBootChain}},
		"7: not what the log leads to":        {set(7, one), []attest.Code{attest.CodeEventLog, attest.CodeBootChain, attest.CodeSecureBoot}},
		"9: a third event":                    {run(9, one), []attest.Code{attest.CodeKernelInputs}},
		"9: another command line":             {values(func(v *attest.TPM2UKI) { v.Cmdline += " debug" }), []attest.Code{attest.CodeKernelInputs}},
		"9: another initrd":                   {values(func(v *attest.TPM2UKI) { v.Initrd = one }), []attest.Code{attest.CodeKernelInputs}},
		"9: the other order":                  {values(func(v *attest.TPM2UKI) { v.PCR9 = []string{attest.PCR9Initrd, attest.PCR9Cmdline} }), []attest.Code{attest.CodeKernelInputs}},
		"9: one event stated twice":           {values(func(v *attest.TPM2UKI) { v.PCR9 = []string{attest.PCR9Initrd, attest.PCR9Initrd} }), []attest.Code{attest.CodeKernelInputs}},
		"11: another section":                 {values(func(v *attest.TPM2UKI) { v.Sections = v.Sections[1:] }), []attest.Code{attest.CodeKernelImage}},
		"11: a phase that did not run":        {values(func(v *attest.TPM2UKI) { v.Phases = []string{"enter-initrd"} }), []attest.Code{attest.CodeKernelImage}},
		"11: a phase more":                    {func(f *forgery, _ *attest.Reference) { f.pcrs[11] = attest.Extend(f.pcrs[11], words("ready")) }, []attest.Code{attest.CodeKernelImage}},
		"8: not zero":                         {set(8, one), []attest.Code{attest.CodeUnusedPCRs}},
		"12: not zero":                        {set(12, one), []attest.Code{attest.CodeUnusedPCRs}},
		"13: not zero":                        {set(13, one), []attest.Code{attest.CodeUnusedPCRs}},
		"14: not zero":                        {set(14, one), []attest.Code{attest.CodeUnusedPCRs}},
		"15: zero":                            {set(15, attest.Digest{}), []attest.Code{attest.CodeLedger}},
		"15: extended after the lock":         {func(f *forgery, _ *attest.Reference) { f.pcrs[15] = attest.Extend(f.pcrs[15], one) }, []attest.Code{attest.CodeLedger}},
		"15: not locked":                      {func(f *forgery, _ *attest.Reference) { f.pcrs[15] = unlocked(b.reference) }, []attest.Code{attest.CodeLedger}},
		"1: anything": {func(f *forgery, _ *attest.Reference) {
			f.pcrs[1] = attest.Extend(f.pcrs[1], one)
			f.log = extendedLog(f.log, 1, one)
		}, nil},
		"10: anything":                         {set(10, one), nil},
		"no firmware image, which is required": {func(_ *forgery, r *attest.Reference) { r.Policy.FirmwareNotChecked = false }, []attest.Code{attest.CodeFirmware}},
		"no event log":                         {func(f *forgery, _ *attest.Reference) { f.log = nil }, []attest.Code{attest.CodeEventLog, attest.CodeBootChain, attest.CodeSecureBoot}},
		"an event log that cannot be read":     {func(f *forgery, _ *attest.Reference) { f.log = f.log[:len(f.log)-1] }, []attest.Code{attest.CodeEventLog, attest.CodeBootChain, attest.CodeSecureBoot}},
		"another release":                      {func(_ *forgery, r *attest.Reference) { r.Release = one }, []attest.Code{attest.CodeEvidenceBinding, attest.CodeLedger}},
		"a model more in the release": {func(_ *forgery, r *attest.Reference) {
			r.Images = append(slices.Clone(r.Images), attest.Image{Digest: one, Kind: attest.KindModel})
		}, []attest.Code{attest.CodeEvidenceBinding, attest.CodeLedger}},
	} {
		t.Run(name, func(t *testing.T) {
			f := forge(t, b)
			reference := f.trusted(b.reference)
			changed := reference
			changed.Images = slices.Clone(reference.Images)
			test.change(f, &changed)
			want(t, judge(t, f.answer(reference), changed), test.want...)
		})
	}
}

// unlocked is the ledger of a release before its lock.
func unlocked(reference attest.Reference) (value attest.Digest) {
	matched, _ := reference.Match(tpm.Profile)
	events := matched.Ledger.Events()
	for _, event := range events[:len(events)-1] {
		value = attest.Extend(value, event.SHA256())
	}
	return value
}

// TestFirmware: each register that the release's firmware image lists decides.
func TestFirmware(t *testing.T) {
	b := read(t, "released")
	listed := func(change func(attest.FirmwarePCRs)) attest.Judgement {
		f := forge(t, b)
		reference := f.trusted(b.reference)
		reference.Policy.FirmwareNotChecked = false
		values := attest.FirmwarePCRs{}
		for _, pcr := range []int{0, 2, 3, 6} {
			values[pcr] = []attest.Digest{{9}, b.pcrs[pcr]}
		}
		change(values)
		reference.Images = append(slices.Clone(reference.Images), attest.Image{Digest: attest.Digest{5}, Kind: attest.KindFirmware, FirmwarePCRs: &values})
		return judge(t, f.answer(reference), reference)
	}
	want(t, listed(func(attest.FirmwarePCRs) {}))
	want(t, listed(func(v attest.FirmwarePCRs) { v[7] = []attest.Digest{b.pcrs[7]} }))
	want(t, listed(func(v attest.FirmwarePCRs) { v[7] = []attest.Digest{{1}} }), attest.CodeFirmware)
	for _, pcr := range []int{0, 2, 3, 6} {
		want(t, listed(func(v attest.FirmwarePCRs) { v[pcr] = []attest.Digest{{9}} }), attest.CodeFirmware)
		want(t, listed(func(v attest.FirmwarePCRs) { delete(v, pcr) }), attest.CodeFirmware)
	}
}

// TestQuote: what the TPM signed, and with what.
func TestQuote(t *testing.T) {
	b := read(t, "released")
	for name, test := range map[string]struct {
		change func(*forgery)
		want   []attest.Code
	}{
		"another magic":                    {func(f *forgery) { f.change = flip(0) }, []attest.Code{attest.CodeQuoteForm, attest.CodeEvidenceBinding}},
		"not a quote":                      {func(f *forgery) { f.change = flip(5) }, []attest.Code{attest.CodeQuoteForm, attest.CodeEvidenceBinding}},
		"fewer PCRs":                       {func(f *forgery) { f.change = fromEnd(37, 0x7f) }, []attest.Code{attest.CodeQuoteForm, attest.CodeEvidenceBinding}},
		"PCRs above 15, too":               {func(f *forgery) { f.change = fromEnd(35, 1) }, []attest.Code{attest.CodeQuoteForm, attest.CodeEvidenceBinding}},
		"another bank":                     {func(f *forgery) { f.change = fromEnd(39, 0x0c) }, []attest.Code{attest.CodeQuoteForm, attest.CodeEvidenceBinding}},
		"the digest of other values":       {func(f *forgery) { f.change = fromEnd(1, 0) }, []attest.Code{attest.CodeQuoteForm}},
		"bytes left over":                  {func(f *forgery) { f.change = func(b []byte) []byte { return append(b, 0) } }, []attest.Code{attest.CodeQuoteForm, attest.CodeEvidenceBinding}},
		"another nonce, key or ledger":     {func(f *forgery) { f.change = flip(45) }, []attest.Code{attest.CodeEvidenceBinding}},
		"a key that is not restricted":     {func(f *forgery) { f.attributes &^= 1 << 16 }, []attest.Code{attest.CodeAKAttributes}},
		"a key that decrypts":              {func(f *forgery) { f.attributes |= 1 << 17 }, []attest.Code{attest.CodeAKAttributes}},
		"a key that can leave":             {func(f *forgery) { f.attributes &^= 1 << 1 }, []attest.Code{attest.CodeAKAttributes}},
		"a key that was loaded":            {func(f *forgery) { f.attributes &^= 1 << 5 }, []attest.Code{attest.CodeAKAttributes}},
		"a key that is not its parent's":   {func(f *forgery) { f.attributes &^= 1 << 4 }, []attest.Code{attest.CodeAKAttributes}},
		"a key that does not sign":         {func(f *forgery) { f.attributes &^= 1 << 18 }, []attest.Code{attest.CodeAKAttributes}},
		"a key with a reserved bit":        {func(f *forgery) { f.attributes |= 1 << 30 }, []attest.Code{attest.CodeAKAttributes}},
		"no certificate":                   {func(f *forgery) { f.bare = true }, []attest.Code{attest.CodeEKCertificate, attest.CodeAKBound}},
		"a certificate for something else": {func(f *forgery) { f.leaf = func(c *x509.Certificate) { c.UnknownExtKeyUsage = nil } }, []attest.Code{attest.CodeEKCertificate, attest.CodeAKBound}},
		"a certificate of an endorsement key": {func(f *forgery) {
			f.leaf = func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{2, 23, 133, 8, 1}} }
		}, []attest.Code{attest.CodeEKCertificate, attest.CodeAKBound}},
		"an expired certificate": {func(f *forgery) {
			f.leaf = func(c *x509.Certificate) { c.NotAfter = b.reference.Now.Add(-time.Second) }
		}, []attest.Code{attest.CodeEKCertificate, attest.CodeAKBound}},
		"a certificate of tomorrow": {func(f *forgery) {
			f.leaf = func(c *x509.Certificate) { c.NotBefore = b.reference.Now.Add(time.Hour) }
		}, []attest.Code{attest.CodeEKCertificate, attest.CodeAKBound}},
		"a critical extension that nobody knows": {func(f *forgery) {
			f.leaf = func(c *x509.Certificate) {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
			}
		}, []attest.Code{attest.CodeEKCertificate, attest.CodeAKBound}},
		"a critical name that is no directory name": {func(f *forgery) {
			f.leaf = func(c *x509.Certificate) {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: []byte{0x30, 3, 0x88, 1, 0x2a}}}
			}
		}, []attest.Code{attest.CodeEKCertificate, attest.CodeAKBound}},
	} {
		t.Run(name, func(t *testing.T) {
			f := forge(t, b)
			test.change(f)
			reference := f.trusted(b.reference)
			want(t, judge(t, f.answer(reference), reference), test.want...)
		})
	}
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= 1; return b }
}

func fromEnd(n int, value byte) func([]byte) []byte {
	return func(b []byte) []byte {
		if b[len(b)-n] == value {
			value ^= 1
		}
		b[len(b)-n] = value
		return b
	}
}

// TestSignature: a quote that somebody else signed, or that was changed.
func TestSignature(t *testing.T) {
	b := read(t, "released")
	f := forge(t, b)
	reference := f.trusted(b.reference)
	answer := f.answer(reference)
	answer.Evidence[tpm.PartAttest][80] ^= 1 // the clock
	want(t, judge(t, answer, reference), attest.CodeEvidenceSignature)
	answer = f.answer(reference)
	other := forge(t, b).answer(reference)
	answer.Evidence[tpm.PartSignature] = other.Evidence[tpm.PartSignature]
	want(t, judge(t, answer, reference), attest.CodeEvidenceSignature)
	// A real quote under another TPM's key.
	answer = b.answer
	answer.Evidence[tpm.PartAKPublic] = other.Evidence[tpm.PartAKPublic]
	want(t, judge(t, answer, b.reference), attest.CodeEvidenceSignature, attest.CodeAKBound)
}

// TestSession: whose session the evidence is of.
func TestSession(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*attest.Reference)
		want   []attest.Code
	}{
		"another nonce":               {func(r *attest.Reference) { r.Nonce[0] ^= 1 }, []attest.Code{attest.CodeEvidenceBinding}},
		"another connection":          {func(r *attest.Reference) { r.SPKI[0] ^= 1 }, []attest.Code{attest.CodeEvidenceBinding}},
		"no nonce":                    {func(r *attest.Reference) { r.Nonce = attest.Digest{} }, []attest.Code{attest.CodeEvidenceBinding}},
		"no connection":               {func(r *attest.Reference) { r.SPKI = attest.Digest{} }, []attest.Code{attest.CodeEvidenceBinding}},
		"the nonce as an epoch":       {func(r *attest.Reference) { r.Nonce, r.Epoch = attest.Digest{}, r.Nonce }, nil},
		"another epoch, the nonce":    {func(r *attest.Reference) { r.Epoch = attest.Digest{1} }, nil},
		"another epoch alone":         {func(r *attest.Reference) { r.Nonce, r.Epoch = attest.Digest{}, attest.Digest{1} }, []attest.Code{attest.CodeEvidenceBinding}},
		"no credential":               {func(r *attest.Reference) { r.Activated = nil }, []attest.Code{attest.CodeAKBound}},
		"a credential of another key": {func(r *attest.Reference) { r.Activated[0].AKName = append(bytes.Clone(r.Activated[0].AKName[:33]), 0) }, []attest.Code{attest.CodeAKBound}},
		"a credential of another TPM": {func(r *attest.Reference) { r.Activated[0].EKCertificate[0] ^= 1 }, []attest.Code{attest.CodeAKBound}},
		"a bystander":                 {func(r *attest.Reference) { r.Activated, r.Bystander = nil, true }, []attest.Code{attest.CodeAKBound}},
		"a root that is not named":    {func(r *attest.Reference) { r.Policy.TestRoots = nil }, []attest.Code{attest.CodeEKCertificate}},
		"after the certificates' end": {func(r *attest.Reference) { r.Now = r.Now.AddDate(9000, 0, 0) }, []attest.Code{attest.CodeEKCertificate}},
	} {
		t.Run(name, func(t *testing.T) {
			b := read(t, "released")
			test.change(&b.reference)
			want(t, judge(t, b.answer, b.reference), test.want...)
		})
	}
	// The chain must end in its root, and be whole.
	b := read(t, "released")
	b.answer.Certificates = b.answer.Certificates[:len(b.answer.Certificates)-1]
	want(t, judge(t, b.answer, b.reference), attest.CodeEKCertificate)
	b.answer.Certificates = b.answer.Certificates[:1]
	want(t, judge(t, b.answer, b.reference), attest.CodeEKCertificate)
}

// TestRegisters: a machine's own registers make the rows alone, by how far it came.
func TestRegisters(t *testing.T) {
	b := read(t, "released")
	own := func(stage tpm.Stage, change func(*[16]attest.Digest)) attest.Judgement {
		pcrs := b.pcrs
		change(&pcrs)
		return tpm.Registers(pcrs, b.answer.EventLog, stage).Judge(attest.Reference{Release: b.reference.Release, Images: b.reference.Images, Policy: b.reference.Policy})
	}
	same := func(*[16]attest.Digest) {}
	empty := func(pcrs *[16]attest.Digest) { pcrs[15] = attest.Digest{} }
	want(t, own(tpm.Stage{Ledger: tpm.LedgerLocked}, same))
	want(t, own(tpm.Stage{Ledger: tpm.LedgerEmptyOrLocked}, same))
	want(t, own(tpm.Stage{Ledger: tpm.LedgerEmptyOrLocked}, empty))
	want(t, own(tpm.Stage{Ledger: tpm.LedgerEmpty}, empty))
	want(t, own(tpm.Stage{Ledger: tpm.LedgerEmpty}, same), attest.CodeLedger)
	want(t, own(tpm.Stage{Ledger: tpm.LedgerLocked}, empty), attest.CodeLedger)
	want(t, own(tpm.Stage{Ledger: tpm.LedgerEmptyOrLocked}, func(p *[16]attest.Digest) { p[15] = attest.Digest{1} }), attest.CodeLedger)
	want(t, own(tpm.Stage{Ledger: tpm.LedgerLocked}, func(p *[16]attest.Digest) { p[12] = attest.Digest{1} }), attest.CodeUnusedPCRs)
}

// TestReadRefuses: parts that are missing, surplus or not in their form.
func TestReadRefuses(t *testing.T) {
	for name, change := range map[string]func(*attest.Answer){
		"another profile":    func(a *attest.Answer) { a.Profile = "snp-direct/v1" },
		"no quote":           func(a *attest.Answer) { delete(a.Evidence, tpm.PartAttest) },
		"a second evidence":  func(a *attest.Answer) { a.Evidence["report"] = []byte("x") },
		"fewer values":       func(a *attest.Answer) { a.Evidence[tpm.PartPCRs] = a.Evidence[tpm.PartPCRs][32:] },
		"no key":             func(a *attest.Answer) { a.Evidence[tpm.PartAKPublic] = []byte{0} },
		"a longer key":       func(a *attest.Answer) { a.Evidence[tpm.PartAKPublic] = append(a.Evidence[tpm.PartAKPublic], 0) },
		"no signature":       func(a *attest.Answer) { a.Evidence[tpm.PartSignature] = []byte{0, 0x18} },
		"a longer signature": func(a *attest.Answer) { a.Evidence[tpm.PartSignature] = append(a.Evidence[tpm.PartSignature], 0) },
		"no certificate":     func(a *attest.Answer) { a.Certificates[1] = []byte("x") },
	} {
		b := read(t, "released")
		change(b.answer)
		if _, err := tpm.Read(b.answer); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

func FuzzParsePublic(f *testing.F) {
	f.Add(read(f, "released").answer.Evidence[tpm.PartAKPublic])
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := tpm.ParsePublic(data); err == nil && (p.Key == nil || len(p.Name) != 34) {
			t.Errorf("%x: a key without key or name", data)
		}
	})
}

func FuzzParseSignature(f *testing.F) {
	f.Add(read(f, "released").answer.Evidence[tpm.PartSignature])
	f.Fuzz(func(_ *testing.T, data []byte) { tpm.ParseSignature(data) })
}
