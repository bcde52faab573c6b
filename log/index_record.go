package log

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// NewRecord makes the record of an entry and of what the register keeps of it.
// It decodes the entry again and verifies nothing: the register has.
func NewRecord(entry []byte, kept register.Record) Record {
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		return makeRecord(entry, kept, nil, nil)
	}
	statement, err := release.ParseStatement(envelope.Payload)
	if err != nil {
		statement = nil
	}
	return makeRecord(entry, kept, envelope, statement)
}

// makeRecord makes the record of an entry that is decoded already. envelope and
// statement are nil where they could not be decoded.
func makeRecord(entry []byte, kept register.Record, envelope *release.Envelope, statement *release.Statement) Record {
	record := Record{
		Index:   kept.Index,
		Status:  kept.Status,
		Entry:   sha256.Sum256(entry),
		Payload: kept.Digest,
	}
	if kept.Refusal != nil {
		record.Code = kept.Refusal.Code
	}
	record.mention(RelationEntry, record.Entry)
	if envelope == nil {
		return record
	}
	record.mention(RelationPayload, record.Payload)
	for _, signature := range envelope.Signatures {
		record.Signers = append(record.Signers, signature.KeyID)
		record.mention(RelationSigner, signature.KeyID)
	}
	if statement == nil {
		return record
	}
	record.Type, record.Predicate = statement.Type, statement.URI
	record.Product, record.Issued = statement.Product(), statement.Issued()
	switch predicate := statement.Predicate.(type) {
	case *release.Authority:
		record.authority(predicate)
	case *release.Image:
		record.image(predicate)
	case *release.Release:
		record.release(predicate)
	case *release.Withdrawal:
		record.mention(RelationTarget, predicate.Target)
		record.mentionMaybe(RelationReplacement, predicate.Replacement)
	case *release.Roll:
		record.Name = predicate.Origin
		record.mention(RelationTreeRoot, predicate.Root)
		record.mention(RelationLive, predicate.Live...)
	case *release.Finding:
		record.mention(RelationTarget, predicate.Entry)
	}
	return record
}

func (r *Record) mention(relation Relation, digests ...release.Digest) {
	for _, digest := range digests {
		r.Mentions = append(r.Mentions, Mention{Digest: digest, Relation: relation})
	}
}

func (r *Record) mentionMaybe(relation Relation, digest *release.Digest) {
	if digest != nil {
		r.mention(relation, *digest)
	}
}

// mentionHex mentions a digest that stands as bare hexadecimal digits; other
// text, which the form rules would have refused, is left out.
func (r *Record) mentionHex(relation Relation, text string) {
	var digest release.Digest
	if len(text) == hex.EncodedLen(len(digest)) {
		if _, err := hex.Decode(digest[:], []byte(text)); err == nil {
			r.mention(relation, digest)
		}
	}
}

func (r *Record) authority(authority *release.Authority) {
	r.Name, r.NotAfter = authority.Origin, authority.Expires
	r.Version = strconv.Itoa(authority.Version)
	r.mentionMaybe(RelationPrevious, authority.Previous)
	for id := range authority.Keys {
		r.mention(RelationKey, id)
	}
}

func (r *Record) release(approved *release.Release) {
	r.Channel, r.Version, r.NotAfter = approved.Channel, approved.Version, approved.NotAfter
	r.Identity = approved.Identity()
	r.mention(RelationIdentity, r.Identity)
	r.mention(RelationImage, approved.Images...)
	r.mention(RelationReinstates, approved.Reinstates...)
}

func (r *Record) image(image *release.Image) {
	r.Kind, r.Name, r.Version, r.NotAfter = image.Kind, image.Name, image.Version, image.PublishBy
	for _, artifact := range image.Artifacts {
		r.mention(RelationArtifact, artifact.Digest)
	}
	r.mention(RelationProvenance, image.Provenance...)
	if uki := image.Measurements.TPM2UKI; uki != nil {
		r.mention(RelationAuthenticode, uki.Authenticode)
		r.mention(RelationKernelAuthenticode, uki.KernelAuthenticode)
		r.mention(RelationInitrd, uki.Initrd)
		for _, section := range uki.Sections {
			r.mention(RelationSection, section.Digest)
		}
		r.mentionHex(RelationRootHash, uki.Root.RootHash)
	}
	if verity := image.Measurements.Verity; verity != nil {
		r.mentionHex(RelationRootHash, verity.RootHash)
	}
	if model := image.Measurements.OMS; model != nil {
		r.mention(RelationModelRoot, model.Root)
		r.mentionMaybe(RelationModelManifest, model.Manifest)
		for _, resource := range model.Resources {
			r.mention(RelationResource, resource.Digest)
		}
	}
	if firmware := image.Measurements.FirmwarePCRs; firmware != nil {
		for _, values := range firmware.PCRs {
			r.mention(RelationFirmwarePCR, values...)
		}
	}
}
