package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"

	"github.com/muster-log/muster/internal/strictjson"
)

// MaxEntry is the greatest size of an entry in bytes: an entry bundle of
// c2sp.org/tlog-tiles gives a length 16 bits.
const MaxEntry = 65535

// PayloadType is the payloadType of every envelope.
const PayloadType = "application/vnd.in-toto+json"

const (
	maxSignatures    = 64   // of an envelope
	maxSignatureSize = 8192 // of one signature, in bytes
)

// Envelope is a DSSE envelope: a payload and its signatures.
type Envelope struct {
	Payload    []byte
	Signatures []Signature // sorted by KeyID, one per key
}

// Signature is one key's signature over PAE(payload). Its bytes are in the
// form of the key's format.
type Signature struct {
	KeyID KeyID
	Sig   []byte
}

// ParseEnvelope reads an entry: at most MaxEntry bytes, canonical, with at
// least one signature. It checks no signature and does not look into the payload.
func ParseEnvelope(entry []byte) (*Envelope, error) {
	envelope, err := ParseDraft(entry)
	if err != nil {
		return nil, err
	}
	if len(envelope.Signatures) == 0 {
		return nil, Refuse(CodeSignatureNone, "signatures", "none", "at least one signature")
	}
	return envelope, nil
}

var (
	envelopeMembers  = []string{"payload", "payloadType", "signatures"}
	signatureMembers = []string{"keyid", "sig"}
)

// ParseDraft reads an envelope that may have no signatures yet: the same
// format, on its way from signer to signer.
func ParseDraft(data []byte) (*Envelope, error) {
	if len(data) == 0 || len(data) > MaxEntry {
		return nil, Refuse(CodeEntrySize, "", strconv.Itoa(len(data))+" bytes", "1 to "+strconv.Itoa(MaxEntry)+" bytes")
	}
	root, refusal := parseJSON(data, maxEnvelopeDepth)
	if refusal != nil {
		return nil, refusal
	}
	r := &reader{}
	if !r.object(root, envelopeMembers) {
		return nil, r.refusal
	}
	if v := root.Member("payloadType"); r.ascii(v) != PayloadType {
		r.refuse(v, CodePayloadType, PayloadType)
	}
	envelope := &Envelope{Signatures: r.signatures(root.Member("signatures"))}
	payload := root.Member("payload")
	if r.is(payload, strictjson.String) && payload.Text() == "" {
		r.refuseGot(payload, CodePayloadSize, "an empty payload", "a statement")
	}
	envelope.Payload = r.base64(payload, MaxEntry)
	if r.refusal != nil {
		return nil, r.refusal
	}
	return envelope, nil
}

// signatures returns the signatures of an envelope. They are in the order of
// their keyids, which here is also the order of their canonical bytes.
func (r *reader) signatures(v strictjson.Value) []Signature {
	if !r.length(v, 0, maxSignatures) {
		return nil
	}
	signatures := make([]Signature, 0, v.Len())
	for i, element := range v.Elements() {
		if !r.object(element, signatureMembers) {
			return nil
		}
		signature := Signature{KeyID: r.bareDigest(element.Member("keyid"))}
		if i > 0 {
			order := signature.KeyID.Compare(signatures[i-1].KeyID)
			if order == 0 {
				r.refuse(element.Member("keyid"), CodeSignatureRepeated, "one signature by a key")
			} else if order < 0 {
				r.refuse(element.Member("keyid"), CodeSignatureOrder, "signatures sorted by keyid")
			}
		}
		signature.Sig = r.base64(element.Member("sig"), maxSignatureSize)
		if r.refusal != nil {
			return nil
		}
		signatures = append(signatures, signature)
	}
	return signatures
}

// Marshal returns the envelope's canonical bytes, also of a draft. It refuses
// an envelope that ParseDraft would refuse.
func (e *Envelope) Marshal() ([]byte, error) {
	w := &writer{}
	w.open('{')
	w.text("payload", base64.StdEncoding.EncodeToString(e.Payload))
	w.text("payloadType", PayloadType)
	w.name("signatures")
	w.open('[')
	for _, signature := range e.Signatures {
		w.open('{')
		w.text("keyid", signature.KeyID.String())
		w.text("sig", base64.StdEncoding.EncodeToString(signature.Sig))
		w.close('}')
	}
	w.close(']')
	w.close('}')
	if _, err := ParseDraft(w.out); err != nil {
		return nil, err
	}
	return w.out, nil
}

// PayloadDigest returns the SHA-256 of the payload, by which the log knows an entry.
func (e *Envelope) PayloadDigest() Digest { return sha256.Sum256(e.Payload) }

// PAE returns the bytes that a signature is made over: DSSE's pre-authentication
// encoding of PayloadType and the payload.
func PAE(payload []byte) []byte {
	out := make([]byte, 0, len(payload)+64)
	out = append(out, "DSSEv1 "...)
	out = strconv.AppendInt(out, int64(len(PayloadType)), 10)
	out = append(out, " "+PayloadType+" "...)
	out = strconv.AppendInt(out, int64(len(payload)), 10)
	out = append(out, ' ')
	return append(out, payload...)
}

// Add inserts a signature in its place; it refuses a second one by the same key.
// It does not verify it.
func (e *Envelope) Add(signature Signature) error {
	at, found := slices.BinarySearchFunc(e.Signatures, signature.KeyID, func(s Signature, id KeyID) int { return s.KeyID.Compare(id) })
	member := "signatures[" + strconv.Itoa(at) + "]"
	switch {
	case found:
		return Refuse(CodeSignatureRepeated, member+".keyid", signature.KeyID.String(), "one signature by a key")
	case len(signature.Sig) == 0:
		return Refuse(CodeBase64, member+".sig", "an empty signature", "a signature")
	}
	signature.Sig = bytes.Clone(signature.Sig)
	e.Signatures = slices.Insert(e.Signatures, at, signature)
	return nil
}
