package foreign

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/sigstore/rekor/pkg/pki/pgp"

	"github.com/muster-log/muster/release"
)

// maxSignatureOpenPGP bounds a signature packet in bytes: RSA of 4096 bits with the
// subpackets that programs write has about 600.
const maxSignatureOpenPGP = 2048

// ParseOpenPGPSignature reads a file of one detached OpenPGP signature, armoured or
// binary, and returns it in its one form: one signature packet with a header of
// the new format (RFC 9580, section 4.2.1) and a length in its shortest form.
func ParseOpenPGPSignature(data []byte) (sig []byte, err error) {
	defer refusePanic(&err, release.CodeSignatureInvalid)
	if len(data) > maxFile {
		return nil, refuseFile(fmt.Sprintf("%d bytes", len(data)), nil)
	}
	packets, err := withoutArmour(data, openpgp.SignatureType)
	if err != nil {
		return nil, refuseFile("", err)
	}
	sig, _, err = readSignature(packets)
	return sig, err
}

// refuseFile refuses what is no detached signature; cause may be nil.
func refuseFile(got string, cause error) *release.Refusal {
	refusal := release.Refuse(release.CodeSignatureInvalid, "", got, "one detached OpenPGP signature of a binary document, as gpg --detach-sign makes it")
	refusal.Err = cause
	return refusal
}

// readSignature reads one signature packet, and nothing behind it, and writes it in
// its one form.
func readSignature(data []byte) ([]byte, *packet.Signature, error) {
	if len(data) > maxSignatureOpenPGP {
		return nil, nil, refuseFile(fmt.Sprintf("%d bytes", len(data)), nil)
	}
	rest := bytes.NewReader(data)
	read, err := packet.Read(rest)
	if err != nil {
		return nil, nil, refuseFile("", err)
	}
	sig, ok := read.(*packet.Signature)
	switch {
	case !ok:
		return nil, nil, refuseFile(fmt.Sprintf("a packet %T", read), nil)
	case rest.Len() != 0:
		return nil, nil, refuseFile(fmt.Sprintf("%d bytes behind the signature", rest.Len()), nil)
	case sig.Version != 4:
		return nil, nil, refuseFile(fmt.Sprintf("a signature of version %d", sig.Version), nil)
	case sig.SigType != packet.SigTypeBinary:
		return nil, nil, refuseFile(fmt.Sprintf("a signature of type %#02x", uint8(sig.SigType)), nil)
	case !slices.Contains(hashesOpenPGP, sig.Hash):
		return nil, nil, refuseFile("a signature over "+sig.Hash.String(), nil)
	case !slices.Contains([]packet.PublicKeyAlgorithm{packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly, packet.PubKeyAlgoECDSA, packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoEd25519}, sig.PubKeyAlgo):
		return nil, nil, refuseFile(fmt.Sprintf("a signature of algorithm %d", sig.PubKeyAlgo), nil)
	}
	sig.RSASignature = shortest(sig.RSASignature)
	sig.ECDSASigR, sig.ECDSASigS = shortest(sig.ECDSASigR), shortest(sig.ECDSASigS)
	sig.EdDSASigR, sig.EdDSASigS = shortest(sig.EdDSASigR), shortest(sig.EdDSASigS)
	var out bytes.Buffer
	if err := sig.Serialize(&out); err != nil {
		return nil, nil, refuseFile("", err)
	}
	return out.Bytes(), sig, nil
}

// field is an integer of a packet, as the library has it.
type field interface {
	Bytes() []byte
	BitLength() uint16
	EncodedBytes() []byte
	EncodedLength() uint16
	ReadFrom(io.Reader) (int64, error)
}

// integer is a multiprecision integer in its shortest form (RFC 9580, section 3.2):
// programs write the number of its bits with and without leading zeros.
type integer struct {
	field
	number *big.Int
}

// shortest returns the same integer in its shortest form; of none, none.
func shortest(read field) field {
	if read == nil {
		return nil
	}
	return integer{read, new(big.Int).SetBytes(read.Bytes())}
}

func (i integer) Bytes() []byte         { return i.number.Bytes() }
func (i integer) BitLength() uint16     { return uint16(i.number.BitLen()) }
func (i integer) EncodedLength() uint16 { return uint16(2 + len(i.Bytes())) }
func (i integer) EncodedBytes() []byte {
	return append(binary.BigEndian.AppendUint16(nil, i.BitLength()), i.Bytes()...)
}

// verifyOpenPGP verifies a detached signature of a binary document. rekor judges the
// key's expiry at the time that the signature says it was made at, and so reads no
// clock; a signature from before the key, or after its end, does not hold.
func verifyOpenPGP(key release.Key, message, sig []byte) error {
	form, parsed, err := readSignature(sig)
	if err != nil {
		return refuseSignature(key, fmt.Sprintf("%d bytes that are no OpenPGP signature", len(sig)), err)
	}
	if !bytes.Equal(form, sig) {
		return refuseSignature(key, "another form of an OpenPGP signature", errors.New("want one packet with a header of the new format"))
	}
	// Two bytes of the hash stand in a signature, which the library does not look at.
	hash := parsed.Hash.New()
	hash.Write(message)
	hash.Write(parsed.HashSuffix)
	if !bytes.HasPrefix(hash.Sum(nil), parsed.HashTag[:]) {
		return refuseSignature(key, "a signature over something else", nil)
	}
	public, err := pgp.NewPublicKey(bytes.NewReader(key.Public))
	if err != nil {
		return refuseSignature(key, "one by a key that cannot be used", err)
	}
	// rekor looks for an armoured block before it reads bytes as they are, and the
	// subpackets of a signature can hold any text: it gets an armoured block.
	armoured, err := armour(sig)
	if err != nil {
		return refuseSignature(key, fmt.Sprintf("%d bytes", len(sig)), err)
	}
	signature, err := pgp.NewSignature(bytes.NewReader(armoured))
	if err == nil {
		err = signature.Verify(bytes.NewReader(message), public)
	}
	if err != nil {
		return refuseSignature(key, fmt.Sprintf("%d bytes", len(sig)), err)
	}
	return nil
}

// armour writes a signature in ASCII armour.
func armour(sig []byte) ([]byte, error) {
	var out bytes.Buffer
	writer, err := armor.Encode(&out, openpgp.SignatureType, nil)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(writer, bytes.NewReader(sig)); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
