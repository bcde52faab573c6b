package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/keyfile"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/sshagent"
)

func (a *app) keyCommand() *cobra.Command {
	return command.Group("key", "the witness's own keys", a.keyGenerateCommand(), a.keyShowCommand())
}

func (a *app) keyGenerateCommand() *cobra.Command {
	var name, path, inAgent string
	cmd := &cobra.Command{
		Use:   "generate --name NAME --out FILE [--ssh-agent KEY]",
		Short: "make the Ed25519 and the ML-DSA-44 key of a new witness, in one file",
		Args:  command.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := command.Required(cmd, "name", "out"); err != nil {
				return err
			}
			if err := tlog.CheckKeyName(name); err != nil {
				return command.Usage(cmd, fmt.Errorf("--name %q: %w", name, err))
			}
			if strings.Contains(name, "://") || strings.HasSuffix(name, "/") {
				return command.Usage(cmd, fmt.Errorf("--name %q: want a URL without its scheme and without a slash at the end, such as witness.example/w1; it can never be changed", name))
			}
			keys, err := generate(name, inAgent)
			if err != nil {
				return err
			}
			// Never over another file: a witness whose key is lost is another witness.
			if err := keyfile.Create(path, keys.Marshal()); err != nil {
				return err
			}
			return a.printKeys(path, keys)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the witness's name, a URL without its scheme, such as witness.example/w1")
	cmd.Flags().StringVar(&path, "out", "", "the private keys' file; it must not exist")
	cmd.Flags().StringVar(&inAgent, "ssh-agent", "", "the Ed25519 key is in the ssh-agent at $SSH_AUTH_SOCK and stays there: its fingerprint SHA256:..., or its public key's file")
	return cmd
}

// generate makes new keys; inAgent names an Ed25519 key that is there already.
func generate(name, inAgent string) (witness.Keys, error) {
	if inAgent == "" {
		return witness.GenerateKeys(name)
	}
	public, err := sshagent.PublicKey(os.Getenv(agentSocket), inAgent)
	if err != nil {
		return witness.Keys{}, agentFailure(err)
	}
	return witness.GenerateKeysInAgent(name, public)
}

func (a *app) keyShowCommand() *cobra.Command {
	var source keySource
	cmd := &cobra.Command{
		Use:   "show (--key FILE | --key-credential NAME)",
		Short: "print the verifier keys of a key file",
		Args:  command.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, keys, err := source.read(cmd)
			if err != nil {
				return err
			}
			return a.printKeys(path, keys)
		},
	}
	source.flags(cmd)
	return cmd
}

func (a *app) printKeys(path string, keys witness.Keys) error {
	type key struct {
		Type string `json:"type"`
		VKey string `json:"vkey"`
	}
	result := struct {
		Name string `json:"name"`
		File string `json:"file"`
		Keys []key  `json:"keys"`
	}{Name: keys.Verifiers()[0].Name, File: path}
	for _, verifier := range keys.Verifiers() {
		result.Keys = append(result.Keys, key{verifier.Type.String(), verifier.String()})
	}
	return a.Print(result, func(out io.Writer) error {
		fmt.Fprintf(out, "witness %s, private keys in %s\n", result.Name, path)
		for _, key := range result.Keys {
			fmt.Fprintf(out, "%s\n    %s\n", key.Type, key.VKey)
		}
		return nil
	})
}
