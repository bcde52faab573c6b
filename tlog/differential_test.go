package tlog

import (
	"strings"
	"testing"

	formatslog "github.com/transparency-dev/formats/log"
	formatsproof "github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
)

// FuzzNoteAgainstModNote: what we read and verify, golang.org/x/mod/sumdb/note
// does too, with the same text; what it opens and we read has one meaning.
func FuzzNoteAgainstModNote(f *testing.F) {
	key := testKey(f, "log.example", TypeEd25519)
	verifier, err := note.NewVerifier(key.Verifier().String())
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{"text\n", "\n", "a\n\nb\n", "log.example\n3\n" + EmptyRoot.String() + "\n"} {
		sig, err := key.SignNote(text)
		if err != nil {
			f.Fatal(err)
		}
		signed := string((&Note{Text: text, Signatures: []NoteSignature{sig}}).Marshal())
		f.Add(signed)
		f.Add(signed + sig.Line() + "— other.example AAAAAAA=\n")
		f.Add(strings.Replace(signed, "=\n", "\n", 1))
		f.Add(strings.ReplaceAll(signed, "\n", "\r\n"))
	}
	f.Fuzz(func(t *testing.T, data string) {
		if len(data) > 1e6 {
			return // they read no more
		}
		theirs, theirError := note.Open([]byte(data), note.VerifierList(verifier))
		ours, err := ParseNote([]byte(data))
		if err != nil {
			return // we may be stricter
		}
		verified := false
		for _, sig := range ours.Signatures {
			if key.Verifier().Made(sig) {
				if key.Verifier().VerifyNote(ours.Text, sig) != nil {
					return // one false line is enough for us
				}
				verified = true
			}
		}
		if verified && len(ours.Signatures) <= 100 && theirError != nil {
			t.Fatalf("we verify %q, they say %v", data, theirError)
		}
		if theirError == nil && (!verified || theirs.Text != ours.Text) {
			t.Fatalf("of %q they verify %q, we read %q, verified %v", data, theirs.Text, ours.Text, verified)
		}
	})
}

// FuzzCheckpointAgainstFormats: a checkpoint that we read says the same to
// github.com/transparency-dev/formats.
func FuzzCheckpointAgainstFormats(f *testing.F) {
	for _, lines := range []string{"3\n" + EmptyRoot.String() + "\n", "010\n" + EmptyRoot.String() + "\n", "0\nAAAA\n", "0\n" + EmptyRoot.String() + "\nx\ny\n", "9223372036854775807\n" + EmptyRoot.String() + "\n\n"} {
		f.Add("log.example\n" + lines)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ours, err := ParseCheckpointText(text)
		if err != nil {
			return
		}
		var theirs formatslog.Checkpoint
		rest, err := theirs.Unmarshal([]byte(text))
		if err != nil {
			t.Fatalf("we read %q, they say %v", text, err)
		}
		if theirs.Origin != ours.Origin || theirs.Size != ours.Size || Hash(theirs.Hash) != ours.Root || string(theirs.Marshal())+string(rest) != text {
			t.Fatalf("of %q we read %+v, they %+v and %q", text, ours, theirs, rest)
		}
	})
}

// FuzzProofAgainstFormats: likewise a tlog-proof.
func FuzzProofAgainstFormats(f *testing.F) {
	good := string(testProof(f, []byte("extra data")).Marshal())
	f.Add(good)
	f.Add(string(testProof(f, nil).Marshal()))
	f.Add(strings.Replace(good, "index 4", "index +4", 1))
	f.Add(strings.Replace(good, "index 4", "index 004", 1))
	f.Fuzz(func(t *testing.T, text string) {
		ours, err := ParseProof([]byte(text))
		if err != nil {
			return
		}
		var theirs formatsproof.TLogProof
		if err := theirs.Unmarshal([]byte(text)); err != nil {
			t.Fatalf("we read %q, they say %v", text, err)
		}
		if theirs.Index != ours.Index || string(theirs.ExtraData) != string(ours.Extra) || len(theirs.Hashes) != len(ours.Inclusion) || string(theirs.Marshal()) != text {
			t.Fatalf("of %q we read %+v, they %+v", text, ours, theirs)
		}
	})
}
