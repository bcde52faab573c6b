package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/node/gate"
	"github.com/muster-log/muster/node/server"
	nodetpm "github.com/muster-log/muster/node/tpm"
	"github.com/muster-log/muster/verify"
)

const (
	// defaultWait is how long serve waits for the gate.
	defaultWait = 5 * time.Minute
	// defaultQueue is how many requests wait for the TPM.
	defaultQueue = 512
	maxIssuers   = 128 << 10
)

// serving is what serve's flags say.
type serving struct {
	machine
	listen, backend, issuers string
	names                    []string
	log, certify             string
	wait                     time.Duration
	queue                    int
	verbose                  bool
}

func (a *app) serveCommand() *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:   "serve --listen ADDR --name NAME [--backend URL]",
		Short: "answer clients that ask for evidence, and pass their requests on, until stopped by SIGTERM or SIGINT",
		Long:  "serve waits until the gate has locked the ledger, judges this machine as a client would, makes a TLS key in memory, and answers: evidence itself, everything else from the backend.",
		Args:  command.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := command.Required(cmd, "listen"); err != nil {
				return err
			}
			if len(s.names) == 0 {
				return command.Usage(cmd, errors.New("--name is missing: the DNS names and addresses that clients call this node by"))
			}
			return a.serve(cmd.Context(), &s)
		},
	}
	s.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&s.listen, "listen", "", "the address to listen on, such as :443; port 0 takes a free one")
	flags.StringArrayVar(&s.names, "name", nil, "a DNS name or address of this node, for its TLS certificate; once for each")
	flags.StringVar(&s.backend, "backend", "", "what answers everything but requests for evidence: http://127.0.0.1:PORT or unix:/path; default: nothing")
	flags.StringVar(&s.issuers, "issuers", "", "a PEM file of the certificates of the endorsement key's issuers, up to and with the root; the TPM may hold some itself")
	flags.StringVar(&s.certify, "certificate-command", "", "a program that gets a certificate request (PKCS#10, PEM) on standard input and prints the chain; arguments behind spaces; default: the certificate is self-signed, for development")
	flags.StringVar(&s.log, "log", "", "the log's `URL`, where newer bundles of this release are fetched before the one at hand is too old, and kept in the file of --bundle; default: none are")
	flags.DurationVar(&s.wait, "wait", defaultWait, "how long to wait for the gate to lock the ledger")
	flags.IntVar(&s.queue, "queue", defaultQueue, "how many requests wait for the TPM at most")
	flags.BoolVar(&s.verbose, "verbose", false, "log every request")
	return cmd
}

func (a *app) serve(ctx context.Context, s *serving) error {
	o, device, err := s.open()
	if err != nil {
		return err
	}
	defer device.Close()
	o.Maximum = 0 // what is too old for clients is not served
	if s.log != "" {
		o.Maximum = defaultMaximum // but what the log has a newer bundle of
	}
	verdict, err := awaitLock(ctx, o, device, s.wait)
	if err != nil {
		return err
	}
	if verdict.Result != verify.Pass {
		if err := a.show(&s.machine, verdict); err != nil {
			return err
		}
		return command.Verdict(verdict.ExitCode())
	}
	ledger, err := verdict.Judged.Ledger()
	if err != nil {
		return err
	}
	issuers, err := readIssuers(s.issuers)
	if err != nil {
		return command.Fail(exitcode.Usage, "issuers", "", err)
	}
	certificates, err := device.EKCertificates(issuers...)
	if err != nil {
		return command.Fail(exitcode.Unknown, "tpm", "", err)
	}
	key, err := device.NewAK()
	if err != nil {
		return command.Fail(exitcode.Unknown, "tpm", "", err)
	}
	logger := a.Logger(s.verbose)
	if err := rehearse(o, ledger.SHA256(), key, certificates, logger); err != nil {
		return command.Fail(exitcode.Unknown, "tpm", "", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return command.Fail(exitcode.Unknown, "listen", "", err)
	}
	logger.Info("listening", "url", "https://"+listener.Addr().String(), "release", verdict.Judged.Release.Version, "deadline", verdict.Deadline)
	renewal, err := s.renewal(o, device)
	if err != nil {
		return command.Fail(exitcode.Usage, "log", "", err)
	}
	return server.Serve(ctx, server.Options{
		Listener: listener, Names: s.names, Attester: key, Profile: tpm.Profile, Ledger: ledger.SHA256(),
		Certificates: certificates, EventLog: o.EventLog, Bundle: o.Bundle, Renew: renewal, Certify: s.certifier(), Queue: s.queue, Backend: s.backend, Logger: logger,
		Activate: &attest.Activate{AKPublic: key.Public(), EKCertificate: certificates[0]},
	})
}

// rehearse answers as a client of this node's own requirements would be answered, and
// says what such a client would refuse: a missing issuer of the TPM's certificate, a
// root that nobody knows. It stops nothing: clients' requirements decide.
func rehearse(o gate.Options, ledger attest.Digest, key *nodetpm.AK, certificates [][]byte, logger *slog.Logger) error {
	session := verify.Session{Nonce: attest.DigestOf([]byte("a rehearsal's nonce")), SPKI: attest.DigestOf([]byte("a rehearsal's key")), Bystander: true}
	tree, err := attest.NewNonceTree([]attest.Digest{session.Nonce})
	if err != nil {
		return err
	}
	extraData, err := attest.Binding{Profile: tpm.Profile, Nonce: tree.Root(), SPKI: session.SPKI, Ledger: ledger[:]}.SHA256()
	if err != nil {
		return err
	}
	parts, _, err := key.Quote(extraData)
	if err != nil {
		return err
	}
	answer := &attest.Answer{Profile: tpm.Profile, Evidence: parts, Batch: tree.Place(0), Certificates: certificates, EventLog: o.EventLog, Bundle: o.Bundle}
	verdict := verify.Node(answer, map[string]attest.Reader{tpm.Profile: tpm.Read}, session, o.Trust, time.Now())
	for _, check := range verdict.Checks {
		// Whether a credential comes back only its maker can know.
		if check.Decisive() && check.Code != verify.Code(attest.CodeAKBound) {
			logger.Warn("a client with this node's requirements would refuse it", "check", string(check.Code), "expected", check.Expected, "found", check.Found)
		}
	}
	return nil
}

// certifier runs the command that certifies the TLS key; nil where there is none.
func (s *serving) certifier() func(context.Context, []byte) ([]byte, error) {
	words := strings.Fields(s.certify)
	if len(words) == 0 {
		return nil
	}
	return func(ctx context.Context, request []byte) ([]byte, error) {
		command := exec.CommandContext(ctx, words[0], words[1:]...)
		command.Stdin = bytes.NewReader(request)
		var printed, said bounded
		command.Stdout, command.Stderr = &printed, &said
		if err := command.Run(); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", words[0], err, strings.TrimSpace(said.String()))
		}
		return printed.Bytes(), nil
	}
}

