package release_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
)

// sshKeys are the public keys of ssh-keygen by type, and two of security keys
// from the tests of golang.org/x/crypto/ssh.
var sshKeys = map[string]string{
	"ssh-ed25519":                        "AAAAC3NzaC1lZDI1NTE5AAAAIBT9WCh+dyUNtJgQnzJcn8keO+ci1uDhceGIFqFwXV6l",
	"ecdsa-sha2-nistp256":                "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBC3ET/lzuC0oh4XRZG5Zrg51LTMn652BL9QxcbsJtCjBxwOw0H/6918eLj6sJFGyQs/OVdCuZZ6Ne6sm8AhT8Xo=",
	"ecdsa-sha2-nistp384":                "AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBESopNxq5h5o17sFh34NWCTL+0YDUwRWGDO0fmRdx2IjZMOp5hjZMEjyzKbUa/vggzLycJM4xBCxgFd9M2yEssGspKRM/ha3cfJ2QDrDKaIKurImkw5mAAL8siRnRG7Ydg==",
	"ssh-rsa":                            "AAAAB3NzaC1yc2EAAAADAQABAAABAQCzMNIdsreDe3BHdbtk5cU6yhnZQJEwWY0kACtMs+B/MSOwm5n6IdK188J1LPE3YZkQsgkQUckKRewf08irBPR25yZwUj178fOOa8uK0KGv6LL5cqpyyuMXDOXKw7oIYT3DeWKgoHLNXTjQHEC/MePLOfCjfnqpmFsppGSTdDU0kKAq1LQR/DVYTgFCc5dheUH9LVRCjMAWuFhedJ3y7fQSN35ZcNYDmIil4p7VOM7s8Sw7QGsMZmjmHXDWZr3i8wU2ELBWJdBTeLGRAt421O7CboJvLj6kNbqV0aP6kR1DwLqvD6HlS6VaHAJRtP8eaX6M/8wHTeLcc8Jpnd2mEbKJ",
	"sk-ssh-ed25519@openssh.com":         "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIJjzc2a20RjCvN/0ibH6UpGuN9F9hDvD7x182bOesNhHAAAABHNzaDo=",
	"sk-ecdsa-sha2-nistp256@openssh.com": "AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBGRNqlFgED/pf4zXz8IzqA6CALNwYcwgd4MQDmIS1GOtn1SySFObiuyJaOlpqkV5FeEifhxfIC2ejKKtNyO4CysAAAAEc3NoOg==",
}

// sshBlob joins strings in the wire encoding of RFC 4251, section 5.
func sshBlob(fields ...string) []byte {
	var out []byte
	for _, field := range fields {
		out = binary.BigEndian.AppendUint32(out, uint32(len(field)))
		out = append(out, field...)
	}
	return out
}

func sshKey(tb testing.TB, keyType string) []byte {
	tb.Helper()
	blob, err := base64.StdEncoding.DecodeString(sshKeys[keyType])
	if err != nil || len(blob) == 0 {
		tb.Fatalf("%s: %v", keyType, err)
	}
	return blob
}

func TestSSHKeys(t *testing.T) {
	sk := sshKey(t, "sk-ecdsa-sha2-nistp256@openssh.com")
	point := sk[bytes.Index(sk, []byte{0, 0, 0, 65})+4:][:65]
	skEd := sshKey(t, "sk-ssh-ed25519@openssh.com")
	edPrefix, ecPrefix := derOf(t, "ed25519.pub")[:12], derOf(t, "p256.pub")[:26]
	for keyType, spki := range map[string][]byte{
		"ssh-ed25519":                        append(bytes.Clone(edPrefix), sshKey(t, "ssh-ed25519")[19:]...),
		"ecdsa-sha2-nistp256":                derOf(t, "ssh-ecdsab256.spki"),
		"ecdsa-sha2-nistp384":                derOf(t, "ssh-ecdsab384.spki"),
		"ssh-rsa":                            derOf(t, "ssh-rsab2048.spki"),
		"sk-ssh-ed25519@openssh.com":         append(bytes.Clone(edPrefix), skEd[34:34+32]...),
		"sk-ecdsa-sha2-nistp256@openssh.com": append(bytes.Clone(ecPrefix), point...),
	} {
		t.Run(keyType, func(t *testing.T) {
			blob := sshKey(t, keyType)
			key, err := release.ParseKey(release.FormatSSH, blob)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := key.SPKI(); err != nil || got != sha256.Sum256(spki) {
				t.Errorf("SPKI %s, %v, want the SHA-256 of %x", got, err, spki)
			}
			if key.ID() != sha256.Sum256(blob) {
				t.Error("the key id is not the SHA-256 of the blob")
			}
			// No part of a blob is one, and nothing may follow.
			for n := range blob {
				if _, err := release.ParseKey(release.FormatSSH, blob[:n]); err == nil {
					t.Errorf("the first %d bytes are read as a key", n)
				}
			}
			for _, more := range []string{"\x00", "\x00\x00\x00\x00", "\x00\x00\x00\x01x"} {
				_, err := release.ParseKey(release.FormatSSH, slices.Concat(blob, []byte(more)))
				wantCode(t, err, release.CodeKey)
			}
		})
	}
}

