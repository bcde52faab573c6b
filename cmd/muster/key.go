package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/keyfile"
	"github.com/muster-log/muster/release"
)

const (
	// maxKeyFile is well above the size of any key file, in bytes.
	maxKeyFile = 64 << 10
	// privateExtension is that of a private key's file, by habit.
	privateExtension = ".key"
	// publicExtension is that of the file that key generate writes besides.
	publicExtension = ".pub"
)

// publicFile names the file of the public half beside the one of the private
// half: ana.pub for ana.key and for ana.
func publicFile(private string) string {
	if name, ok := strings.CutSuffix(private, privateExtension); ok && filepath.Base(private) != privateExtension {
		return name + publicExtension
	}
	return private + publicExtension
}

// generated are the key formats that key generate makes.
var generated = []string{string(release.FormatEd25519), string(release.FormatECDSAP256), string(release.FormatECDSAP384), string(release.FormatRSAPSS)}

func (a *app) keyCommand() *cobra.Command {
	return group("key", "make and show the keys that sign what is logged", a.keyGenerateCommand(), a.keyShowCommand())
}

func (a *app) keyGenerateCommand() *cobra.Command {
	var format, out string
	cmd := &cobra.Command{
		Use:   "generate --out FILE [--format ed25519|ecdsa-p256|ecdsa-p384|rsa-pss-sha256]",
		Short: "make a key: the private half in FILE, the public one beside it",
		Long: `Makes a key. FILE, such as ana.key, gets the private half as PKCS#8 PEM, for its
owner alone and not encrypted. The public half, which goes into the authority, lies
beside it: FILE with .pub in place of .key, here ana.pub, or else FILE.pub. Neither
is ever overwritten.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "out"); err != nil {
				return err
			}
			if !slices.Contains(generated, format) {
				return usage(cmd, fmt.Errorf("--format %s: want %s", quote(format), strings.Join(generated, ", ")))
			}
			return a.keyGenerate(release.KeyFormat(format), out)
		},
	}
	cmd.Flags().StringVar(&format, "format", string(release.FormatEd25519), "the key's format: "+strings.Join(generated, ", "))
	cmd.Flags().StringVar(&out, "out", "", "the private key's file; it must not exist")
	return cmd
}

func (a *app) keyGenerate(format release.KeyFormat, out string) error {
	beside := publicFile(out)
	if err := checkFree(beside, false); err != nil {
		// There is no --force: a key that is lost cannot be made again.
		return fail(exitcode.Usage, "", "name another file: a key is never overwritten", err)
	}
	private, err := release.GenerateKey(format)
	if err != nil {
		return err
	}
	secret, err := private.MarshalPEM()
	if err != nil {
		return err
	}
	public, err := private.Key().MarshalPEM()
	if err != nil {
		return err
	}
	if err := keyfile.Create(out, secret); err != nil {
		return err
	}
	if err := writeNew(beside, public, publicMode, false); err != nil {
		return err
	}
	return a.printKey(private.Key(), out, beside)
}

func (a *app) keyShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE",
		Short: "print the key id of a private or public key file",
		Long: `Prints the id and the format of a key, as an authority has them. FILE is a private
key of key generate, or a public key in whatever form you have it: PEM, OpenSSH
(also of a security key), minisign, OpenPGP (armoured or not), or an X.509
certificate. OpenPGP and X.509 keys may withdraw and report findings, nothing else.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := a.readFile(args[0], "key", maxKeyFile)
			if err != nil {
				return err
			}
			if isPrivateKey(data) {
				private, err := release.ParsePrivateKey(data)
				if err != nil {
					return fmt.Errorf("private key %s: %w", args[0], err)
				}
				return a.printKey(private.Key(), args[0], "")
			}
			key, err := a.publicKeyOf(args[0], data)
			if err != nil {
				return err
			}
			return a.printKey(key, "", args[0])
		},
	}
}

func (a *app) printKey(key release.Key, private, public string) error {
	spki, err := key.SPKI()
	if err != nil {
		return err
	}
	result := struct {
		KeyID   release.KeyID     `json:"keyid"`
		Format  release.KeyFormat `json:"format"`
		Private string            `json:"privateFile,omitempty"`
		Public  string            `json:"publicFile,omitempty"`
		SPKI    release.Digest    `json:"spki"`
	}{key.ID(), key.Format, private, public, spki}
	return a.print(result, func(p *page) {
		p.field("keyid", "%s", result.KeyID)
		p.field("format", "%s", result.Format)
		if spki != result.KeyID {
			p.field("counts as", "%s (its SubjectPublicKeyInfo)", spki)
		}
		if private != "" {
			p.field("private key", "%s (keep it secret)", private)
		}
		if public != "" {
			p.field("public key", "%s", public)
		}
	})
}

// readPrivateKey reads a key file and refuses one that others can read. A pipe
// is taken as <(command) names it, so that a key can come from a program that
// keeps it; standard input is not.
func (a *app) readPrivateKey(path string) (*release.PrivateKey, error) {
	if path == stdinName {
		return nil, fail(exitcode.Usage, "key-from-stdin", "name a file", fmt.Errorf("--key %s: a private key is not read from standard input", path))
	}
	data, err := a.interruptible(func() ([]byte, error) { return keyfile.ReadOrPipe(path, maxKeyFile) })
	if _, loose := errors.AsType[*keyfile.ModeError](err); loose {
		if _, publicErr := a.readPublicKey(path); publicErr == nil {
			return nil, errPublicKey(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	if !strings.Contains(string(data), "PRIVATE KEY") && strings.Contains(string(data), "PUBLIC KEY") {
		return nil, errPublicKey(path)
	}
	key, err := release.ParsePrivateKey(data)
	if err != nil {
		return nil, wrongFile(path, data, "a private key", fmt.Errorf("private key %s: %w", path, err))
	}
	return key, nil
}

func errPublicKey(path string) error {
	return fail(exitcode.Usage, "public-key-given", "give the private half, the file beside it that key generate made", fmt.Errorf("%s is a public key, want a private one", path))
}
