package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
)

// paeExtension is that of the file that other programs sign.
const paeExtension = ".pae"

// signingProgram is how a program of the field signs the bytes of pae.
type signingProgram struct {
	Program string `json:"program"`
	// Keys says which keys it is for.
	Keys    string `json:"keys"`
	Command string `json:"command"`
	// Signature is the file that it writes.
	Signature string `json:"signature"`
}

// The programs, by what their signatures are.
const (
	programSSH      = "ssh"
	programMinisign = "minisign"
	programGPG      = "gpg"
	programSHA256   = "openssl-sha256"
	programSHA384   = "openssl-sha384"
	programPSS      = "openssl-pss"
	programRaw      = "openssl-raw"
)

// signingPrograms are the command lines for a file. KEY stands for the signer's
// own.
func signingPrograms(file string) map[string]signingProgram {
	quoted := shellQuote(file)
	sig := shellQuote(file + signatureExtension)
	openssl := func(keys, command string) signingProgram {
		return signingProgram{"openssl", keys, "openssl " + command, file + signatureExtension}
	}
	return map[string]signingProgram{
		programSSH:      {"ssh-keygen", "SSH keys, on security keys such as a YubiKey too", "ssh-keygen -Y sign -n file -f KEY " + quoted, file + signatureExtension},
		programMinisign: {"minisign", "minisign keys", "minisign -S -s KEY -m " + quoted, file + ".minisig"},
		programGPG:      {"gpg", "OpenPGP keys", "gpg --detach-sign --local-user KEY " + quoted, file + signatureExtension},
		programSHA256:   openssl("ECDSA P-256 keys; certificates of P-256 and RSA keys", "dgst -sha256 -sign KEY -out "+sig+" "+quoted),
		programSHA384:   openssl("ECDSA P-384 keys and certificates of them", "dgst -sha384 -sign KEY -out "+sig+" "+quoted),
		programPSS:      openssl("RSA keys without a certificate", "dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sigopt rsa_mgf1_md:sha256 -sign KEY -out "+sig+" "+quoted),
		programRaw:      openssl("Ed25519 keys and certificates of them", "pkeyutl -sign -rawin -inkey KEY -in "+quoted+" -out "+sig),
	}
}

// programsInOrder are all programs, as they are listed.
var programsInOrder = []string{programSSH, programMinisign, programGPG, programRaw, programSHA256, programSHA384, programPSS}

// programOf is the program that signs with a key.
func programOf(key release.Key) string {
	switch key.Format {
	case release.FormatSSH:
		return programSSH
	case release.FormatMinisign:
		return programMinisign
	case release.FormatOpenPGP:
		return programGPG
	case release.FormatEd25519:
		return programRaw
	case release.FormatECDSAP256:
		return programSHA256
	case release.FormatECDSAP384:
		return programSHA384
	case release.FormatRSAPSS:
		return programPSS
	}
	if certificate, err := x509.ParseCertificate(key.Public); err == nil {
		switch public := certificate.PublicKey.(type) {
		case ed25519.PublicKey:
			return programRaw
		case *ecdsa.PublicKey:
			if public.Curve.Params().BitSize == 384 {
				return programSHA384
			}
		}
	}
	return programSHA256
}

// shellQuote writes a word as a shell reads it.
func shellQuote(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/@+-") == "" && !strings.HasPrefix(word, "-") {
		return word
	}
	if strings.HasPrefix(word, "-") {
		word = "./" + word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// paeCommand makes the verb pae of a type. A noun of another type takes it as
// a.paeCommand(its type), beside signCommand and attachCommand.
func (a *app) paeCommand(what release.Type) *cobra.Command {
	var out, key string
	var force bool
	cmd := &cobra.Command{
		Use:   "pae FILE [--out FILE] [--key PUB]",
		Short: fmt.Sprintf("show what the %s states, and write what ssh-keygen, minisign, gpg or openssl sign", what),
		Long: fmt.Sprintf(`Shows in words what the %[1]s in FILE states, writes the bytes that a signature of
it is over (FILE%[2]s, or --out), and says how other programs sign those: ssh-keygen,
also with a security key such as a YubiKey, minisign, gpg and openssl. What they
write is put into FILE by muster %[1]s attach. --key names a public key, and only the
command line for that one is shown. docs/signing.md says more.`, what, paeExtension),
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			doc, err := a.readDocument(args[0], what)
			if err != nil {
				return err
			}
			return a.pae(doc, out, key, force)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the `FILE` to write (default: FILE"+paeExtension+")")
	cmd.Flags().StringVar(&key, "key", "", "the signer's public key `FILE`, in whatever form")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file that is written")
	return cmd
}

func (a *app) pae(doc *document, out, keyFile string, force bool) error {
	if err := worthSigning(doc); err != nil {
		return err
	}
	if out == "" {
		out = doc.path + paeExtension
	}
	wanted := programsInOrder
	if keyFile != "" {
		key, err := a.readPublicKey(keyFile)
		if err != nil {
			return err
		}
		wanted = []string{programOf(key)}
	}
	if err := a.announceSigning(doc, "to be signed:"); err != nil {
		return err
	}
	if err := writeNew(out, release.PAE(doc.envelope.Payload), publicMode, force); err != nil {
		return err
	}
	result := struct {
		Type     release.Type     `json:"type"`
		Digest   release.Digest   `json:"digest"`
		File     string           `json:"file"`
		Programs []signingProgram `json:"programs"`
	}{Type: doc.statement.Type, Digest: doc.digest(), File: out}
	programs := signingPrograms(out)
	for _, name := range wanted {
		result.Programs = append(result.Programs, programs[name])
	}
	attach := fmt.Sprintf("muster %s attach %s SIGNATURE (--key PUB, where the signature is not of ssh-keygen)", doc.statement.Type, shellQuote(doc.path))
	if keyFile != "" {
		attach = fmt.Sprintf("muster %s attach %s %s --key %s", doc.statement.Type, shellQuote(doc.path), shellQuote(result.Programs[0].Signature), shellQuote(keyFile))
	}
	return a.print(result, func(p *page) {
		p.line("%s holds what is signed of %s %s; sign it so:", out, doc.statement.Type, doc.digest())
		for _, program := range result.Programs {
			p.line("")
			p.line("  # %s", program.Keys)
			p.line("  %s", program.Command)
		}
		p.line("")
		p.line("next: %s", attach)
	})
}
