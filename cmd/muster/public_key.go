package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
)

// keyFile is a form that public keys come in: how it is known, and how it is read.
type keyFile struct {
	what string
	is   func(data []byte) bool
	read func(data []byte) (release.Key, error)
}

// keyFiles are the forms that are read, each known by its beginning alone, and the
// last by nothing: PEM, whose errors name what is there instead.
var keyFiles = []keyFile{
	{"an OpenSSH public key", beginsWith("ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"), release.ParsePublicKeySSH},
	{"a minisign public key", beginsWith("untrusted comment:"), release.ParsePublicKeyMinisign},
	{"an OpenPGP public key", beginsWith("-----BEGIN PGP "), foreign.ParseOpenPGPKey},
	{"an OpenPGP public key", isOpenPGPKey, foreign.ParseOpenPGPKey},
	{"an X.509 certificate", beginsWith("-----BEGIN CERTIFICATE-----", "-----BEGIN X509 CERTIFICATE-----", "-----BEGIN TRUSTED CERTIFICATE-----"), foreign.ParseCertificate},
	{"an X.509 certificate", isDER, readDER},
	{"a public key", func([]byte) bool { return true }, release.ParsePublicKeyPEM},
}

func beginsWith(heads ...string) func([]byte) bool {
	return func(data []byte) bool {
		text := bytes.TrimSpace(data)
		for _, head := range heads {
			if bytes.HasPrefix(text, []byte(head)) {
				return true
			}
		}
		return false
	}
}

// isOpenPGPKey knows the header of a public or a secret key packet (RFC 9580,
// section 4.2), in the old format and in the new.
func isOpenPGPKey(data []byte) bool {
	if len(data) == 0 {
		return false
	}
	const public, secret = 6, 5
	switch head := data[0]; {
	case head >= 0xc0:
		return head&0x3f == public || head&0x3f == secret
	case head >= 0x80:
		return head>>2&0xf == public || head>>2&0xf == secret
	}
	return false
}

// isDER knows a sequence with a length of two bytes, which a certificate is, and a
// SubjectPublicKeyInfo with a shorter one.
func isDER(data []byte) bool {
	return len(data) > 2 && data[0] == 0x30 && data[1] != ' ' && data[1] < 0x84
}

// readDER reads a certificate, or a SubjectPublicKeyInfo without PEM around it.
func readDER(data []byte) (release.Key, error) {
	key, err := foreign.ParseCertificate(data)
	if err == nil {
		return key, nil
	}
	if key, plainErr := release.ParsePublicKeyPEM(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: data})); plainErr == nil {
		return key, nil
	}
	return release.Key{}, err
}

// isPrivateKey knows the private keys of all programs whose public ones are read.
func isPrivateKey(data []byte) bool {
	text := string(data)
	secretPacket := isOpenPGPKey(data) && (data[0] >= 0xc0 && data[0]&0x3f == 5 || data[0] < 0xc0 && data[0]>>2&0xf == 5)
	return strings.Contains(text, "PRIVATE KEY") || secretPacket || strings.HasPrefix(text, "untrusted comment: minisign encrypted secret key") || strings.HasPrefix(text, "untrusted comment: minisign secret key")
}

// parsePublicKey reads a public key in whatever form people have it.
func parsePublicKey(data []byte) (release.Key, string, error) {
	for _, form := range keyFiles {
		if form.is(data) {
			key, err := form.read(data)
			return key, form.what, err
		}
	}
	panic("the last form takes everything")
}

// readPublicKey reads a public key file; one of a private key is refused, so
// that nobody gets used to passing it around.
func (a *app) readPublicKey(path string) (release.Key, error) {
	data, err := a.readFile(path, "public key", maxKeyFile)
	if err != nil {
		return release.Key{}, err
	}
	return a.publicKeyOf(path, data)
}

// publicKeyOf reads the bytes of a public key file.
func (a *app) publicKeyOf(path string, data []byte) (release.Key, error) {
	if isPrivateKey(data) {
		return release.Key{}, fail(exitcode.Usage, "private-key-given", "give the file "+publicFile(path), fmt.Errorf("%s is a private key, want a public one", path))
	}
	if beginsWith("---- BEGIN SSH2 PUBLIC KEY")(data) {
		return release.Key{}, fail(exitcode.Usage, "wrong-file", "convert it: ssh-keygen -i -f "+path, fmt.Errorf("%s is an SSH public key in the form of RFC 4716, want OpenSSH's", path))
	}
	key, what, err := parsePublicKey(data)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
		if what == "a public key" {
			return release.Key{}, wrongFile(path, data, what, fmt.Errorf("public key %w", err))
		}
		return release.Key{}, fmt.Errorf("%s %w", strings.TrimPrefix(strings.TrimPrefix(what, "an "), "a "), err)
	}
	return key, nil
}

// checkRole refuses a key in a role that its format may not have.
func checkRole(name release.RoleName, key release.Key, path string) error {
	foreignKey := key.Format == release.FormatOpenPGP || key.Format == release.FormatX509
	if !foreignKey || name == release.RoleWithdraw || name == release.RoleAuditor {
		return nil
	}
	return fail(exitcode.Usage, string(release.CodeKeyRole), "give a key of ssh-keygen, of minisign, or of muster key generate: no client judges the other formats",
		fmt.Errorf("%s: got a key of format %s in role %s, want another format, or role withdraw or auditor", path, key.Format, name))
}
