package release

import (
	"bytes"
	"slices"
	"strconv"
)

// image writes the predicate and what follows it: the subjects are in the order
// of the artifacts, which are a set.
func (w *writer) image(i *Image) {
	type encoded struct {
		Artifact
		canonical []byte
	}
	artifacts := make([]encoded, len(i.Artifacts))
	for n, artifact := range i.Artifacts {
		part := &writer{}
		part.artifact(artifact)
		artifacts[n] = encoded{artifact, part.out}
	}
	slices.SortFunc(artifacts, func(a, b encoded) int { return bytes.Compare(a.canonical, b.canonical) })

	w.open('{')
	writeList(w, "artifacts", artifacts, func(w *writer, a encoded) { w.raw(a.canonical) })
	w.digest("authority", i.Authority)
	w.time("issued", i.Issued)
	w.text("kind", string(i.Kind))
	w.measurements(&i.Measurements)
	w.text("mode", string(i.Mode))
	w.text("name", i.Name)
	w.text("note", i.Note)
	w.text("product", i.Product)
	writeSet(w, "provenance", i.Provenance, (*writer).object)
	w.time("publishBy", i.PublishBy)
	w.integer("securityVersion", i.SecurityVersion)
	w.text("version", i.Version)
	w.close('}')
	subjects := make([]Subject, len(artifacts))
	for n := range artifacts {
		subjects[n] = Subject{Name: artifacts[n].Name, Digest: artifacts[n].Digest}
	}
	w.subjects(TypeImage, subjects...)
}

func (w *writer) artifact(a Artifact) {
	w.open('{')
	w.text("mediaType", a.MediaType)
	w.text("name", a.Name)
	w.text("sha256", a.Digest.String())
	w.integer("size", a.Size)
	writeList(w, "urls", a.URLs, (*writer).string)
	w.close('}')
}

func (w *writer) measurements(m *Measurements) {
	w.name("measurements")
	w.open('{')
	if m.FirmwarePCRs != nil {
		w.name(string(ProfileFirmwarePCRs))
		w.firmwarePCRs(m.FirmwarePCRs)
	}
	if m.OMS != nil {
		w.name(string(ProfileOMS))
		w.oms(m.OMS)
	}
	if m.TPM2UKI != nil {
		w.name(string(ProfileTPM2UKI))
		w.tpm2UKI(m.TPM2UKI)
	}
	if m.Verity != nil {
		w.name(string(ProfileVerity))
		w.verity(m.Verity)
	}
	w.close('}')
}

func (w *writer) firmwarePCRs(f *FirmwarePCRs) {
	w.open('{')
	w.text("basis", f.Basis)
	w.name("pcrs")
	w.open('{')
	names := make(map[string][]Digest, len(f.PCRs))
	for pcr, values := range f.PCRs {
		names[strconv.Itoa(pcr)] = values
	}
	for _, name := range sortedNames(names) {
		writeSet(w, name, names[name], (*writer).object)
	}
	w.close('}')
	w.close('}')
}

func (w *writer) oms(o *OMS) {
	w.open('{')
	if o.Manifest != nil {
		w.digest("manifest", *o.Manifest)
	}
	if o.Resources != nil {
		writeSet(w, "resources", o.Resources, func(w *writer, r Resource) { w.named(r.Name, r.Digest) })
	}
	w.digest("root", o.Root)
	w.close('}')
}

func (w *writer) named(name string, digest Digest) {
	w.open('{')
	w.text("name", name)
	w.text("sha256", digest.String())
	w.close('}')
}

func (w *writer) tpm2UKI(u *TPM2UKI) {
	w.open('{')
	w.digest("authenticode", u.Authenticode)
	w.text("cmdline", u.Cmdline)
	w.signed("cmdlineRules", u.CmdlineRules)
	w.digest("initrd", u.Initrd)
	w.digest("kernelAuthenticode", u.KernelAuthenticode)
	w.text("kernelMeasured", u.KernelMeasured)
	writeList(w, "pcr9", u.PCR9, (*writer).string)
	writeList(w, "phases", u.Phases, (*writer).string)
	w.name("root")
	w.verity(&u.Root)
	writeList(w, "sections", u.Sections, func(w *writer, s Section) { w.named(s.Name, s.Digest) })
	w.text("stub", u.Stub)
	w.close('}')
}

func (w *writer) verity(v *Verity) {
	w.open('{')
	w.text("algorithm", v.Algorithm)
	w.integer("dataBlockSize", v.DataBlockSize)
	w.integer("dataBlocks", v.DataBlocks)
	w.text("fileSystem", v.FileSystem)
	w.integer("hashBlockSize", v.HashBlockSize)
	w.integer("hashOffset", v.HashOffset)
	w.text("rootHash", v.RootHash)
	w.text("salt", v.Salt)
	w.close('}')
}
