// Package images opens the images that a release lists, so that nothing can change
// between the check and the use.
//
// DeviceMapper is for production: the kernel checks every block as it is read, by the
// root hash of the logged statement, and stops the machine at one that is wrong. It
// takes milliseconds, whatever the size. Memory is for development: it checks a whole
// image and copies its files.
package images
