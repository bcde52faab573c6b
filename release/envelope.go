package release

// MaxEntry is the greatest size of an entry in bytes: an entry bundle of
// c2sp.org/tlog-tiles gives a length 16 bits.
const MaxEntry = 65535

// PayloadType is the payloadType of every envelope.
const PayloadType = "application/vnd.in-toto+json"

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
func ParseEnvelope(entry []byte) (*Envelope, error) { return nil, nil }

// ParseDraft reads an envelope that may have no signatures yet: the same
// format, on its way from signer to signer.
func ParseDraft(data []byte) (*Envelope, error) { return nil, nil }

// Marshal returns the envelope's canonical bytes, also of a draft. It refuses
// an envelope that ParseDraft would refuse.
func (e *Envelope) Marshal() ([]byte, error) { return nil, nil }

// PayloadDigest returns the SHA-256 of the payload, by which the log knows an entry.
func (e *Envelope) PayloadDigest() Digest { return Digest{} }

// PAE returns the bytes that a signature is made over: DSSE's pre-authentication
// encoding of PayloadType and the payload.
func PAE(payload []byte) []byte { return nil }

// Add inserts a signature in its place; it refuses a second one by the same key.
// It does not verify it.
func (e *Envelope) Add(signature Signature) error { return nil }
