//go:build system

package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"os"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-log/muster/internal/command/commandtest"
)

// TestSystemScripts runs testdata/system: the programs of other people beside ours,
// as docs/signing.md has them. Besides the commands of TestScripts there are
//
//	security-key NAME            makes the public key of a security key, NAME.pub
//	touch-and-sign NAME FILE     signs FILE as ssh-keygen -Y sign does with that key, into FILE.sig
func TestSystemScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/system",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			if err := scriptSetup(env); err != nil {
				return err
			}
			// gpg's agent has its socket there, whose path is bounded.
			home, err := os.MkdirTemp("", "gpg")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(home) })
			env.Setenv("GNUPGHOME", home)
			return nil
		},
		Cmds: commandtest.Commands("muster", map[string]func(*testscript.TestScript, bool, []string){
			"log":            scriptLog,
			"security-key":   scriptSecurityKey,
			"touch-and-sign": scriptTouchAndSign,
		}),
	})
}

const (
	typeOfSecurityKey = "sk-ssh-ed25519@openssh.com"
	application       = "ssh:"
)

// securityKey is a key in software that signs as a security key does.
func securityKey(name string) (private ed25519.PrivateKey, blob []byte) {
	seed := sha256.Sum256([]byte(name))
	private = ed25519.NewKeyFromSeed(seed[:])
	return private, wireStrings([]byte(typeOfSecurityKey), private.Public().(ed25519.PublicKey), []byte(application))
}

func wireStrings(fields ...[]byte) []byte {
	var out []byte
	for _, field := range fields {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(field))), field...)
	}
	return out
}

func scriptSecurityKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: security-key NAME")
	}
	_, blob := securityKey(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), []byte(typeOfSecurityKey+" "+base64.StdEncoding.EncodeToString(blob)+" "+args[0]+"@yubikey\n"), 0o600))
}

// scriptTouchAndSign signs as OpenSSH's PROTOCOL.sshsig and PROTOCOL.u2f say.
func scriptTouchAndSign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: touch-and-sign NAME FILE")
	}
	private, blob := securityKey(args[0])
	message := sha512.Sum512([]byte(ts.ReadFile(args[1])))
	signed := append([]byte("SSHSIG"), wireStrings([]byte("file"), nil, []byte("sha512"), message[:])...)
	hashedApplication, hashed := sha256.Sum256([]byte(application)), sha256.Sum256(signed)
	touched := []byte{1, 0, 0, 0, 9}
	inner := ed25519.Sign(private, slices.Concat(hashedApplication[:], touched, hashed[:]))
	sig := append([]byte("SSHSIG\x00\x00\x00\x01"), wireStrings(blob, []byte("file"), nil, []byte("sha512"), append(wireStrings([]byte(typeOfSecurityKey), inner), touched...))...)
	text := "-----BEGIN SSH SIGNATURE-----\n" + base64.StdEncoding.EncodeToString(sig) + "\n-----END SSH SIGNATURE-----\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[1]+".sig"), []byte(text), 0o600))
}
