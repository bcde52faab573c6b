// Package client makes HTTP requests to nodes that pass muster, and to no others.
//
//	trust, err := verify.ParseTrust(policyFile, requirementsFile)
//	client, err := client.New(trust, client.WithMemory("memory.json"))
//	response, err := client.Get("https://node.example/v1/models")
//
// Before a byte of a request leaves, the node at the other end of that very
// connection has shown evidence that it runs a release which the trust accepts:
// whose proof bundle passes, whose boot is the release's, and whose TLS key is the
// one in the evidence. What a server sees before that is a TLS handshake with the
// name in it, and the evidence protocol. A node that does not pass gets no request
// line, no header and no body, and the caller a *RefusedError.
//
// A verdict holds until its deadline. At the deadline the node is judged anew, with
// a new bundle; requests that are under way then end with an error.
//
// Specification: docs/formats/evidence.md, docs/client.md.
package client
