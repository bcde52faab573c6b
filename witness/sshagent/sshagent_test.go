package sshagent

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// The types of the messages that a hostile agent sends.
const (
	agentFailure      = 5
	identitiesAnswer  = 12
	signResponse      = 14
	requestIdentities = 11
	signRequest       = 13
)

// answer is what a hostile agent does with a request; false ends the connection.
type answer func(conn net.Conn, request []byte) bool

// listen serves a socket until the test ends, or what it returns is called.
func listen(tb testing.TB, socket string, serve func(net.Conn)) (stop func()) {
	tb.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		tb.Fatal(err)
	}
	var mutex sync.Mutex
	var open []net.Conn
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mutex.Lock()
			open = append(open, conn)
			mutex.Unlock()
			serving.Go(func() { defer conn.Close(); serve(conn) })
		}
	})
	stop = sync.OnceFunc(func() {
		listener.Close()
		mutex.Lock()
		for _, conn := range open {
			conn.Close()
		}
		mutex.Unlock()
		serving.Wait()
	})
	tb.Cleanup(stop)
	return stop
}

// hostile serves an agent that answers as it likes.
func hostile(tb testing.TB, socket string, respond answer) {
	tb.Helper()
	listen(tb, socket, func(conn net.Conn) {
		for {
			var size [4]byte
			if _, err := io.ReadFull(conn, size[:]); err != nil {
				return
			}
			request := make([]byte, binary.BigEndian.Uint32(size[:]))
			if _, err := io.ReadFull(conn, request); err != nil || !respond(conn, request) {
				return
			}
		}
	})
}

func send(conn net.Conn, message []byte) bool {
	_, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...))
	return err == nil
}

func newKey(tb testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return public, private
}

