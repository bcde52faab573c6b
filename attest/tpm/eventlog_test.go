package tpm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// ukiLog is the event log of a real boot: testdata/README.md.
func ukiLog(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/uki-eventlog.bin")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestReplayRealBoot(t *testing.T) {
	log, err := ParseEventLog(ukiLog(t))
	if err != nil {
		t.Fatal(err)
	}
	for pcr, want := range map[int]string{
		0: "eaa650ae9b6b9c6d0ef4fab4dda3af9769f23c839ca3c98307a7a84831cbb472",
		4: "058ec311f7c2beb413473ce0c65fd8b347b422f8604a92bd68e29a0d40622dd0",
		7: "65caf8dd1e0ea7a6347b635d2b379c93b9a1351edc2afc3ecda700e534eb3068",
		9: "a47973da0c77a6732d5b6a9219a548d67cd39bf2b513ddafd0f5d1116d25c012",
	} {
		got, err := log.Replay(pcr)
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(got[:]) != want {
			t.Errorf("PCR %d: got %x, want %s", pcr, got, want)
		}
	}
	if got := len(log.Digests(9)); got != 2 {
		t.Errorf("PCR 9: got %d events, want 2: the command line and the initrd", got)
	}
}

func TestReplayOnlyFirmware(t *testing.T) {
	log := &EventLog{}
	for pcr := -1; pcr <= pcrCount; pcr++ {
		_, err := log.Replay(pcr)
		if want := pcr >= 0 && pcr <= 7 || pcr == 9; (err == nil) != want {
			t.Errorf("PCR %d: got %v", pcr, err)
		}
	}
}

// TestAlteredBank: a changed SHA-256 digest changes the replay; a changed digest
// of another bank, or changed data, changes nothing that is replayed.
func TestAlteredBank(t *testing.T) {
	data := ukiLog(t)
	log, err := ParseEventLog(data)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := log.Replay(4)
	digest := log.Digests(4)[0]
	at := bytes.Index(data, digest[:])
	replay := func(offset int) [32]byte {
		t.Helper()
		altered := bytes.Clone(data)
		altered[offset] ^= 1
		log, err := ParseEventLog(altered)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := log.Replay(4)
		return got
	}
	if replay(at) == want {
		t.Error("a SHA-256 digest altered: the replay is the same")
	}
	if algorithm := binary.LittleEndian.Uint16(data[at+32:]); algorithm != 0x000c {
		t.Fatalf("after the SHA-256 digest: got algorithm %#x, want SHA-384", algorithm)
	}
	if replay(at+34) != want {
		t.Error("a SHA-384 digest altered: the SHA-256 replay differs")
	}
	if replay(at+34+48+4) != want {
		t.Error("an event's data altered: the replay differs")
	}
}

// header is a log's first event with one SHA-256 bank.
func header() []byte {
	spec := append(bytes.Clone(specSignature), 0, 0, 0, 0, 0, 2, 0, 2, 1, 0, 0, 0, 0x0b, 0, 32, 0, 0)
	data := binary.LittleEndian.AppendUint32(nil, 0)
	data = binary.LittleEndian.AppendUint32(data, evNoAction)
	data = append(data, make([]byte, 20)...)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(spec)))
	return append(data, spec...)
}

// event is an event with the SHA-256 digest of text.
func event(pcr, kind uint32, text string) []byte {
	data := binary.LittleEndian.AppendUint32(nil, pcr)
	data = binary.LittleEndian.AppendUint32(data, kind)
	data = append(data, 1, 0, 0, 0, 0x0b, 0)
	digest := sha256.Sum256([]byte(text))
	data = append(data, digest[:]...)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(text)))
	return append(data, text...)
}

func TestStartupLocality(t *testing.T) {
	log, err := ParseEventLog(append(header(), event(0, evNoAction, "StartupLocality\x00\x03")...))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := log.Replay(0)
	if want := [32]byte{31: 3}; got != want {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestRefused(t *testing.T) {
	locality := event(0, evNoAction, "StartupLocality\x00\x03")
	change := func(offset int, value byte) []byte {
		data := append(header(), event(4, 1, "x")...)
		data[offset] = value
		return data
	}
	size := len(header())
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":                    {nil, "ends too early"},
		"too long":                 {make([]byte, MaxEventLog+1), "want at most"},
		"too many events":          {append(header(), bytes.Repeat(event(4, 1, "x"), MaxEvents+1)...), "more than"},
		"header in PCR 1":          {change(0, 1), "want PCR 0"},
		"header digest":            {change(8, 1), "a digest of zeros"},
		"old log":                  {change(32+14, '2'), "signature"},
		"no banks":                 {change(32+24, 0), "0 hash algorithms"},
		"many banks":               {change(32+24, 9), "9 hash algorithms"},
		"unknown bank":             {change(32+28, 0x77), "TCG registry"},
		"wrong length":             {change(32+30, 33), "TCG registry"},
		"no SHA-256 bank":          {change(32+28, 0x12), "no SHA-256 bank"},
		"vendor information":       {change(32+32, 1), "ends too early"},
		"PCR 24":                   {change(size, 24), "got PCR 24"},
		"no digest":                {change(size+8, 0), "got 0 digests"},
		"two digests":              {change(size+8, 2), "got 2 digests"},
		"another bank's digest":    {change(size+12, 0x0c), "algorithm 0xc"},
		"data too long":            {change(size+46, 2), "ends too early"},
		"bytes left over":          {append(header(), 0), "ends too early"},
		"two localities":           {append(append(header(), locality...), locality...), "second startup locality"},
		"unknown locality":         {append(header(), event(0, evNoAction, "StartupLocality\x00\x01")...), "startup locality 01"},
		"locality of another PCR":  {append(header(), event(1, evNoAction, "StartupLocality\x00\x03")...), "in PCR 1"},
		"locality without a value": {append(header(), event(0, evNoAction, "StartupLocality\x00")...), "startup locality"},
	} {
		if _, err := ParseEventLog(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

// TestTruncated: a log cut anywhere but between two events is refused.
func TestTruncated(t *testing.T) {
	data := append(header(), event(4, 1, "x")...)
	for n := range data {
		if _, err := ParseEventLog(data[:n]); (err == nil) != (n == len(header())) {
			t.Errorf("cut after %d bytes: got %v", n, err)
		}
	}
}

func FuzzParseEventLog(f *testing.F) {
	f.Add(ukiLog(f))
	f.Add(append(header(), event(0, evNoAction, "StartupLocality\x00\x03")...))
	f.Fuzz(func(t *testing.T, data []byte) {
		log, err := ParseEventLog(data)
		if err != nil {
			return
		}
		if len(log.Events) > MaxEvents {
			t.Fatalf("got %d events", len(log.Events))
		}
		for _, event := range log.Events {
			if event.Type == evNoAction || event.PCR < 0 || event.PCR >= pcrCount {
				t.Fatalf("got event %+v", event)
			}
		}
	})
}
