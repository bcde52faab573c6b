package release

// release writes the predicate and what follows it: the subjects are a set.
func (w *writer) release(r *Release) {
	w.open('{')
	w.digest("authority", r.Authority)
	w.text("channel", r.Channel)
	w.time("issued", r.Issued)
	w.time("notAfter", r.NotAfter)
	w.text("note", r.Note)
	w.text("product", r.Product)
	writeSet(w, "reinstates", r.Reinstates, (*writer).object)
	w.text("version", r.Version)
	w.close('}')
	w.text("predicateType", TypeRelease.URI())
	writeSet(w, "subject", r.Images, func(w *writer, d Digest) { w.subject(Subject{Digest: d}) })
}

func (w *writer) withdrawal(p *Withdrawal) {
	w.open('{')
	w.digest("authority", p.Authority)
	w.time("issued", p.Issued)
	w.text("note", p.Note)
	w.text("product", p.Product)
	w.text("reason", p.Reason)
	if p.Replacement != nil {
		w.digest("replacement", *p.Replacement)
	}
	w.close('}')
}

func (w *writer) roll(r *Roll) {
	w.open('{')
	w.digest("authority", r.Authority)
	w.time("issued", r.Issued)
	writeSet(w, "live", r.Live, (*writer).object)
	w.text("product", r.Product)
	w.digest("root", r.Root)
	w.signed("rules", r.Rules)
	w.integer("size", r.Size)
	w.close('}')
}

func (w *writer) finding(f *Finding) {
	w.open('{')
	w.text("auditor", f.Auditor)
	w.digest("authority", f.Authority)
	w.time("issued", f.Issued)
	w.text("product", f.Product)
	w.text("reference", f.Reference)
	w.text("result", f.Result)
	w.close('}')
}