// bounded keeps the beginning of what a program prints, and refuses more.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxIssuers {
		return 0, fmt.Errorf("more than %d bytes", maxIssuers)
	}
	return b.Buffer.Write(p)
}

// renewal fetches from the log; nil where none is named.
func (s *serving) renewal(o gate.Options, device *nodetpm.TPM) (*server.Renewal, error) {
	if s.log == "" {
		return nil, nil
	}
	log, err := remote.New(s.log)
	if err != nil {
		return nil, err
	}
	return &server.Renewal{
		Fetch: func(ctx context.Context, judged verify.Judged) ([]byte, error) { return newest(ctx, log, judged) },
		Judge: func(data []byte) *verify.Verdict {
			pcrs, err := device.PCRs()
			if err != nil {
				return verify.Boot(data, nil, o.Trust, 0, time.Now())
			}
			o := o
			o.Bundle, o.Maximum, o.Now = data, 0, time.Now()
			return gate.Judge(o, pcrs, tpm.LedgerLocked)
		},
		Store: func(data []byte) error { return atomicfile.Write(s.bundle, data, 0o644) },
	}, nil
}

// newest asks a log for the bundle of the newest live entry of a release's identity; of
// the entry at hand where none is live, for its roll says so.
func newest(ctx context.Context, log *remote.Client, judged verify.Judged) ([]byte, error) {
	live, err := log.Live(ctx, judged.Release.Product)
	if err != nil {
		return nil, err
	}
	which, index := judged.Digest.String(), judged.Index
	for _, listed := range live.Releases {
		if listed.Identity == judged.Release.Identity().String() && listed.Index >= index {
			which, index = listed.Digest, listed.Index
		}
	}
	return log.Bundle(ctx, which)
}

// awaitLock waits until the ledger is no longer empty and half written, and judges the
// machine then: nothing old is overlooked here.
func awaitLock(ctx context.Context, o gate.Options, device *nodetpm.TPM, wait time.Duration) (*verify.Verdict, error) {
	end := time.Now().Add(wait)
	for {
		pcrs, err := device.PCRs()
		if err != nil {
			return nil, command.Fail(exitcode.Unknown, "tpm", "", err)
		}
		o.Now = time.Now()
		verdict := gate.Judge(o, pcrs, tpm.LedgerLocked)
		if ledger, _ := verdict.Check(verify.Code(attest.CodeLedger)); ledger.Status != verify.StatusFail || time.Now().After(end) || refused(pcrs[15]) {
			return verdict, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// refused reports whether the gate gave up before it opened a ledger: no waiting
// helps.
func refused(register attest.Digest) bool {
	return register == attest.Extend(attest.Digest{}, attest.Refused.SHA256())
}

func readIssuers(path string) (issuers [][]byte, err error) {
	if path == "" {
		return nil, nil
	}
	data, err := inputfile.Read(path, maxIssuers)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s: got a PEM block of type %q, want certificates", path, block.Type)
		}
		issuers = append(issuers, block.Bytes)
	}
	if len(issuers) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return issuers, nil
}