func sshKey(tb testing.TB, public crypto.PublicKey) ssh.PublicKey {
	tb.Helper()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// identities answers what a key is, for a hostile agent that must get further.
func identities(tb testing.TB, public ed25519.PublicKey) []byte {
	return append([]byte{identitiesAnswer}, ssh.Marshal(struct {
		Count   uint32
		Blob    []byte
		Comment string
	}{1, sshKey(tb, public).Marshal(), "w1"})...)
}

func signatureAnswer(format string, signature []byte) []byte {
	return append([]byte{signResponse}, ssh.Marshal(struct{ Blob []byte }{ssh.Marshal(struct {
		Format string
		Blob   []byte
	}{format, signature})})...)
}

// signedMessage is the message of a request to sign.
func signedMessage(request []byte) []byte {
	var parsed struct {
		Blob, Data []byte
		Flags      uint32
	}
	if err := ssh.Unmarshal(request[1:], &parsed); err != nil {
		panic(err)
	}
	return parsed.Data
}

// socketPath is short enough for a socket's address.
func socketPath(tb testing.TB) string {
	tb.Helper()
	directory, err := os.MkdirTemp("", "agent-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(directory) })
	return filepath.Join(directory, "s")
}

// TestSign: many at once, and again after the agent was restarted.
func TestSign(t *testing.T) {
	public, private := newKey(t)
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	socket := socketPath(t)
	serve := func(conn net.Conn) { agent.ServeAgent(keyring, conn) }
	stop := listen(t, socket, serve)
	signer, err := Open(socket, public)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	if !public.Equal(signer.Public()) {
		t.Error("the signer has another key")
	}
	sign := func() {
		message := []byte(rand.Text())
		signature, err := signer.Sign(nil, message, crypto.Hash(0))
		if err != nil || !ed25519.Verify(public, message, signature) {
			t.Errorf("got %x, %v", signature, err)
		}
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(sign)
	}
	all.Wait()
	stop()
	if _, err := signer.Sign(nil, []byte("m"), crypto.Hash(0)); err == nil || !strings.Contains(err.Error(), ssh.FingerprintSHA256(sshKey(t, public))) {
		t.Errorf("no agent: got %v", err)
	}
	listen(t, socket, serve)
	sign()

	keyring.Lock([]byte("secret"))
	_, err = signer.Sign(nil, []byte("m"), crypto.Hash(0))
	if refused, ok := errors.AsType[*Error](err); !ok || !strings.Contains(refused.Hint, "ssh-add -X") {
		t.Errorf("locked: got %v", err)
	}
	keyring.Unlock([]byte("secret"))
	sign()
	if _, err := signer.Sign(nil, make([]byte, 64), crypto.SHA512); err == nil {
		t.Error("a hashed message was signed")
	}
}

// TestReconnect: an agent that was restarted between two signatures costs none.
func TestReconnect(t *testing.T) {
	public, private := newKey(t)
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	socket := socketPath(t)
	serve := func(conn net.Conn) { agent.ServeAgent(keyring, conn) }
	stop := listen(t, socket, serve)
	signer, err := Open(socket, public)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	stop()
	listen(t, socket, serve)
	if _, err := signer.Sign(nil, []byte("m"), crypto.Hash(0)); err != nil {
		t.Error(err)
	}
}

// TestOpenRefuses: an agent that cannot serve is told at the start, with the key
// and what to do.
func TestOpenRefuses(t *testing.T) {
	public, private := newKey(t)
	other, _ := newKey(t)
	empty, locked, another := agent.NewKeyring(), agent.NewKeyring(), agent.NewKeyring()
	locked.Add(agent.AddedKey{PrivateKey: private})
	locked.Lock([]byte("secret"))
	another.Add(agent.AddedKey{PrivateKey: private})
	for name, test := range map[string]struct {
		keyring    agent.Agent
		want, hint string
	}{
		"empty":       {empty, "holds no key, or is locked", "ssh-add FILE"},
		"locked":      {locked, "holds no key, or is locked", "ssh-add -X"},
		"another key": {another, "holds 1 keys and not this one", "ssh-add FILE"},
	} {
		socket := socketPath(t)
		listen(t, socket, func(conn net.Conn) { agent.ServeAgent(test.keyring, conn) })
		_, err := Open(socket, other)
		refused, ok := errors.AsType[*Error](err)
		if !ok || refused.Fingerprint != ssh.FingerprintSHA256(sshKey(t, other)) || !strings.Contains(err.Error(), test.want) || !strings.Contains(refused.Hint, test.hint) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for socket, want := range map[string]string{"": "$SSH_AUTH_SOCK is not set", socketPath(t): "no such file"} {
		_, err := Open(socket, public)
		if refused, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), want) || !strings.Contains(refused.Hint, "ssh-agent -a") {
			t.Errorf("socket %q: got %v", socket, err)
		}
	}
}

// TestHostileAgent: whatever an agent does, no signature that does not verify is
// given on, and nobody waits or reads for ever. What it did to one request does
// not reach the next one.
func TestHostileAgent(t *testing.T) {
	public, private := newKey(t)
	_, other := newKey(t)
	const wait = 200 * time.Millisecond
	honest := func(request []byte) []byte {
		if request[0] == requestIdentities {
			return identities(t, public)
		}
		return signatureAnswer(ssh.KeyAlgoED25519, ed25519.Sign(private, signedMessage(request)))
	}
	for name, test := range map[string]struct {
		sign answer
		want string
	}{
		"another key's signature": {func(conn net.Conn, request []byte) bool {
			return send(conn, signatureAnswer(ssh.KeyAlgoED25519, ed25519.Sign(other, signedMessage(request))))
		}, "something else than a signature"},
		"another message's signature": {func(conn net.Conn, request []byte) bool {
			return send(conn, signatureAnswer(ssh.KeyAlgoED25519, ed25519.Sign(private, []byte("cosignature/v1\n"))))
		}, "something else than a signature"},
		"short": {func(conn net.Conn, request []byte) bool {
			return send(conn, signatureAnswer(ssh.KeyAlgoED25519, ed25519.Sign(private, signedMessage(request))[:63]))
		}, "something else than a signature"},
		"long": {func(conn net.Conn, request []byte) bool {
			return send(conn, signatureAnswer(ssh.KeyAlgoED25519, append(ed25519.Sign(private, signedMessage(request)), 0)))
		}, "something else than a signature"},
		"a security key's": {func(conn net.Conn, request []byte) bool {
			return send(conn, signatureAnswer(ssh.KeyAlgoSKED25519, ed25519.Sign(private, signedMessage(request))))
		}, "something else than a signature"},
		"two answers": {func(conn net.Conn, request []byte) bool {
			wrong := signatureAnswer(ssh.KeyAlgoED25519, make([]byte, 64))
			first := send(conn, wrong)
			return first && send(conn, wrong)
		}, "something else than a signature"},
		"refusal":       {func(conn net.Conn, _ []byte) bool { return send(conn, []byte{agentFailure}) }, "does not sign"},
		"empty":         {func(conn net.Conn, _ []byte) bool { return send(conn, nil) }, "does not sign"},
		"unknown type":  {func(conn net.Conn, _ []byte) bool { return send(conn, []byte{200}) }, "does not sign"},
		"identities":    {func(conn net.Conn, _ []byte) bool { return send(conn, identities(t, public)) }, "does not sign"},
		"cut signature": {func(conn net.Conn, _ []byte) bool { return send(conn, []byte{signResponse, 0, 0, 0, 9, 1}) }, "does not sign"},
		"hangs":         {func(net.Conn, []byte) bool { return true }, "does not answer"},
		"hangs inside":  {func(conn net.Conn, _ []byte) bool { conn.Write([]byte{0, 0, 0, 9, signResponse}); return true }, "does not answer"},
		"drips": {func(conn net.Conn, _ []byte) bool {
			conn.Write([]byte{0, 1, 0, 0})
			for {
				if _, err := conn.Write([]byte{signResponse}); err != nil {
					return false
				}
				time.Sleep(wait / 10)
			}
		}, "does not answer"},
		"giant": {func(conn net.Conn, _ []byte) bool {
			conn.Write([]byte{0, 255, 255, 255})
			for chunk := make([]byte, 32<<10); ; {
				if _, err := conn.Write(chunk); err != nil {
					return false
				}
			}
		}, "above 262144 bytes"},
		"says 4 GiB": {func(conn net.Conn, _ []byte) bool { conn.Write([]byte{255, 255, 255, 255}); return true }, "too large"},
		"hangs up":   {func(net.Conn, []byte) bool { return false }, "closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			var attack sync.Mutex
			attacking := false
			socket := socketPath(t)
			hostile(t, socket, func(conn net.Conn, request []byte) bool {
				attack.Lock()
				hostile := attacking && request[0] == signRequest
				attack.Unlock()
				if hostile {
					return test.sign(conn, request)
				}
				return send(conn, honest(request))
			})
			signer, err := open(socket, public, wait, wait/4)
			if err != nil {
				t.Fatal(err)
			}
			defer signer.Close()
			set := func(to bool) { attack.Lock(); attacking = to; attack.Unlock() }

			set(true)
			begin := time.Now()
			signature, err := signer.Sign(nil, []byte("message"), crypto.Hash(0))
			if signature != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %x, %v, want %q", signature, err, test.want)
			}
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("got a %T", err)
			}
			if took := time.Since(begin); took > 10*wait {
				t.Errorf("took %v", took)
			}
			if _, err := open(socket, public, wait, wait/4); err == nil {
				t.Error("a witness would start with this agent")
			}
			set(false)
			time.Sleep(wait / 2) // longer than it is left alone
			signature, err = signer.Sign(nil, []byte("next"), crypto.Hash(0))
			if err != nil || !ed25519.Verify(public, []byte("next"), signature) {
				t.Errorf("the next one: got %x, %v", signature, err)
			}
		})
	}
}

