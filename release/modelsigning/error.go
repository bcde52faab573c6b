package modelsigning

import "fmt"

// Code is the stable reason of an Error: lower case words joined by hyphens.
type Code string

// The reasons for which a bundle is not taken.
const (
	// CodeSize: a bundle, or something in it, of more than the bound.
	CodeSize Code = "oms-size"
	// CodeJSON: bytes that are not one JSON value of valid UTF-8, without repeated members.
	CodeJSON Code = "oms-json"
	// CodeForm: a member that is missing or is of another kind than the format's.
	CodeForm Code = "oms-form"
	// CodeVersion: a bundle or statement of another version or tool than Model Signing 1.0 and 1.1.
	CodeVersion Code = "oms-version"
	// CodeMaterial: a bundle that was signed by another method than the trust that was given.
	CodeMaterial Code = "oms-method"
	// CodeKeyless: a bundle signed through sigstore without a key.
	CodeKeyless Code = "oms-keyless"
	// CodeKey: trust that is no key or certificate, or not of a kind that Model Signing has.
	CodeKey Code = "oms-key"
	// CodeCertificate: a certificate that does not lead to the roots, or may not sign.
	CodeCertificate Code = "oms-certificate"
	// CodeSignature: a signature that the key did not make over the statement.
	CodeSignature Code = "oms-signature"
	// CodeSerialization: files that were listed or hashed in a way that is not compared here.
	CodeSerialization Code = "oms-serialization"
	// CodeResource: a file name that no statement can have, or one that is there twice.
	CodeResource Code = "oms-resource"
	// CodeRoot: a root or an order that is not that of the resources.
	CodeRoot Code = "oms-root"
)

// Error says why a bundle is not taken, and what to do.
type Error struct {
	Code   Code
	Member string // where, as a path such as predicate.resources[3].name; empty: the whole
	Hint   string // what to do; empty: nothing is known
	Err    error
}

func (e *Error) Error() string {
	if e.Member == "" {
		return e.Err.Error()
	}
	return e.Member + ": " + e.Err.Error()
}

// Unwrap returns what is wrong, without the member.
func (e *Error) Unwrap() error { return e.Err }

func refuse(code Code, member, hint, format string, args ...any) *Error {
	return &Error{Code: code, Member: member, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// shown quotes a peer's text, cut.
func shown(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%+q...", text[:most])
	}
	return fmt.Sprintf("%+q", text)
}
