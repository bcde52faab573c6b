package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/client"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog/fork"
)

// maxAuthorityFile bounds a file of certificates, in bytes.
const maxAuthorityFile = 1 << 20

// nodeClient is what the commands that ask nodes share.
type nodeClient struct {
	files            trustFiles
	memory           string
	certificateFiles []string
}

func (n *nodeClient) flags(cmd *cobra.Command) {
	n.files.flags(cmd)
	memoryFlag(cmd, &n.memory)
	cmd.Flags().StringArrayVar(&n.certificateFiles, "ca", nil, "a PEM `FILE` of authorities that may certify the node's name, in place of the system's; may be repeated")
}

// transport makes the transport of the flags.
func (n *nodeClient) transport(a *app, cmd *cobra.Command) (*client.Transport, error) {
	trust, err := n.files.read(a, cmd)
	if err != nil {
		return nil, err
	}
	options := []client.Option{client.WithClock(a.clock), client.WithEvidence(func(evidence *fork.Evidence) error {
		directory := ""
		if n.memory != "" {
			directory = filepath.Dir(n.memory)
		}
		return a.writeEvidences(directory, []*fork.Evidence{evidence})
	})}
	if n.memory != "" {
		options = append(options, client.WithMemory(n.memory))
	}
	if len(n.certificateFiles) > 0 {
		roots := x509.NewCertPool()
		for _, path := range n.certificateFiles {
			data, err := a.readFile(path, "certificates", maxAuthorityFile)
			if err != nil {
				return nil, err
			}
			if !roots.AppendCertsFromPEM(data) {
				return nil, wrongFile(path, data, "a certificate", fail(exitcode.Usage, "certificates", "", fmt.Errorf("%s holds no certificate in PEM", path)))
			}
		}
		options = append(options, client.WithRootCAs(roots))
	}
	transport, err := client.NewTransport(trust, options...)
	if err != nil {
		return nil, memoryFailure(err)
	}
	return transport, nil
}

// nodeURL reads the URL of a node; without a scheme it is https.
func nodeURL(cmd *cobra.Command, text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	if err == nil && (parsed.Scheme != "https" || parsed.Hostname() == "" || parsed.User != nil || parsed.RawQuery != "" || parsed.Path != "" && parsed.Path != "/") {
		err = errors.New("want https:// and a host, perhaps a port, and no more")
	}
	if err != nil {
		return nil, usage(cmd, fmt.Errorf("node %s: %w", quote(text), err))
	}
	return parsed, nil
}