func TestSSHKeysRefused(t *testing.T) {
	raw := string(sshKey(t, "ssh-ed25519")[19:])
	p256 := sshKey(t, "ecdsa-sha2-nistp256")
	point := string(p256[len(p256)-65:])
	compressed := "\x02" + point[1:33]
	rsa := sshKey(t, "ssh-rsa")
	modulus := string(rsa[len(rsa)-257:]) // with the zero that its sign needs
	const e = "\x01\x00\x01"
	type keyCase struct {
		name   string
		fields []string
		code   release.Code
	}
	for _, c := range []keyCase{
		{"no type", []string{""}, release.CodeKey},
		{"DSA", []string{"ssh-dss", "x"}, release.CodeKey},
		{"P-521", []string{"ecdsa-sha2-nistp521", "nistp521", point}, release.CodeKey},
		{"a certificate", []string{"ssh-ed25519-cert-v01@openssh.com", raw}, release.CodeKey},
		{"a signature algorithm", []string{"rsa-sha2-256", e, modulus}, release.CodeKey},
		{"Ed25519 of 31 bytes", []string{"ssh-ed25519", raw[1:]}, release.CodeKey},
		{"Ed25519 of small order", []string{"ssh-ed25519", strings.Repeat("\x00", 32)}, release.CodeKeyWeak},
		{"another curve's name", []string{"ecdsa-sha2-nistp256", "nistp384", point}, release.CodeKey},
		{"a compressed point", []string{"ecdsa-sha2-nistp256", "nistp256", compressed}, release.CodeKey},
		{"a point off the curve", []string{"ecdsa-sha2-nistp256", "nistp256", point[:64] + string([]byte{point[64] ^ 1})}, release.CodeKey},
		{"the point at infinity", []string{"ecdsa-sha2-nistp256", "nistp256", "\x00"}, release.CodeKey},
		{"e with a leading zero", []string{"ssh-rsa", "\x00" + e, modulus}, release.CodeKey},
		{"e negative", []string{"ssh-rsa", "\xff" + e, modulus}, release.CodeKey},
		{"e zero", []string{"ssh-rsa", "", modulus}, release.CodeKey},
		{"e zero in one byte", []string{"ssh-rsa", "\x00", modulus}, release.CodeKey},
		{"e one", []string{"ssh-rsa", "\x01", modulus}, release.CodeKeyWeak},
		{"e of 64 bits", []string{"ssh-rsa", "\x7f\x00\x00\x00\x00\x00\x00\x01", modulus}, release.CodeKeyWeak},
		{"e of 72 bits", []string{"ssh-rsa", "\x01\x00\x00\x00\x00\x00\x00\x00\x01", modulus}, release.CodeKeyWeak},
		{"n negative", []string{"ssh-rsa", e, modulus[1:]}, release.CodeKey},
		{"n with two zeros", []string{"ssh-rsa", e, "\x00" + modulus}, release.CodeKey},
		{"n of 1016 bits", []string{"ssh-rsa", e, modulus[:128]}, release.CodeKeyWeak},
		{"n of 5000 bytes", []string{"ssh-rsa", e, "\x01" + strings.Repeat("\x01", 5000)}, release.CodeKey},
		{"e and n change places", []string{"ssh-rsa", modulus, e}, release.CodeKeyWeak},
		{"no application", []string{"sk-ssh-ed25519@openssh.com", raw}, release.CodeKey},
		{"an empty application", []string{"sk-ssh-ed25519@openssh.com", raw, ""}, release.CodeKey},
		{"an application with a line feed", []string{"sk-ssh-ed25519@openssh.com", raw, "ssh:\n"}, release.CodeKey},
		{"an application of 256 bytes", []string{"sk-ssh-ed25519@openssh.com", raw, strings.Repeat("a", 256)}, release.CodeKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := release.ParseKey(release.FormatSSH, sshBlob(c.fields...))
			wantCode(t, err, c.code)
		})
	}
	_, err := release.ParseKey(release.FormatSSH, []byte("\xff\xff\xff\xffssh-ed25519"))
	wantCode(t, err, release.CodeKey)
}

func FuzzSSHKey(f *testing.F) {
	for keyType := range sshKeys {
		f.Add(sshKey(f, keyType))
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		key, err := release.ParseKey(release.FormatSSH, blob)
		if err != nil {
			if release.CodeOf(err) == "" {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		if _, err := key.SPKI(); err != nil {
			t.Fatal(err)
		}
		// The fields are all there is: written again they are the same bytes.
		var fields []string
		for rest := blob; len(rest) > 0; {
			n := binary.BigEndian.Uint32(rest)
			fields = append(fields, string(rest[4:4+n]))
			rest = rest[4+n:]
		}
		if !bytes.Equal(sshBlob(fields...), blob) {
			t.Fatalf("%x has another encoding", blob)
		}
	})
}
