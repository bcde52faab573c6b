//go:build linux

// Command ungated is an attacker's node: it obeys no gate. It extends PCR 15 by the
// ledger of whatever release it was given a bundle of, loads what images it finds,
// says nothing of what it thinks of them, and answers the evidence protocol as a
// good node would. Whatever it shows, a client must tell from what the TPM signs.
// It runs in the guest of tests and nowhere else.
package main

import (
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/node/images/devicemapper"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/bundle"
)

func main() {
	listen := flag.String("listen", ":8443", "where to answer")
	flag.Parse()
	if err := run(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "ungated:", err)
		os.Exit(1)
	}
}

func run(listen string) error {
	stapled, issuers, err := read()
	if err != nil {
		return err
	}
	stated, images, err := statements(stapled)
	if err != nil {
		return err
	}
	imported, _ := filepath.Glob("/run/credentials/@system/*")
	fmt.Printf("ungated: credentials that systemd imported: %q\n", imported)
	tpm, err := openTPM()
	if err != nil {
		return err
	}
	var loaded []attest.Digest
	for digest, image := range images {
		if image.Kind == release.KindOS || image.Kind == release.KindFirmware {
			continue
		}
		loaded = append(loaded, attest.Digest(digest))
		if err := openImage(image); err != nil {
			fmt.Println("ungated:", image.Kind, image.Name, "is not opened:", err)
			continue
		}
		fmt.Println("ungated:", image.Kind, image.Name, "is opened")
	}
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return err
	}
	fmt.Printf("ungated: used %d us\n", (used.Utime.Nano()+used.Stime.Nano())/1000)
	ledger, err := attest.NewLedger(attest.Digest(stated.Identity()), loaded)
	if err != nil {
		return err
	}
	for _, event := range ledger.Events() {
		if err := tpm.extend(15, event.SHA256()); err != nil {
			return err
		}
	}
	key, err := tpm.newAK()
	if err != nil {
		return err
	}
	n := &node{tpm: tpm, key: key, ledger: ledger.SHA256(), bundle: stapled}
	if n.log, err = os.ReadFile("/sys/kernel/security/tpm0/binary_bios_measurements"); err != nil {
		return err
	}
	leaf, err := tpm.ekCertificate()
	if err != nil {
		return err
	}
	n.certificates = append([][]byte{leaf}, issuers...)
	return n.serve(listen)
}

// read reads what the initrd found on the machine's disks: a bundle, and the
// certificates of the issuers of this TPM's endorsement key, the root's last.
func read() (bundle []byte, issuers [][]byte, err error) {
	chain, err := os.ReadFile("/run/muster/issuers.pem")
	if err != nil {
		return nil, nil, err
	}
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		issuers = append(issuers, block.Bytes)
	}
	bundle, err = os.ReadFile("/run/muster/release.muster")
	return bundle, issuers, err
}

// statements finds the newest release of a bundle, and its images, and checks nothing.
func statements(stapled []byte) (*release.Release, map[release.Digest]*release.Image, error) {
	parsed, err := bundle.Parse(stapled)
	if err != nil {
		return nil, nil, err
	}
	var newest *release.Release
	images := map[release.Digest]*release.Image{}
	for _, entry := range parsed.Entries {
		envelope, err := release.ParseEnvelope(entry.Envelope)
		if err != nil {
			return nil, nil, err
		}
		statement, err := release.ParseStatement(envelope.Payload)
		if err != nil {
			return nil, nil, err
		}
		switch p := statement.Predicate.(type) {
		case *release.Release:
			newest = p
		case *release.Image:
			images[envelope.PayloadDigest()] = p
		}
	}
	if newest == nil {
		return nil, nil, errors.New("the bundle holds no release")
	}
	for digest := range images {
		if !slices.Contains(newest.Images, digest) {
			delete(images, digest)
		}
	}
	return newest, images, nil
}

// openImage opens the image on the disk whose serial number is the image's name.
func openImage(image *release.Image) error {
	stated := image.Measurements.Verity
	if stated == nil {
		return errors.New("states no verity/v1")
	}
	disk, err := devicemapper.DiskBySerial(image.Name)
	if err != nil {
		return err
	}
	device, err := devicemapper.Open(image.Name, disk, devicemapper.Verity{RootHash: stated.RootHash, Salt: stated.Salt, DataBlockSize: stated.DataBlockSize, HashBlockSize: stated.HashBlockSize, DataBlocks: stated.DataBlocks, HashOffset: stated.HashOffset})
	if err != nil {
		return err
	}
	at := filepath.Join("/run/ungated", string(image.Kind), image.Name)
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	return syscall.Mount(device, at, stated.FileSystem, syscall.MS_RDONLY|syscall.MS_NODEV|syscall.MS_NOSUID|syscall.MS_NOEXEC, "")
}
