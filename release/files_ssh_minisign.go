package release

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
)

// maxText bounds a text file of a key or a signature, in bytes: an SSH signature by
// an RSA key of 4096 bits has 2 KB.
const maxText = 16384

// ParsePublicKeySSH reads an OpenSSH public key file: one line of the key's type, its
// blob in base64, and perhaps a comment (sshd(8), without options).
func ParsePublicKeySSH(data []byte) (Key, error) {
	const want = "one line of an OpenSSH public key: its type, base64, and perhaps a comment"
	line, err := oneText(CodeKey, data, want)
	if err != nil {
		return Key{}, err
	}
	if strings.ContainsAny(line, "\r\n") {
		return Key{}, Refuse(CodeKey, "", "several lines", want)
	}
	keyType, rest, _ := strings.Cut(line, " ")
	text, _, _ := strings.Cut(rest, " ")
	blob, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(blob) == 0 {
		return Key{}, Refuse(CodeKey, "", "a line of something else", want)
	}
	key, err := ParseKey(FormatSSH, blob)
	if err != nil {
		return Key{}, err
	}
	if public, err := parsePublicSSH(blob); err != nil || public.keyType != keyType {
		return Key{}, Refuse(CodeKey, "", fmt.Sprintf("the type %q before a key of type %q", clipped(keyType), public.keyType), want)
	}
	return key, nil
}

// ParseSignatureSSH reads what ssh-keygen -Y sign writes, and returns the SSHSIG
// blob in the armour (OpenSSH's PROTOCOL.sshsig). It does not judge the blob.
func ParseSignatureSSH(data []byte) ([]byte, error) {
	const begin, end = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
	want := "one block " + begin + " and nothing else"
	text, err := oneText(CodeSignatureInvalid, data, want)
	if err != nil {
		return nil, err
	}
	body, began := strings.CutPrefix(text, begin)
	body, ended := strings.CutSuffix(body, end)
	blob, err := base64.StdEncoding.Strict().DecodeString(strings.ReplaceAll(body, "\n", ""))
	if !began || !ended || err != nil || len(blob) == 0 {
		return nil, Refuse(CodeSignatureInvalid, "", "something else", want)
	}
	return blob, nil
}

// The comments of minisign's files.
const (
	untrustedMinisign = "untrusted comment: "
	trustedMinisign   = "trusted comment: "
)

// ParsePublicKeyMinisign reads a public key file of minisign: a line of comment and
// one of base64.
func ParsePublicKeyMinisign(data []byte) (Key, error) {
	const want = "the two lines of a minisign public key: an untrusted comment, and base64"
	text, err := oneText(CodeKey, data, want)
	if err != nil {
		return Key{}, err
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], untrustedMinisign) {
		return Key{}, Refuse(CodeKey, "", fmt.Sprintf("%d lines of something else", len(lines)), want)
	}
	public, err := base64.StdEncoding.Strict().DecodeString(lines[1])
	if err != nil {
		return Key{}, Refuse(CodeKey, "", "a second line that is not base64", want)
	}
	return ParseKey(FormatMinisign, public)
}

// ParseSignatureMinisign reads a signature file of minisign and returns the decoded
// signature line. The comments, and the second signature, which is over the
// trusted one, are left away: they say nothing in a log.
func ParseSignatureMinisign(data []byte) ([]byte, error) {
	const want = "the four lines of a minisign signature: an untrusted comment, base64, a trusted comment, and base64"
	text, err := oneText(CodeSignatureInvalid, data, want)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], untrustedMinisign) || !strings.HasPrefix(lines[2], trustedMinisign) {
		return nil, Refuse(CodeSignatureInvalid, "", fmt.Sprintf("%d lines of something else", len(lines)), want)
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(lines[1])
	global, globalErr := base64.StdEncoding.Strict().DecodeString(lines[3])
	if err != nil || globalErr != nil || len(sig) != signatureMinisign || len(global) != ed25519.SignatureSize {
		return nil, Refuse(CodeSignatureInvalid, "", "lines that are no signatures", want)
	}
	return sig, nil
}

// oneText returns the text of a file without the white space around it, its line
// ends as line feeds.
func oneText(code Code, data []byte, want string) (string, error) {
	if len(data) > maxText {
		return "", Refuse(code, "", fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("%s; at most %d bytes", want, maxText))
	}
	return strings.ReplaceAll(string(bytes.TrimSpace(data)), "\r\n", "\n"), nil
}
