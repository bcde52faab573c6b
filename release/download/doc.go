// Package download fetches the artifacts of images over HTTPS, so that what has
// an artifact's name is the artifact: every byte is hashed on its way, and a file
// gets its name only when size and SHA-256 are those of the statement.
//
// What is stated is taken as hostile to the file system: nothing is made outside
// of the directory that the caller names, no symbolic link is followed there, and
// no file that is there is replaced. Servers are taken as hostile, too: an answer
// is never read beyond the size that is stated, one that stops or drips is given
// up, and so is one that begins again and again, after three times the file at most;
// no redirect leaves https, and nothing is sent that tells who asks.
//
// A file in the making is NAME.part. It is kept when a transfer ends early, or
// when the program is ended, and gone on with by a range request: of the same URL
// only if the file there is still the same, which NAME.part.from remembers. What
// was fetched and has another digest is removed: the next URL is tried, and an
// *Error says what was found.
package download
