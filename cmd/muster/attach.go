package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
)

// attachCommand makes the verb attach of a type.
func (a *app) attachCommand(what release.Type) *cobra.Command {
	var out, authority string
	var remove, keyFiles []string
	var force bool
	cmd := &cobra.Command{
		Use:   "attach FILE SIGNATURE... [--key PUB | --authority FILE] [--remove KEYID] [--out FILE]",
		Short: fmt.Sprintf("put detached signatures, or those of other copies, into the %s's file", what),
		Long: `Merges signatures into FILE. Each SIGNATURE is a file of sign --detached, another
copy of the same draft with signatures in it, or what ` + programsAttached + `
wrote for the file of muster ` + string(what) + ` pae.

Those programs' signatures are verified before they are put in. That of ssh-keygen
names its key; for the others say whose they are: --key names the signer's public
key, or --authority or --names the keys to try. Of the rest, signatures over another
payload are refused; whether they verify, and whose they are, muster ` + string(what) + `
status says. --remove takes a signature out again, by its key id: one of a key
without a role makes a log refuse the whole.`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && len(remove) == 0 {
				return usage(cmd, errors.New("got no SIGNATURE to attach, and nothing to --remove"))
			}
			doc, err := a.readDocument(args[0], what)
			if err != nil {
				return err
			}
			for _, text := range remove {
				if err := doc.remove(text); err != nil {
					return err
				}
			}
			target := doc.path
			if out != "" {
				target = out
			}
			signers, err := a.signerKeysOf(doc, keyFiles, authority)
			if err != nil {
				return err
			}
			added := 0
			for _, path := range args[1:] {
				n, err := a.attach(doc, path, signers)
				if err != nil {
					return err
				}
				added += n
			}
			if err := doc.write(target, force || out == "" || out == args[0]); err != nil {
				return err
			}
			return a.printDocument(doc, fmt.Sprintf("signatures in %s: %d added, %d removed, now %d", target, added, len(remove), len(doc.envelope.Signatures)))
		},
	}
	cmd.Flags().StringArrayVar(&keyFiles, "key", nil, "the public key `FILE` of who signed with another program; may be repeated")
	cmd.Flags().StringVar(&authority, "authority", "", "the authority's `FILE`, whose keys are tried")
	cmd.Flags().StringArrayVar(&remove, "remove", nil, "the `KEYID` of a signature to take out; may be repeated")
	cmd.Flags().StringVar(&out, "out", "", "the `FILE` to write (default: the same)")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file of --out")
	return cmd
}

// attach adds the signatures of one file and returns how many were new.
func (a *app) attach(doc *document, path string, signers signerKeys) (int, error) {
	data, err := a.readFile(path, "signature", max(maxDetached, release.MaxEntry))
	if err != nil {
		return 0, err
	}
	var offered []release.Signature
	var payload release.Digest
	if other, err := release.ParseDraft(data); err == nil {
		offered, payload = other.Signatures, other.PayloadDigest()
	} else if made, known, err := foreign.ParseProgramSignature(data); known {
		if err != nil {
			return 0, wrongFile(path, data, "a signature file", fmt.Errorf("%s: %w", path, err))
		}
		signature, err := judgeProgramSignature(doc, path, made, signers)
		if err != nil {
			return 0, err
		}
		offered, payload = []release.Signature{signature}, doc.digest()
	} else {
		file, err := parseDetached(data)
		if err != nil {
			return 0, wrongFile(path, data, "a signature file", fmt.Errorf("%s: %w", path, err))
		}
		offered, payload = []release.Signature{{KeyID: file.KeyID, Sig: file.Sig}}, file.Payload
	}
	if payload != doc.digest() {
		return 0, fail(exitcode.Refused, "signature-of-other-payload", "sign the same draft: compare the digests with show",
			fmt.Errorf("%s: signature over payload %s, want %s", path, payload, doc.digest()))
	}
	added := 0
	for _, signature := range offered {
		if doc.holds(signature) {
			continue
		}
		if err := doc.envelope.Add(signature); err != nil {
			return added, fmt.Errorf("%s: %w", path, err)
		}
		added++
	}
	return added, nil
}

// holds reports whether the very same signature is there already.
func (d *document) holds(signature release.Signature) bool {
	for _, have := range d.envelope.Signatures {
		if have.KeyID == signature.KeyID && bytes.Equal(have.Sig, signature.Sig) {
			return true
		}
	}
	return false
}

// remove takes out the signature of a key.
func (d *document) remove(text string) error {
	id, err := release.ParseDigest(text)
	if err != nil {
		return fail(exitcode.Usage, "usage", "give a key id as show prints it", fmt.Errorf("--remove: %w", err))
	}
	before := len(d.envelope.Signatures)
	d.envelope.Signatures = slices.DeleteFunc(d.envelope.Signatures, func(s release.Signature) bool { return s.KeyID == id })
	if len(d.envelope.Signatures) == before {
		return fail(exitcode.Refused, "signature-absent", "see who has signed with show", fmt.Errorf("%s has no signature by %s", d.path, id))
	}
	return nil
}
