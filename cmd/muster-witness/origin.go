package main

import "strconv"

// printableOrigin shows an origin as it is when it is plain ASCII without spaces,
// and escaped otherwise, so that two that look alike do not.
func printableOrigin(origin string) string {
	for _, char := range origin {
		if char <= ' ' || char > '~' {
			return strconv.QuoteToASCII(origin)
		}
	}
	return origin
}
