package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/attest/tpm/credential"
	"github.com/muster-log/muster/client/memory"
	"github.com/muster-log/muster/client/record"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/verify"
)

// readers are the profiles of evidence that this client has rules for.
var readers = map[string]attest.Reader{tpm.Profile: tpm.Read}

const (
	// maxProblem bounds what is read of an answer that is none.
	maxProblem = 4096
	// maxWaits is how often a busy node is asked again.
	maxWaits = 3
	// maxWait bounds how long a busy node may have one wait.
	maxWait = 10 * time.Second
)

// Attestation is what a node showed, and what it came to.
type Attestation struct {
	Address string // host:port
	Verdict *verify.Verdict
	// Answer is the bytes of the node's answer; Nonce and SPKI what it was asked with
	// and over which connection; Activated that a credential was given back; Time when.
	Answer      []byte
	Nonce, SPKI attest.Digest
	Activated   bool
	Time        time.Time

	trust *verify.Trust
}

// Record is what the node showed, to be judged again later: package record.
func (a *Attestation) Record() (*record.Record, error) {
	requirements, err := a.trust.Requirements().Marshal()
	if err != nil {
		return nil, err
	}
	return &record.Record{Address: a.Address, Time: a.Time, Nonce: a.Nonce, SPKI: a.SPKI, Activated: a.Activated, Answer: a.Answer,
		Policy: a.trust.Policy().Marshal(), Requirements: requirements}, nil
}

// asking is one conversation with one node, over one connection that can carry
// nothing but the evidence protocol.
type asking struct {
	t       *Transport
	address string
	client  *http.Client
	spki    attest.Digest
}

// ask asks a node for evidence and judges it. An error is about the asking: that the
// node did not answer as nodes do, or that nothing could be remembered. A node that
// does not pass is no error.
//
// Known nodes behind the address are passed over, as long as connections with others
// are made: a balancer that takes turns would else have the same one asked for ever.
func (t *Transport) ask(ctx context.Context, address string, known *origin) (*Attestation, error) {
	ctx, cancel := context.WithTimeout(ctx, t.options.timeout)
	defer cancel()
	config, turns := t.tlsConfig(), atomic.Int32{}
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if turns.Add(1) < maxTries && known.has(state) && known.live() {
			return errKnown
		}
		return nil
	}
	transport := &http.Transport{
		Proxy:               t.options.proxy, // never the environment's
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:     config,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,
		MaxConnsPerHost:     1,
		TLSHandshakeTimeout: t.options.timeout,
		// An answer's size is bounded where it is read, its header here.
		MaxResponseHeaderBytes: 16 << 10,
	}
	defer transport.CloseIdleConnections()
	a := &asking{t: t, address: address, client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	attestation, answer, err := a.evidence(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s for evidence: %w", address, err)
	}
	if attestation.Verdict, err = t.judge(attestation, answer); err != nil {
		return nil, err
	}
	if needsCredential(attestation.Verdict) {
		made, err := a.credential(ctx, answer)
		if err != nil {
			return nil, fmt.Errorf("ask %s to activate a credential: %w", address, err)
		}
		if attestation, answer, err = a.evidence(ctx, made); err != nil {
			return nil, fmt.Errorf("ask %s for evidence: %w", address, err)
		}
		if attestation.Verdict, err = t.judge(attestation, answer); err != nil {
			return nil, err
		}
	}
	attestation.Activated = len(t.activations(answer)) > 0
	if err := t.remember(ctx, attestation, answer); err != nil {
		return nil, err
	}
	return attestation, nil
}

// judge judges an answer with what is remembered now.
func (t *Transport) judge(a *Attestation, answer *attest.Answer) (*verify.Verdict, error) {
	session := verify.Session{Nonce: a.Nonce, SPKI: a.SPKI, Activated: t.activations(answer)}
	// Until a credential was made nobody knows whether it would come back: that is no
	// reason to refuse, and none to pass.
	session.Bystander = len(session.Activated) == 0
	var options []verify.Option
	if t.options.memory != "" {
		remembered, err := memory.Read(t.options.memory)
		if errors.Is(err, fs.ErrNotExist) {
			remembered, err = &verify.Memory{}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("nothing is judged without what was remembered: %w", err)
		}
		options = append(options, verify.WithMemory(remembered))
	}
	return verify.Node(answer, readers, session, t.trust, a.Time, options...), nil
}

// remember stores what a verdict has learnt, and hands over evidence, before anything
// is made of the verdict. Where another process has learnt meanwhile what contradicts
// this, the node is judged again.
func (t *Transport) remember(ctx context.Context, a *Attestation, answer *attest.Answer) error {
	var found []*fork.Evidence
	if t.options.memory != "" {
		var err error
		if found, err = memory.Learn(ctx, t.options.memory, a.Verdict.Learned, true); err != nil {
			return fmt.Errorf("nothing is believed that cannot be remembered: %w", err)
		}
		if len(found) > 0 {
			if a.Verdict, err = t.judge(a, answer); err != nil {
				return err
			}
		}
	}
	if t.options.evidence != nil {
		for _, evidence := range append(found, a.Verdict.Evidence...) {
			if err := t.options.evidence(evidence); err != nil {
				return fmt.Errorf("evidence against %s cannot be kept: %w", evidence.Origin, err)
			}
		}
	}
	return nil
}

