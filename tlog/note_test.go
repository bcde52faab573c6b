package tlog

import (
	"errors"
	"strings"
	"testing"
)

// The examples of https://c2sp.org/signed-note.
const (
	exampleKey  = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
	exampleNote = "This is an example message.\n\n" +
		"— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
	poemNote = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n" +
		"— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)

func TestNoteSpecificationExample(t *testing.T) {
	key, err := ParseVerifierKey(exampleKey)
	if err != nil {
		t.Fatal(err)
	}
	if key.String() != exampleKey {
		t.Errorf("got key %s, want %s", key, exampleKey)
	}
	note, err := ParseNote([]byte(exampleNote))
	if err != nil {
		t.Fatal(err)
	}
	if err := key.VerifyNote(note.Text, note.Signatures[0]); err != nil {
		t.Error(err)
	}
	if err := key.VerifyNote(note.Text+"\n", note.Signatures[0]); !errors.Is(err, ErrSignature) {
		t.Errorf("changed text: got %v, want ErrSignature", err)
	}
}

func TestNoteTextEndsAtLastEmptyLine(t *testing.T) {
	note, err := ParseNote([]byte(poemNote))
	if err != nil {
		t.Fatal(err)
	}
	if want := "ed è subito sera.\n"; !strings.HasSuffix(note.Text, "\n\n"+want) {
		t.Errorf("got text %q, want the whole poem", note.Text)
	}
	if got := string(note.Marshal()); got != poemNote {
		t.Errorf("got %q, want the bytes that were read", got)
	}
}

func TestW2NoteMalformed(t *testing.T) {
	const sig = "— a AAAAAAA=\n"
	for name, c := range map[string]struct{ note, want string }{
		"empty":                    {"", "no empty line"},
		"text alone":               {"text\n", "no empty line"},
		"no signature":             {"text\n\n", "no signature line"},
		"missing last line feed":   {"text\n\n— a AAAAAAA=", "does not end in a line feed"},
		"CRLF":                     {"text\r\n\r\n" + sig, "control character 0x0d"},
		"CR in base64":             {"text\n\n— a AAAA\rAAA=\n", "control character 0x0d"},
		"NUL":                      {"te\x00xt\n\n" + sig, "control character 0x00"},
		"tab":                      {"te\txt\n\n" + sig, "control character 0x09"},
		"not UTF-8":                {"te\xffxt\n\n" + sig, "not UTF-8"},
		"hyphen for dash":          {"text\n\n- a AAAAAAA=\n", "em dash"},
		"no name":                  {"text\n\n—  AAAAAAA=\n", "name is empty"},
		"no base64":                {"text\n\n— a\n", "a space and base64"},
		"plus in name":             {"text\n\n— a+b AAAAAAA=\n", "plus sign"},
		"no-break space in name":   {"text\n\n— a\u00a0b AAAAAAA=\n", "space"},
		"two spaces":               {"text\n\n— a  AAAAAAA=\n", "not standard base64"},
		"trailing space":           {"text\n\n— a AAAAAAA= \n", "not standard base64"},
		"loose trailing bits":      {"text\n\n— a AAAAAAB=\n", "not standard base64"},
		"no padding":               {"text\n\n— a AAAAAAA\n", "not standard base64"},
		"URL base64":               {"text\n\n— a AAAA__A=\n", "not standard base64"},
		"key id alone":             {"text\n\n— a AAAAAA==\n", "a key id of 4 and a signature"},
		"second line not a line":   {"text\n\n" + sig + "text\n", "signature line 2"},
		"empty line among lines":   {"text\n\n" + sig + "\n", "no signature line"},
		"129 lines":                {"text\n\n" + strings.Repeat(sig, 129), "got 129 signature lines, want at most 128"},
		"over the greatest length": {strings.Repeat("a", MaxNote) + "\n\n" + sig, "want at most 1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseNote([]byte(c.note))
			wantError(t, err, c.want)
		})
	}
}

func TestC6NoteOf128Lines(t *testing.T) {
	data := "text\n\n" + strings.Repeat("— a AAAAAAA=\n", MaxSignatures)
	note, err := ParseNote([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	if string(note.Marshal()) != data {
		t.Error("the bytes written differ from those read")
	}
}

func TestSignNoteRefusesTextThatIsNoNote(t *testing.T) {
	key := testKey(t, "log.example", TypeEd25519)
	for _, text := range []string{"", "no line feed", "a\rb\n", "\xff\n", strings.Repeat("a", MaxNote) + "\n"} {
		if _, err := key.SignNote(text); err == nil {
			t.Errorf("signed %s", quote(text))
		}
	}
	cosigner := testKey(t, "w.example", TypeCosignatureEd25519)
	if _, err := cosigner.SignNote("text\n"); !errors.Is(err, ErrKeyType) {
		t.Errorf("a 0x04 key signed a text: %v", err)
	}
}

func TestParseSignatureLines(t *testing.T) {
	lines, err := ParseSignatureLines("— a AAAAAAA=\n— b AAAAAQI=\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 2 || lines[1].Name != "b" || lines[1].KeyID != 1 || string(lines[1].Sig) != "\x02" {
		t.Errorf("got %+v", lines)
	}
	for _, bad := range []string{"", "\n", "— a AAAAAAA=", "— a AAAAAAA=\n\n", strings.Repeat("— a AAAAAAA=\n", 129)} {
		if _, err := ParseSignatureLines(bad); err == nil {
			t.Errorf("accepted %s", quote(bad))
		}
	}
}

func FuzzParseNote(f *testing.F) {
	f.Add([]byte(exampleNote))
	f.Add([]byte(poemNote))
	f.Add([]byte("\n\n— a AAAAAAA=\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		note, err := ParseNote(data)
		if err != nil {
			return
		}
		if got := string(note.Marshal()); got != string(data) {
			t.Errorf("read %q, wrote %q", data, got)
		}
	})
}
