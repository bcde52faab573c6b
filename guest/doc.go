// Package guest builds and boots a measured machine, for tests: a unified kernel
// image with a systemd user space on a dm-verity root, under OVMF with Secure Boot
// and a TPM that swtpm plays, with images on further disks. Every part is made from
// Debian's packages by the tests (build tag system), or is one of the programs in
// the folders below; nothing here is for production.
package guest
