package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/verify"
)

// evidenceReaders read the evidence of every profile that is built.
var evidenceReaders = map[string]attest.Reader{tpm.Profile: tpm.Read}

func (a *app) verifyEvidenceCommand() *cobra.Command {
	var files trustFiles
	var nonce, spki string
	cmd := &cobra.Command{
		Use:   "evidence FILE --policy FILE --requirements FILE [--nonce NONCE --spki DIGEST]",
		Short: "judge a node's answer to an evidence request, offline",
		Long: `Judges the JSON with which a node answered an evidence request: the release in it, and
what the machine's hardware signed. No network is used.

An answer alone does not say whose connection it came over. --nonce is the nonce that
was sent, 32 bytes in base64 as in the request or in hexadecimal digits; --spki is the
SHA-256 of the SubjectPublicKeyInfo of the certificate that the node showed, in
hexadecimal digits:

    openssl s_client -connect HOST:443 </dev/null | openssl x509 -pubkey -noout |
        openssl pkey -pubin -outform DER | sha256sum

Without both nobody knows whether it is fresh and whose it is: the result is unknown at
best. An attestation key that only an activated credential binds to its TPM cannot be
judged from a file either: muster verify node asks the node.

` + verdictCodes,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			trust, err := files.read(a, cmd)
			if err != nil {
				return err
			}
			var session verify.Session
			if session.Nonce, err = digestFlag(cmd, "nonce", nonce); err != nil {
				return err
			}
			if session.SPKI, err = digestFlag(cmd, "spki", spki); err != nil {
				return err
			}
			data, err := a.readFile(args[0], "answer", attest.MaxAnswer)
			if err != nil {
				return err
			}
			answer, err := attest.ParseAnswer(data)
			if err != nil {
				return wrongFile(args[0], data, "a node's answer", fail(exitcode.Refused, "answer-form", "", fmt.Errorf("%s: %w", args[0], err)))
			}
			verdict := verify.Node(answer, evidenceReaders, session, trust, a.clock())
			if err := a.writeEvidences("", verdict.Evidence); err != nil {
				a.say("warning: %v: keep the answer, which holds it, and verify it again where files can be written", err)
			}
			return a.printVerdict(verdict, exitOf(verdict))
		},
	}
	files.flags(cmd)
	cmd.Flags().StringVar(&nonce, "nonce", "", "the nonce that the node was asked with")
	cmd.Flags().StringVar(&spki, "spki", "", "the SHA-256 of the public key (SubjectPublicKeyInfo) of the node's TLS certificate")
	return cmd
}

// digestFlag reads 32 bytes in base64 or hexadecimal digits; zero: the flag is not
// given. 32 zero bytes are refused: they would say the same.
func digestFlag(cmd *cobra.Command, flag, text string) (attest.Digest, error) {
	if !cmd.Flags().Changed(flag) {
		return attest.Digest{}, nil
	}
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.Strict().DecodeString} {
		if data, err := decode(text); err == nil && len(data) == len(attest.Digest{}) && attest.Digest(data) != (attest.Digest{}) {
			return attest.Digest(data), nil
		}
	}
	return attest.Digest{}, usage(cmd, fmt.Errorf("--%s %s: want 32 bytes, not all zero, in base64 or hexadecimal digits", flag, quote(text)))
}