// TestHangingAgentHoldsNobodyInTurn: of many requests that wait for one another
// none waits for the agent more than once.
func TestHangingAgentHoldsNobodyInTurn(t *testing.T) {
	public, private := newKey(t)
	socket := socketPath(t)
	var signed sync.Mutex
	count := 0
	hostile(t, socket, func(conn net.Conn, request []byte) bool {
		if request[0] == requestIdentities {
			return send(conn, identities(t, public))
		}
		signed.Lock()
		defer signed.Unlock()
		if count++; count > 1 {
			return true
		}
		return send(conn, signatureAnswer(ssh.KeyAlgoED25519, ed25519.Sign(private, signedMessage(request))))
	})
	const wait = 200 * time.Millisecond
	signer, err := open(socket, public, wait, 5*wait)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	begin := time.Now()
	for range 20 { // one after the other, as under an origin's lock
		if _, err := signer.Sign(nil, []byte("m"), crypto.Hash(0)); !errors.Is(err, ErrTimeout) {
			t.Fatalf("got %v", err)
		}
	}
	if took := time.Since(begin); took > 4*wait {
		t.Errorf("20 requests took %v, one may take %v", took, wait)
	}
}

// TestListIsBounded: what an agent says that it holds is bounded, too.
func TestListIsBounded(t *testing.T) {
	public, _ := newKey(t)
	for name, test := range map[string]struct {
		list []byte
		want string
	}{
		"more than it sends": {[]byte{identitiesAnswer, 0, 16, 0, 0}, ""},
		"4 billion":          {[]byte{identitiesAnswer, 255, 255, 255, 255}, "too many keys"},
		"above the bound":    {append([]byte{identitiesAnswer, 0, 0, 0, 1, 0, 16, 0, 0}, make([]byte, 1<<20)...), "above 262144 bytes"},
	} {
		socket := socketPath(t)
		hostile(t, socket, func(conn net.Conn, _ []byte) bool { return send(conn, test.list) })
		if _, err := Open(socket, public); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// TestPublicKey: plain Ed25519 keys are found by fingerprint and by file, all
// else is refused by its name.
func TestPublicKey(t *testing.T) {
	public, private := newKey(t)
	ca, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certified, certifiedPrivate := newKey(t)
	certificate := &ssh.Certificate{Key: sshKey(t, certified), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	if err := certificate.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	security, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Name        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, public, "ssh:"}))
	if err != nil {
		t.Fatal(err)
	}
	keyring := agent.NewKeyring()
	for _, key := range []agent.AddedKey{{PrivateKey: certifiedPrivate, Certificate: certificate}, {PrivateKey: private}, {PrivateKey: curve}} {
		if err := keyring.Add(key); err != nil {
			t.Fatal(err)
		}
	}
	socket := socketPath(t)
	listen(t, socket, func(conn net.Conn) { agent.ServeAgent(keyring, conn) })
	line := string(ssh.MarshalAuthorizedKey(sshKey(t, public)))
	for name, test := range map[string]struct{ named, file, want string }{
		"fingerprint":         {named: ssh.FingerprintSHA256(sshKey(t, public))},
		"file":                {file: line},
		"file with comment":   {file: strings.TrimSpace(line) + " witness w1\n"},
		"unknown":             {named: "SHA256:AAAA", want: "holds 3 keys and not this one"},
		"certificate":         {named: ssh.FingerprintSHA256(sshKey(t, certified)), want: "is a certificate"},
		"ECDSA":               {named: ssh.FingerprintSHA256(sshKey(t, curve.Public())), want: "ecdsa-sha2-nistp256 makes no Ed25519"},
		"security key's file": {file: string(ssh.MarshalAuthorizedKey(security)), want: "sk-ssh-ed25519@openssh.com signs a hash with a counter"},
		"certificate's file":  {file: string(ssh.MarshalAuthorizedKey(certificate)), want: "is a certificate"},
		"private key":         {file: "-----BEGIN OPENSSH PRIVATE KEY-----\n", want: "private key"},
		"two keys":            {file: line + line, want: "one line"},
		"options":             {file: `command="true" ` + line, want: "without options"},
		"empty":               {file: "\n", want: "want one line"},
		"giant":               {file: strings.Repeat("#", 17<<10), want: "more than 16384 bytes"},
		"no file":             {named: socket + ".none", want: "no such file"},
	} {
		named := test.named
		if test.file != "" {
			named = filepath.Join(t.TempDir(), "key.pub")
			if err := os.WriteFile(named, []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := PublicKey(socket, named)
		if test.want == "" && (err != nil || !bytes.Equal(got, public)) || test.want != "" && (err == nil || got != nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %x, %v, want %q", name, got, err, test.want)
		}
	}
}
