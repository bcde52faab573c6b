package tpm

import (
	"encoding/hex"

	"github.com/muster-log/muster/attest"
)

// A root is a certificate authority whose issuers certify endorsement keys. What
// pins it is the SHA-256 of its DER certificate; its signature on itself says nothing
// and is not looked at.
type root struct {
	vendor, name string // as the certificate has them
	assurance    attest.Assurance
}

// google is the level of the virtual TPMs of Google Cloud.
var google = attest.AssuranceVTPM("google")

// roots is the built-in list: docs/formats/tpm.md says how a root comes into it.
var roots = map[attest.Digest]root{
	rootDigest("f27bf02c6e00c73d915eeb6a6a2f5fbf0c31ae0393149e6b5c31e41b113841c3"): {"GlobalSign", "GlobalSign Trusted Platform Module Root CA", attest.AssuranceTPM},
	rootDigest("cfeb02fecd55ad7a73c6e1d11985d4c47dee248ab63dcb66091a2489660443c3"): {"Infineon Technologies AG", "Infineon OPTIGA(TM) ECC Root CA", attest.AssuranceTPM},
	rootDigest("899e35474c9807eb4c7f2f7a12da0028fb250cd02154d0009fca7d9c66574f3b"): {"Infineon Technologies AG", "Infineon OPTIGA(TM) RSA Root CA", attest.AssuranceTPM},
	rootDigest("2e1b3ba79af56d758be51697621bc4b9e8cee0983db3e749c55eb9b37c6d2ae0"): {"Intel Corporation", "TPM EK root cert signing", attest.AssuranceTPM},
	rootDigest("56b67007f448bd5c5746299fcdea9323971bbdaaefd8e3b9b84773abc888c90e"): {"Nuvoton Technology Corporation", "NTC TPM EK Root CA 01", attest.AssuranceTPM},
	rootDigest("8fac94b462b37acb84431bdc71395585caf518c17f656051ff9c4347a4726ed9"): {"Nuvoton Technology Corporation", "NTC TPM EK Root CA 02", attest.AssuranceTPM},
	rootDigest("887bc9658ffc6ad7f4eeb85c8819772ff609ee64c4dac4a6dca654a39e94b289"): {"Nuvoton Technology Corporation", "Nuvoton TPM Root CA 0100", attest.AssuranceTPM},
	rootDigest("2782e51a95e86d9557fe4204316cf805bd6f5898f81f9732e944d742bcdc5f54"): {"Nuvoton Technology Corporation", "Nuvoton TPM Root CA 1110", attest.AssuranceTPM},
	rootDigest("e38c280f7c0e0b49f31efc7531032bb6a86c3fba4eb89beb1d510eaa4510ae4a"): {"Nuvoton Technology Corporation", "Nuvoton TPM Root CA 1111", attest.AssuranceTPM},
	rootDigest("4aebe77a51ed29959a7f9f5e07a24a558dee8167f3985d724995a541c258dfda"): {"Nuvoton Technology Corporation", "Nuvoton TPM Root CA 2110", attest.AssuranceTPM},
	rootDigest("cd8185ff8995ed09811970090a8c36fafab34ef87f47fa51fdb9ecf95c9c2e04"): {"Nuvoton Technology Corporation", "Nuvoton TPM Root CA 2111", attest.AssuranceTPM},
	rootDigest("594759594b9b61524f6c8ef668f7177f7b9066bc0674f2f49fe9e052be78beb2"): {"Google LLC", "EK/AK CA Root", google},
	rootDigest("9bd5285f8fb18502a7947e621ffd470266f49fcd3b73e19a190f690ad32a7caf"): {"Google LLC", "tpm_ek_v1_cloud_host_root-signer-0", google},
}

func rootDigest(text string) attest.Digest {
	var digest attest.Digest
	if n, err := hex.Decode(digest[:], []byte(text)); err != nil || n != len(digest) {
		panic("not a SHA-256 digest: " + text)
	}
	return digest
}
