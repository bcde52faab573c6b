package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release/modelsigning"
)

// manifestExtension ends the name of a list of files that is written beside a
// measurement.
const manifestExtension = ".manifest.json"

// omsFlags say which Model Signing bundle a model must agree with, and whose
// signature counts.
type omsFlags struct{ bundle, key, root string }

func (o *omsFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.bundle, "oms", "", "the OpenSSF Model Signing bundle in this `FILE` must list exactly the files of DIR")
	cmd.Flags().StringVar(&o.key, "oms-key", "", "with --oms: the signer's public key, a PEM `FILE`")
	cmd.Flags().StringVar(&o.root, "oms-certificate-root", "", "with --oms: the certificates that the signer's must lead to, a PEM `FILE`")
}

func (o *omsFlags) check(cmd *cobra.Command) error {
	switch {
	case o.bundle == "" && (o.key != "" || o.root != ""):
		return usage(cmd, errors.New("--oms-key and --oms-certificate-root are for --oms"))
	case o.bundle != "" && (o.key == "") == (o.root == ""):
		return usage(cmd, errors.New("--oms needs one of --oms-key and --oms-certificate-root: whose signature counts"))
	}
	return nil
}

// verifyOMS checks the signature of the bundle; nil where none was named.
func (a *app) verifyOMS(o *omsFlags) (*modelsigning.Manifest, error) {
	if o.bundle == "" {
		return nil, nil
	}
	path, parse := o.key, modelsigning.ParsePublicKey
	if o.root != "" {
		path, parse = o.root, modelsigning.ParseRoots
	}
	data, err := a.readFile(path, "Model Signing key or certificate", modelsigning.MaxTrust)
	if err != nil {
		return nil, err
	}
	trust, err := parse(data)
	if err != nil {
		return nil, notSigned(path, err)
	}
	if data, err = a.readFile(o.bundle, "Model Signing bundle", modelsigning.MaxBundle); err != nil {
		return nil, err
	}
	manifest, err := modelsigning.Verify(data, trust)
	if err != nil {
		return nil, notSigned(o.bundle, err)
	}
	return manifest, nil
}

// notSigned gives an error of package modelsigning its file, code and hint.
func notSigned(path string, err error) error {
	e, ok := errors.AsType[*modelsigning.Error](err)
	if !ok {
		return err
	}
	return fail(exitcode.Refused, string(e.Code), e.Hint, fmt.Errorf("%s: %w", quoteUnprintable(path), err))
}

// leftOut are the paths in a directory that are no part of the model: those of the
// flags, those that the signer left out, and the bundle itself.
func leftOut(dir string, flags []string, bundle string, signed *modelsigning.Manifest) ([]string, error) {
	if signed == nil {
		return flags, nil
	}
	ignored := slices.Concat(flags, signed.Ignored)
	within, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if bundle, err = filepath.Abs(bundle); err != nil {
		return nil, err
	}
	if path, err := filepath.Rel(within, bundle); err == nil && path != ".." && !strings.HasPrefix(path, ".."+string(filepath.Separator)) {
		ignored = append(ignored, filepath.ToSlash(path))
	}
	slices.Sort(ignored)
	return slices.Compact(ignored), nil
}

// signed writes who signed a model, and what was compared.
func (p *page) signed(m *modelsigning.Manifest, ignored []string) {
	p.line("Model Signing:")
	p.field("signed by", "key %s (ECDSA %s)", m.Signer.Key, m.Signer.Curve)
	if c := m.Signer.Certificate; c != nil {
		p.field("certificate", "of %s, from %s to %s", m.Signer.Name(), timeText(uint64(max(0, c.NotBefore.Unix()))), timeText(uint64(max(0, c.NotAfter.Unix()))))
		p.field("", "revocation, and whether it was valid when the model was signed, were not checked")
	}
	p.field("as", "%s", quote(m.Model))
	p.field("checked", "the %d files of the directory are those that were signed, by name and SHA-256", len(m.Resources))
	for i, path := range ignored {
		p.field(first(i, "left out"), "%s", quoteUnprintable(path))
	}
	if m.Symlinks {
		p.field("links", "the signer followed symbolic links")
	}
}
