// Package build makes the parts of images for demonstrations and tests: a unified
// kernel image joined from a stub and its sections, and a newc cpio archive for
// an initrd. The same input gives the same bytes, always.
//
// It is no image builder for production: it signs nothing, compresses nothing and
// knows no distribution.
package build
