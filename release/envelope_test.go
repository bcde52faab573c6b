package release

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExampleEnvelopeIsReadAndWrittenByteForByte(t *testing.T) {
	entry := readExample(t, "03.envelope.json")
	envelope, err := ParseEnvelope(entry)
	if err != nil {
		t.Fatal(err)
	}
	if len(entry) != 1162 || !bytes.Equal(envelope.Payload, examplePayload(t, 3)) || envelope.PayloadDigest().String() != exampleDigests[3] {
		t.Errorf("payload: %s", envelope.Payload)
	}
	if len(envelope.Signatures) != 2 || envelope.Signatures[0].KeyID.String() != "6b901eabfe6e8f44a4283d09fc373bd287a8ffd1a7f9df67c61df53068bed7ff" ||
		len(envelope.Signatures[1].Sig) != 64 {
		t.Errorf("signatures: %+v", envelope.Signatures)
	}
	got, err := envelope.Marshal()
	if err != nil || !bytes.Equal(got, entry) {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestPAE(t *testing.T) {
	// The example of the protocol (github.com/secure-systems-lab/dsse/blob/master/protocol.md) with our payload type.
	if got := string(PAE([]byte("hello world"))); got != "DSSEv1 28 application/vnd.in-toto+json 11 hello world" {
		t.Errorf("got %q", got)
	}
	if got := string(PAE(nil)); got != "DSSEv1 28 application/vnd.in-toto+json 0 " {
		t.Errorf("got %q", got)
	}
}

func TestDraftPassesFromSignerToSigner(t *testing.T) {
	draft := &Envelope{Payload: examplePayload(t, 3)}
	data, err := draft.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseEnvelope(data); CodeOf(err) != CodeSignatureNone {
		t.Errorf("a draft as an entry: %v", err)
	}
	sig := []byte("third")
	for _, signature := range []Signature{{KeyID{3}, sig}, {KeyID{1}, []byte("first")}, {KeyID{2}, []byte("second")}} {
		if draft, err = ParseDraft(data); err != nil {
			t.Fatal(err)
		}
		if err := draft.Add(signature); err != nil {
			t.Fatal(err)
		}
		if data, err = draft.Marshal(); err != nil {
			t.Fatal(err)
		}
	}
	sig[0] = 'b' // Add keeps a copy
	entry, err := ParseEnvelope(data)
	if err != nil {
		t.Fatal(err)
	}
	want := []Signature{{KeyID{1}, []byte("first")}, {KeyID{2}, []byte("second")}, {KeyID{3}, []byte("third")}}
	if diff := cmp.Diff(want, entry.Signatures); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantRefusal(t, entry.Add(Signature{KeyID{2}, []byte("again")}), CodeSignatureRepeated, "signatures[1].keyid")
	wantRefusal(t, entry.Add(Signature{KeyID{4}, nil}), CodeBase64, "signatures[3].sig")
	if len(entry.Signatures) != 3 {
		t.Error("a refused signature was added")
	}
}

func TestEnvelopeMarshalRefusesWhatIsNotReadBack(t *testing.T) {
	sig := []byte("x")
	for name, c := range map[string]struct {
		envelope Envelope
		code     Code
		member   string
	}{
		"no payload":      {Envelope{}, CodePayloadSize, "payload"},
		"too large":       {Envelope{Payload: bytes.Repeat(sig, 49200)}, CodeEntrySize, ""},
		"unsorted":        {Envelope{sig, []Signature{{KeyID{2}, sig}, {KeyID{1}, sig}}}, CodeSignatureOrder, "signatures[1].keyid"},
		"repeated":        {Envelope{sig, []Signature{{KeyID{2}, sig}, {KeyID{2}, sig}}}, CodeSignatureRepeated, "signatures[1].keyid"},
		"empty signature": {Envelope{sig, []Signature{{KeyID{2}, nil}}}, CodeBase64, "signatures[0].sig"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.envelope.Marshal()
			wantRefusal(t, err, c.code, c.member)
		})
	}
}

func TestLargestEntry(t *testing.T) {
	envelope := Envelope{Payload: bytes.Repeat([]byte("x"), 49074)}
	for {
		entry, err := envelope.Marshal()
		if err != nil {
			wantRefusal(t, err, CodeEntrySize, "")
			break
		}
		if _, err := ParseDraft(entry); err != nil || len(entry) > MaxEntry {
			t.Fatalf("%d bytes: %v", len(entry), err)
		}
		envelope.Payload = append(envelope.Payload, 'x')
	}
	if base64.StdEncoding.EncodedLen(len(envelope.Payload)) <= MaxEntry-100 {
		t.Errorf("a payload of %d bytes is refused", len(envelope.Payload))
	}
}

// envelopeRefusals: what is wrong with an entry as an envelope. A case changes
// entry 3 of the example by one replacement.
var envelopeRefusals = []refusalCase{
	{"white space", `{"payload":`, `{ "payload":`, CodeJSONNotCanonical, ""},
	{"a second entry", `}]}`, `}]}{}`, CodeJSONSyntax, ""},
	{"a null", `"payloadType":"application/vnd.in-toto+json"`, `"payloadType":null`, CodeJSONNull, "payloadType"},
	{"a member twice", `"payloadType":`, `"payload":"eA==","payloadType":`, CodeJSONDuplicate, "payload"},
	{"members out of order", `"payloadType":`, `"pay":1,"payloadType":`, CodeJSONNotCanonical, "pay"},
	{"an unknown member", `}]}`, `}],"x":1}`, CodeMemberUnknown, "x"},
	{"no signatures member", `,"signatures":[`, `,"sigs":[`, CodeMemberMissing, "signatures"},
	{"deeper", `{"keyid":"6b90`, `{"key":{"x":1},"keyid":"6b90`, CodeJSONDepth, "signatures[0].key"},
	{"another payload type", `vnd.in-toto+json`, `vnd.in-toto+xml`, CodePayloadType, "payloadType"},
	{"a payload type of another kind", `"application/vnd.in-toto+json"`, `7`, CodeMemberType, "payloadType"},
	{"loose bits", `In19XX0=`, `In19XX1=`, CodeBase64, "payload"},
	{"no padding", `In19XX0=`, `In19XX0`, CodeBase64, "payload"},
	{"the URL alphabet", `"sig":"/Zo`, `"sig":"_Zo`, CodeBase64, "signatures[0].sig"},
	{"a line break in base64", `"sig":"/Zo`, `"sig":"\n/Zo`, CodeStringASCII, "signatures[0].sig"},
	{"an upper case keyid", `"keyid":"6b901e`, `"keyid":"6B901e`, CodeDigest, "signatures[0].keyid"},
	{"a short keyid", `"keyid":"6b901e`, `"keyid":"6b901`, CodeDigest, "signatures[0].keyid"},
	{"a keyid with a newline", `"keyid":"6b901e`, `"keyid":"\n6b90`, CodeStringASCII, "signatures[0].keyid"},
	{"signatures out of order", `"keyid":"6b901e`, `"keyid":"ab901e`, CodeSignatureOrder, "signatures[1].keyid"},
	{"two signatures by a key", `"keyid":"9906c4a4af218820c9cc5f956db8d0103b2667f01e3b9efc179d2cddecbab67a"`,
		`"keyid":"6b901eabfe6e8f44a4283d09fc373bd287a8ffd1a7f9df67c61df53068bed7ff"`, CodeSignatureRepeated, "signatures[1].keyid"},
	{"a member of a signature", `"sig":"/Zo`, `"s":1,"sig":"/Zo`, CodeMemberUnknown, "signatures[0].s"},
	{"an overlong signature", `"sig":"/Zo`, `"sig":"` + strings.Repeat("AAAA", 2800) + `/Zo`, CodeStringLength, "signatures[0].sig"},
	{"65 signatures", `"signatures":[`, `"signatures":[` + strings.Repeat(`1,`, 63), CodeListSize, "signatures"},
	{"values without end", `"signatures":[`, `"signatures":[` + strings.Repeat(`1,`, 5000), CodeJSONSize, "signatures[4092]"},
}

func TestEnvelopeRefusals(t *testing.T) {
	entry := string(readExample(t, "03.envelope.json"))
	for _, c := range envelopeRefusals {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseEnvelope(c.change(t, entry))
			wantRefusal(t, err, c.code, c.member)
			_, err = ParseDraft(c.change(t, entry))
			wantRefusal(t, err, c.code, c.member)
		})
	}
	for name, c := range map[string]struct {
		entry  string
		code   Code
		member string
	}{
		"nothing":       {"", CodeEntrySize, ""},
		"65,536 bytes":  {strings.Repeat(" ", MaxEntry+1), CodeEntrySize, ""},
		"65,535 bytes":  {strings.Repeat("[", MaxEntry), CodeJSONDepth, "[0][0][0]"},
		"a list":        {"[]", CodeMemberType, ""},
		"empty payload": {`{"payload":"","payloadType":"application/vnd.in-toto+json","signatures":[]}`, CodePayloadSize, "payload"},
		"no signature":  {`{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}`, CodeSignatureNone, "signatures"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseEnvelope([]byte(c.entry))
			wantRefusal(t, err, c.code, c.member)
		})
	}
}
