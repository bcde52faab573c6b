package web

import "testing"

// BoundConnections sets the bound for the servers of a test that begin to serve
// after it: a test cannot open as many as one may have.
func BoundConnections(t *testing.T, most int) {
	before := maxConnections
	t.Cleanup(func() { maxConnections = before })
	maxConnections = most
}
