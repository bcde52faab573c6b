package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
)

// signatureExtension is that of a detached signature's file name.
const signatureExtension = ".sig"

// maxDetached bounds a detached signature's file in bytes: the greatest
// signature of any format, in base64, with room.
const maxDetached = 64 << 10

// detached is a signature in a file of its own, for a signer who has a copy of
// the draft and not the draft itself. It names the payload that it is over.
type detached struct {
	KeyID   release.KeyID  `json:"keyid"`
	Payload release.Digest `json:"payload"`
	Sig     []byte         `json:"sig"`
}

func (s detached) marshal() []byte {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // three plain members
	}
	return append(data, '\n')
}

// parseDetached reads what marshal writes, and nothing else.
func parseDetached(data []byte) (detached, error) {
	var s detached
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fail(exitcode.Refused, "signature-file", "make one with sign --detached", fmt.Errorf("not a signature file: %w", err))
	}
	if !bytes.Equal(data, s.marshal()) {
		return s, fail(exitcode.Refused, "signature-file", "make one with sign --detached", fmt.Errorf("not a signature file: want exactly keyid, payload and sig"))
	}
	return s, nil
}

// signCommand makes the verb sign of a type.
func (a *app) signCommand(what release.Type) *cobra.Command {
	var keys []string
	var out string
	var apart, force bool
	cmd := &cobra.Command{
		Use:   "sign FILE --key KEY... [--detached] [--out FILE]",
		Short: fmt.Sprintf("show what the %s states, and sign it", what),
		Long: fmt.Sprintf(`Shows in words what the %[1]s in FILE states, and signs it.

The signature is added to FILE itself, or to the copy that --out names. With
--detached FILE stays as it is, and the signature goes into a small file of its
own (FILE.<key>.sig, or --out) for muster %[1]s attach: so several people sign in
several places, and no private key moves.`, what),
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "key"); err != nil {
				return err
			}
			if apart && len(keys) > 1 {
				return usage(cmd, fmt.Errorf("--detached makes one signature file: got %d keys, want one", len(keys)))
			}
			doc, err := a.readDocument(args[0], what)
			if err != nil {
				return err
			}
			return a.sign(doc, keys, out, apart, force)
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "a private key file; may be repeated")
	cmd.Flags().BoolVar(&apart, "detached", false, "write the signature to a file of its own")
	cmd.Flags().StringVar(&out, "out", "", "where to write (default: FILE, or with --detached FILE.<key>.sig)")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file of --out")
	return cmd
}

func (a *app) sign(doc *document, keys []string, out string, apart, force bool) error {
	if err := worthSigning(doc); err != nil {
		return err
	}
	signers := make([]*release.PrivateKey, len(keys))
	for i, path := range keys {
		key, err := a.readPrivateKey(path)
		if err != nil {
			return err
		}
		if slices.Contains(doc.signers(), key.Key().ID()) {
			return fail(exitcode.Refused, string(release.CodeSignatureRepeated), fmt.Sprintf("see who has signed: muster %s show %s", doc.statement.Type, doc.path),
				fmt.Errorf("%s has signed %s already", path, doc.path))
		}
		signers[i] = key
	}
	if err := a.announceSigning(doc, "signing:"); err != nil {
		return err
	}
	var made []release.Signature
	for i, key := range signers {
		signature, err := key.Sign(doc.envelope.Payload)
		if err != nil {
			return fmt.Errorf("sign with %s: %w", keys[i], err)
		}
		if err := doc.envelope.Add(signature); err != nil {
			return fmt.Errorf("sign with %s: %w", keys[i], err)
		}
		made = append(made, signature)
	}
	if apart {
		return a.writeDetached(doc, made[0], out, force)
	}
	target := doc.path
	if out != "" {
		target = out
	}
	// A draft is meant to grow: signing it in place loses nothing.
	if err := doc.write(target, force || out == "" || out == doc.path); err != nil {
		return err
	}
	result := struct {
		documentJSON
		Made []release.KeyID `json:"made"`
	}{documentJSON: doc.json()}
	for _, signature := range made {
		result.Made = append(result.Made, signature.KeyID)
	}
	return a.print(result, func(p *page) {
		p.line("signed %s %s", doc.statement.Type, doc.digest())
		for _, key := range result.Made {
			p.field("by", "%s", key)
		}
		p.field("file", "%s, %s", doc.path, count(len(doc.envelope.Signatures), "signature"))
		if doc.statement.Type == release.TypeWithdrawal {
			p.line("next, once enough have signed: muster withdrawal submit %s --log URL", doc.path)
		}
	})
}

func (a *app) writeDetached(doc *document, signature release.Signature, out string, force bool) error {
	if out == "" {
		out = fmt.Sprintf("%s.%.16s%s", doc.path, signature.KeyID, signatureExtension)
	}
	file := detached{KeyID: signature.KeyID, Payload: doc.digest(), Sig: signature.Sig}
	if err := writeNew(out, file.marshal(), publicMode, force); err != nil {
		return err
	}
	result := struct {
		KeyID  release.KeyID  `json:"keyid"`
		Digest release.Digest `json:"digest"`
		File   string         `json:"file"`
	}{signature.KeyID, doc.digest(), out}
	return a.print(result, func(p *page) {
		p.line("signed %s %s", doc.statement.Type, doc.digest())
		p.field("by", "%s", signature.KeyID)
		p.field("signature", "%s", out)
		p.line("send that file to whoever holds the draft: muster %s attach DRAFT %s", doc.statement.Type, out)
	})
}
