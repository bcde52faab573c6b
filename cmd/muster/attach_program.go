package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
)

// signerKeys are the public keys that a signature can be by, where it does not say
// so itself.
type signerKeys struct {
	keys map[release.KeyID]release.Key
	// named: they are those of --key, and no others are meant.
	named bool
}

// signerKeysOf collects them: those of --key alone if there are any, else those of
// --names, of the authority, and of the document itself if it is one.
func (a *app) signerKeysOf(doc *document, keyFiles []string, authority string) (signerKeys, error) {
	found := signerKeys{keys: map[release.KeyID]release.Key{}, named: len(keyFiles) > 0}
	for _, path := range keyFiles {
		key, err := a.readPublicKey(path)
		if err != nil {
			return found, err
		}
		found.keys[key.ID()] = key
	}
	if found.named {
		return found, nil
	}
	maps.Insert(found.keys, maps.All(a.namedKeys))
	if own, ok := doc.statement.Predicate.(*release.Authority); ok {
		maps.Insert(found.keys, maps.All(own.Keys))
	}
	if authority != "" {
		other, err := a.readDocument(authority, release.TypeAuthority)
		if err != nil {
			return found, err
		}
		maps.Insert(found.keys, maps.All(other.statement.Predicate.(*release.Authority).Keys))
	}
	return found, nil
}

// judgeProgramSignature finds the key that a signature is by; the signature holds
// over this document, or it is refused with what was signed instead.
func judgeProgramSignature(doc *document, path string, made foreign.ProgramSignature, signers signerKeys) (release.Signature, error) {
	if made.Signer != nil {
		if _, among := signers.keys[made.Signer.ID()]; signers.named && !among {
			return release.Signature{}, fail(exitcode.Refused, "signer-other", "give the public key of who signed, or leave --key out: this signature names its key",
				fmt.Errorf("%s is by the SSH key %s, want one of --key", path, made.Signer.ID()))
		}
		signers.keys = map[release.KeyID]release.Key{made.Signer.ID(): *made.Signer}
	}
	found := foreign.FindSigner(doc.envelope.Payload, &made, signers.keys)
	tried, why := found.Tried, found.Why
	switch {
	case len(found.Holds) == 1:
		return found.Holds[0], nil
	case len(found.Holds) > 1:
		return release.Signature{}, fail(exitcode.Usage, "signer-ambiguous", "say which with --key", fmt.Errorf("%s holds by %d keys of the authority that are one", path, len(found.Holds)))
	case len(tried) == 0 && signers.named:
		return release.Signature{}, fail(exitcode.Refused, "signer-other", "give the public key of who signed",
			fmt.Errorf("%s is a signature of %s, which no key of --key makes: got %s", path, made.Program, formatsOf(signers.keys)))
	case len(tried) == 0:
		return release.Signature{}, fail(exitcode.Usage, "signer-unknown", "name the signer's public key with --key, or the authority with --authority",
			fmt.Errorf("%s is a signature of %s that does not say by whom, and no key that could have made it is given", path, made.Program))
	}
	hint := fmt.Sprintf("sign the file of muster %s pae %s, with the command line that it shows", doc.statement.Type, doc.path)
	if said := doc.signedInstead(made.Sig, tried); said != "" {
		return release.Signature{}, fail(exitcode.Refused, string(release.CodeSignatureInvalid), hint, fmt.Errorf("%s is a signature of %s, want one of what pae writes", path, said))
	}
	if len(tried) > 1 {
		why = fmt.Errorf("a signature of %s over something else, or by none of the %d keys that could have made it", made.Program, len(tried))
	}
	return release.Signature{}, fail(exitcode.Refused, string(release.CodeSignatureInvalid), hint, fmt.Errorf("%s: %w", path, why))
}

// formatsOf lists the formats of keys.
func formatsOf(keys map[release.KeyID]release.Key) string {
	formats := map[string]bool{}
	for _, key := range keys {
		formats["format "+string(key.Format)] = true
	}
	return list(slices.Sorted(maps.Keys(formats)))
}

// signedInstead says what else of the document a signature holds over; empty:
// nothing that is known.
func (d *document) signedInstead(sig []byte, keys []release.Key) string {
	unsigned := release.Envelope{Payload: d.envelope.Payload}
	messages := map[string][]byte{"the statement itself": d.envelope.Payload}
	for name, envelope := range map[string]*release.Envelope{"the draft " + d.path: d.envelope, "the draft, without the signatures in it": &unsigned} {
		if data, err := envelope.Marshal(); err == nil {
			messages[name] = data
		}
	}
	for _, name := range slices.Sorted(maps.Keys(messages)) {
		for _, key := range keys {
			if foreign.VerifyMessage(key, messages[name], sig) == nil {
				return name
			}
		}
	}
	return ""
}

// worthSigning refuses a document that every log would refuse whoever signs it.
func worthSigning(doc *document) error {
	switch stated := doc.statement.Predicate.(type) {
	case *release.Image:
		if err := release.CheckImage(stated); err != nil {
			return fmt.Errorf("%s: %w", doc.path, err)
		}
	case *release.Authority:
		var problems []error
		for _, id := range sortedBy(slices.Collect(maps.Keys(stated.Keys)), nil) {
			if err := foreign.Check(stated.Keys[id]); err != nil {
				problems = append(problems, fmt.Errorf("%s: key %s: %w", doc.path, id, err))
			}
		}
		if len(problems) == 0 {
			if err := foreign.CheckRoles(stated); err != nil {
				return fmt.Errorf("%s: %w", doc.path, err)
			}
		}
		return errors.Join(problems...)
	}
	return nil
}

// announceSigning shows what somebody is about to sign.
func (a *app) announceSigning(doc *document, title string) error {
	return a.announce(func(p *page) {
		p.line("%s", title)
		doc.describe(p)
		if stated, ok := doc.statement.Predicate.(*release.Release); ok && !a.images.hold(stated.Images) {
			p.line("images are shown by digest only: give --images DIR to see what they are")
		}
	})
}

// programsAttached names what attach takes besides files of sign.
var programsAttached = strings.Join([]string{"ssh-keygen -Y sign", "minisign", "gpg --detach-sign", "openssl"}, ", ")