// needsCredential reports whether all that a node lacks is that its attestation key
// was shown to live in the TPM of its certificate.
func needsCredential(verdict *verify.Verdict) bool {
	if verdict.Machine.EKCertificate == (attest.Digest{}) {
		return false
	}
	for _, check := range verdict.Checks {
		if check.Decisive() && check.Code != verify.Code(attest.CodeAKBound) {
			return false
		}
	}
	return verdict.Result != verify.Pass
}

// issued is a credential that was made, and what must come back.
type issued struct {
	credential    *attest.Credential
	secret        []byte
	akName        []byte
	ekCertificate []byte
}

// credential makes a credential for what a node says it is.
func (a *asking) credential(ctx context.Context, seen *attest.Answer) (*issued, error) {
	body, err := a.post(ctx, attest.ActivatePath, []byte("{}"), attest.MaxActivate)
	if err != nil {
		return nil, err
	}
	offered, err := attest.ParseActivate(body)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(offered.AKPublic, seen.Evidence[tpm.PartAKPublic]) || !bytes.Equal(offered.EKCertificate, seen.Certificates[0]) {
		return nil, errors.New("it names other keys than in its evidence")
	}
	made := &issued{secret: make([]byte, 32), ekCertificate: offered.EKCertificate}
	if made.akName, err = tpm.AKName(offered.AKPublic); err != nil {
		return nil, err
	}
	rand.Read(made.secret)
	made.credential, err = credential.Make(made.ekCertificate, made.akName, made.secret, rand.Reader)
	return made, err
}

// evidence asks once, with a fresh nonce.
func (a *asking) evidence(ctx context.Context, made *issued) (*Attestation, *attest.Answer, error) {
	request := &attest.Request{Profile: attest.ProfileTPM2UKI}
	rand.Read(request.Nonce[:])
	if made != nil {
		request.Credential = made.credential
	}
	body, err := request.Marshal()
	if err != nil {
		return nil, nil, err
	}
	if body, err = a.post(ctx, attest.EvidencePath, body, attest.MaxAnswer); err != nil {
		return nil, nil, err
	}
	answer, err := attest.ParseAnswer(body)
	if err != nil {
		return nil, nil, err
	}
	if made != nil {
		if subtle.ConstantTimeCompare(answer.Secret, made.secret) != 1 {
			return nil, nil, errors.New("it does not give back the secret of a credential: its attestation key is not in the TPM of its certificate")
		}
		a.t.activated(attest.Activation{AKName: made.akName, EKCertificate: attest.DigestOf(made.ekCertificate)})
	}
	return &Attestation{Address: a.address, Answer: body, Nonce: request.Nonce, SPKI: a.spki, Time: a.t.options.clock(), trust: a.t.trust}, answer, nil
}

// post sends a request of the evidence protocol. All of one asking must be answered
// over the same TLS key.
func (a *asking) post(ctx context.Context, path string, body []byte, limit int) ([]byte, error) {
	for waits := 0; ; waits++ {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, (&url.URL{Scheme: "https", Host: a.address, Path: path}).String(), bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := a.client.Do(request)
		if errors.Is(err, errKnown) {
			waits-- // bounded by the turns
			continue
		}
		if err != nil {
			return nil, err
		}
		answered, err := a.read(response, limit)
		if response.StatusCode == http.StatusTooManyRequests && waits < maxWaits {
			if err := wait(ctx, response.Header.Get("Retry-After")); err != nil {
				return nil, err
			}
			continue
		}
		return answered, err
	}
}

func (a *asking) read(response *http.Response, limit int) ([]byte, error) {
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem))
		return nil, fmt.Errorf("it answers %s: %q", response.Status, text)
	}
	spki := attest.Digest(sha256.Sum256(response.TLS.PeerCertificates[0].RawSubjectPublicKeyInfo))
	if a.spki != (attest.Digest{}) && a.spki != spki {
		return nil, errors.New("it changed its TLS key between two answers")
	}
	a.spki = spki
	if kind, encoding := response.Header.Get("Content-Type"), response.Header.Get("Content-Encoding"); kind != "application/json" || encoding != "" {
		return nil, fmt.Errorf("it answers with content of type %q, encoding %q, want application/json and none", kind, encoding)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)+1))
	if err == nil && len(body) > limit {
		err = fmt.Errorf("it answers with more than %d bytes", limit)
	}
	return body, err
}

// wait waits as long as a busy node says, bounded.
func wait(ctx context.Context, retryAfter string) error {
	pause := time.Second
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds >= 0 {
		pause = min(time.Duration(seconds)*time.Second, maxWait)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tlsConfig is what every connection has: TLS 1.3, the name checked, no session kept.
func (t *Transport) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: t.options.roots}
}
