package release_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
)

// armourSSH is the armour of ssh-keygen -Y sign.
func armourSSH(blob []byte) string {
	text := base64.StdEncoding.EncodeToString(blob)
	lines := []string{"-----BEGIN SSH SIGNATURE-----"}
	for len(text) > 70 {
		lines, text = append(lines, text[:70]), text[70:]
	}
	return strings.Join(append(lines, text, "-----END SSH SIGNATURE-----", ""), "\n")
}

// keyOfMinisign and signatureOfMinisign are what minisign 0.11 wrote: the signature
// is over "hello".
const (
	keyOfMinisign = `untrusted comment: minisign public key D4FAE7E811D2DE05
RWQF3tIR6Of61JXnboYZ208WRXKin6pgZnihvXwVWnEWqsUXJX1KM5Ie
`
	signatureOfMinisign = `untrusted comment: signature from minisign secret key
RUQF3tIR6Of61Cqi6dBOcYM6Q5q1brHa62yi1fRJyUMJKguDMgk3MjLG4RoILfzc9Le1jlI5ofXdnuhEC4U7R1T60uHpFlCC5QM=
trusted comment: timestamp:1795563125	file:m	hashed
UC6NkYP73j7J6C2tDx9qahzZ2/Ea7RxAkktqVmeBmdllIzGsQwe+uJMP7RW7H2hj0YqPScpYLjZtjtTsrQh2Dg==
`
)

func TestFilesOfMinisign(t *testing.T) {
	key, err := release.ParsePublicKeyMinisign([]byte(keyOfMinisign))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{signatureOfMinisign, strings.ReplaceAll(signatureOfMinisign, "\n", "\r\n"), strings.TrimSpace(signatureOfMinisign)} {
		sig, err := release.ParseSignatureMinisign([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		if err := key.VerifyMessage([]byte("hello"), sig); err != nil {
			t.Error(err)
		}
		wantCode(t, key.Verify([]byte("hello"), sig), release.CodeSignatureInvalid)
	}
}

func TestFilesOfSSH(t *testing.T) {
	for keyType, text := range sshKeys {
		for _, file := range []string{keyType + " " + text, keyType + " " + text + " ana@host and more\n"} {
			key, err := release.ParsePublicKeySSH([]byte(file))
			if err != nil || !bytes.Equal(key.Public, sshKey(t, keyType)) {
				t.Errorf("%s: %v", file, err)
			}
		}
		signer := newSignerSSH(t, keyType)
		blob := signer.sign(t, []byte("hello"))
		got, err := release.ParseSignatureSSH([]byte(armourSSH(blob)))
		if err != nil || !bytes.Equal(got, blob) {
			t.Errorf("%s: %v", keyType, err)
		}
	}
}

func TestFilesRefused(t *testing.T) {
	line := "ssh-ed25519 " + sshKeys["ssh-ed25519"]
	signature := armourSSH(newSignerSSH(t, "ssh-ed25519").sign(t, []byte("hello")))
	parse := map[string]func([]byte) error{
		"ssh key":            func(data []byte) error { _, err := release.ParsePublicKeySSH(data); return err },
		"ssh signature":      func(data []byte) error { _, err := release.ParseSignatureSSH(data); return err },
		"minisign key":       func(data []byte) error { _, err := release.ParsePublicKeyMinisign(data); return err },
		"minisign signature": func(data []byte) error { _, err := release.ParseSignatureMinisign(data); return err },
	}
	for kind, files := range map[string][]string{
		"ssh key": {"", "ssh-ed25519", line + "\n" + line, `command="x" ` + line, "ecdsa-sha2-nistp256 " + sshKeys["ssh-ed25519"], "ssh-ed25519  " + sshKeys["ssh-ed25519"],
			strings.TrimSuffix(line, "l") + "m", line + strings.Repeat(" ", 17000) + "x", "ssh-dss AAAAB3NzaC1kc3M="},
		"ssh signature": {"", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n", signature + signature, "x" + signature, signature + "x", strings.Replace(signature, "SSH SIG", "PGP SIG", 2), strings.Replace(signature, "U1N", "U-N", 1),
			strings.Replace(signature, "\n", "\n ", 1), strings.Repeat(signature, 100)},
		"minisign key":       {"", keyOfMinisign + keyOfMinisign, keyOfMinisign + "x", strings.SplitAfter(keyOfMinisign, "\n")[1], strings.Replace(keyOfMinisign, "RWQF", "RUQF", 1), strings.Replace(keyOfMinisign, "RWQF", "RW!F", 1), signatureOfMinisign},
		"minisign signature": {"", signatureOfMinisign + "x", keyOfMinisign, strings.Replace(signatureOfMinisign, "trusted comment: t", "comment: t", 1), strings.Replace(signatureOfMinisign, "RUQF", "RU!F", 1), strings.Replace(signatureOfMinisign, "RUQF", "RUQFRUQF", 1), strings.Replace(signatureOfMinisign, "UC6N", "", 1)},
	} {
		code := release.CodeKey
		if strings.HasSuffix(kind, "signature") {
			code = release.CodeSignatureInvalid
		}
		for i, file := range files {
			if err := parse[kind]([]byte(file)); release.CodeOf(err) != code {
				t.Errorf("%s %d: got %v, want %s", kind, i, err, code)
			}
		}
	}
}

// FuzzFiles: no file makes anything but a refusal, or a key that checks.
func FuzzFiles(f *testing.F) {
	f.Add([]byte(keyOfMinisign))
	f.Add([]byte(signatureOfMinisign))
	for _, keyType := range []string{"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", "sk-ssh-ed25519@openssh.com"} {
		f.Add([]byte(keyType + " " + sshKeys[keyType]))
		f.Add([]byte(armourSSH(newSignerSSH(f, keyType).sign(f, []byte("hello")))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func([]byte) (release.Key, error){release.ParsePublicKeySSH, release.ParsePublicKeyMinisign} {
			key, err := parse(data)
			if err == nil {
				err = key.Check()
			} else if slices.Contains([]release.Code{release.CodeKey, release.CodeKeyWeak}, release.CodeOf(err)) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, parse := range []func([]byte) ([]byte, error){release.ParseSignatureSSH, release.ParseSignatureMinisign} {
			if _, err := parse(data); err != nil {
				wantCode(t, err, release.CodeSignatureInvalid)
			}
		}
	})
}
