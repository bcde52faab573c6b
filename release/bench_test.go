package release

import "testing"

// benchmarkParse reads an entry as whoever replays a log does, signatures aside.
func benchmarkParse(b *testing.B, index int) {
	envelope := &Envelope{Payload: examplePayload(b, index)}
	for i := range 2 {
		if err := envelope.Add(Signature{KeyID{byte(i)}, make([]byte, 64)}); err != nil {
			b.Fatal(err)
		}
	}
	entry, err := envelope.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(entry)))
	b.ReportAllocs()
	for b.Loop() {
		envelope, err := ParseEnvelope(entry)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ParseStatement(envelope.Payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseRelease(b *testing.B)   { benchmarkParse(b, 3) }
func BenchmarkParseOSImage(b *testing.B)   { benchmarkParse(b, 1) }
func BenchmarkParseAuthority(b *testing.B) { benchmarkParse(b, 0) }
