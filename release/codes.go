package release

// The reasons for which an envelope, a statement, a key or a signature is
// refused by itself. release/register has those of an entry in its log.
const (
	// CodeEntrySize: an entry of no bytes or more than 65,535.
	CodeEntrySize Code = "entry-size"
	// CodeJSONSyntax: bytes that are not JSON (RFC 8259).
	CodeJSONSyntax Code = "json-syntax"
	// CodeJSONUTF8: invalid UTF-8, or a lone surrogate in an escape.
	CodeJSONUTF8 Code = "json-utf8"
	// CodeJSONDepth: objects and lists nested deeper than the format has them.
	CodeJSONDepth Code = "json-depth"
	// CodeJSONSize: more JSON values than any document of the format has.
	CodeJSONSize Code = "json-size"
	// CodeJSONNumber: a number that is not an integer from 0 to 2^53-1.
	CodeJSONNumber Code = "json-number"
	// CodeJSONNull: a null; an absent member is left out.
	CodeJSONNull Code = "json-null"
	// CodeJSONDuplicate: one member name twice in an object.
	CodeJSONDuplicate Code = "json-duplicate-member"
	// CodeJSONNotCanonical: JSON that is not in the canonical form of RFC 8785 (white space, escapes, order).
	CodeJSONNotCanonical Code = "json-not-canonical"
	// CodeMemberMissing: a member that must stand is absent.
	CodeMemberMissing Code = "member-missing"
	// CodeMemberUnknown: a member that the format does not have, or not here.
	CodeMemberUnknown Code = "member-unknown"
	// CodeMemberType: a member of another JSON type than the format's.
	CodeMemberType Code = "member-type"

	// CodePayloadType: an envelope whose payloadType is not application/vnd.in-toto+json.
	CodePayloadType Code = "payload-type"
	// CodePayloadSize: an empty payload, or an authority's payload of more than 16 KiB.
	CodePayloadSize Code = "payload-size"
	// CodeBase64: text that is not standard, padded, canonical base64, or is empty.
	CodeBase64 Code = "base64"
	// CodeSignatureNone: an envelope without a signature.
	CodeSignatureNone Code = "signature-none"
	// CodeSignatureOrder: signatures that are not sorted by keyid.
	CodeSignatureOrder Code = "signature-order"
	// CodeSignatureRepeated: two signatures by one key.
	CodeSignatureRepeated Code = "signature-repeated"
	// CodeSignatureInvalid: a signature that its key did not make over this payload.
	CodeSignatureInvalid Code = "signature-invalid"
	// CodeCannotJudge: a signature by a key of a format that this program has no verifier for.
	CodeCannotJudge Code = "cannot-judge"

	// CodeStatementType: a payload whose _type is not https://in-toto.io/Statement/v1.
	CodeStatementType Code = "statement-type"
	// CodePredicateType: a statement of another type than the one called for.
	CodePredicateType Code = "predicate-type"
	// CodeSubject: subjects that are not those which the statement's type asks for.
	CodeSubject Code = "subject"
	// CodeStringASCII: a string with a character outside printable ASCII (0x20 to 0x7E).
	CodeStringASCII Code = "string-not-ascii"
	// CodeStringLength: a string that is shorter or longer than its member may be.
	CodeStringLength Code = "string-length"
	// CodeNote: a note with a control character or a bidirectional mark.
	CodeNote Code = "note-characters"
	// CodeDigest: a digest that is not 64 lowercase hexadecimal digits.
	CodeDigest Code = "digest-form"
	// CodeHex: bytes that are not lowercase hexadecimal digits, two a byte, of the length asked for.
	CodeHex Code = "hex-form"
	// CodeName: a product, name or path outside its grammar.
	CodeName Code = "name-form"
	// CodeVersion: a version outside [A-Za-z0-9._+~-]{1,64}.
	CodeVersion Code = "version-form"
	// CodeChannel: a channel's name outside [a-z0-9._-]{1,64}.
	CodeChannel Code = "channel-form"
	// CodeOrigin: an origin that is not 1 to 255 printable ASCII characters without space and plus.
	CodeOrigin Code = "origin-form"
	// CodeURL: a URL that is not an absolute https URL with a host, without user, password and fragment.
	CodeURL Code = "url-form"
	// CodeTime: a time that is not RFC 3339 in whole seconds, UTC, ending in Z, from 1970 on.
	CodeTime Code = "time-form"
	// CodeMediaType: a media type that is not type/subtype in lower case, without parameters.
	CodeMediaType Code = "media-type-form"
	// CodeWord: a short code or word outside its grammar.
	CodeWord Code = "word-form"
	// CodeValue: a value that is not one of those which the member can have.
	CodeValue Code = "value-unknown"
	// CodeRange: an integer outside the range of its member.
	CodeRange Code = "integer-range"
	// CodeListOrder: a list that is not ordered by its elements' canonical bytes.
	CodeListOrder Code = "list-order"
	// CodeListRepeated: one element twice in a list.
	CodeListRepeated Code = "list-repeated"
	// CodeListSize: a list with fewer or more elements than it may have.
	CodeListSize Code = "list-size"

	// CodeAuthorityPrevious: version 1 with a previous, or a later version without one.
	CodeAuthorityPrevious Code = "previous-misplaced"
	// CodeAuthorityExpires: an authority that expires no later than it is issued.
	CodeAuthorityExpires Code = "expires-before-issued"
	// CodeKey: a key whose bytes are not the one form of its format.
	CodeKey Code = "key-form"
	// CodeKeyWeak: an Ed25519 key of small order, or an RSA key outside 2048 to 4096 bits or without an odd public exponent from 65537 to 2^31-1.
	CodeKeyWeak Code = "key-weak"
	// CodeKeyID: a keyid that is not the SHA-256 of its key's bytes.
	CodeKeyID Code = "keyid-mismatch"
	// CodeKeyRole: an openpgp or x509 key in a role other than withdraw and auditor.
	CodeKeyRole Code = "key-format-in-role"
	// CodeRoleKey: a role with a key that does not stand in keys.
	CodeRoleKey Code = "role-key-unknown"
	// CodeRoleRoot: an authority without exactly one root role, or one whose root is limited to products, kinds or channels.
	CodeRoleRoot Code = "role-root"
	// CodeThreshold: a threshold of 0 or above the number of distinct keys of its role.
	CodeThreshold Code = "role-threshold"

	// CodeProfileUnknown: measurements for an evidence profile that does not exist.
	CodeProfileUnknown Code = "profile-unknown"
	// CodeProfileNotAdmitted: measurements for an evidence profile whose rules are not built.
	CodeProfileNotAdmitted Code = "profile-not-admitted"
	// CodeProfileKind: measurements that do not belong to an image of this kind.
	CodeProfileKind Code = "profile-of-other-kind"
	// CodeProfileMissing: an image without the measurements that its kind and mode need.
	CodeProfileMissing Code = "profile-missing"
	// CodeSectionMissing: a unified kernel image without a .linux, .cmdline or .initrd section.
	CodeSectionMissing Code = "section-missing"
	// CodeCmdlineDigest: a command line whose SHA-256 is not the digest of the section .cmdline.
	CodeCmdlineDigest Code = "cmdline-digest"
	// CodeInitrdDigest: an initrd digest that is not the digest of the section .initrd.
	CodeInitrdDigest Code = "initrd-digest"
	// CodeCmdlineRoot: a command line without exactly one roothash= or usrhash= word of 64 lowercase hexadecimal digits.
	CodeCmdlineRoot Code = "cmdline-root"
	// CodeRootHash: a command line whose root hash is not the rootHash of root.
	CodeRootHash Code = "root-hash"
	// CodeCmdlineRules: a cmdlineRules whose version does not exist.
	CodeCmdlineRules Code = "cmdline-rules-unknown"
	// CodeCmdlineLength: a command line longer than the kernel reads.
	CodeCmdlineLength Code = "cmdline-length"
	// CodeCmdlineQuote: a quote character or a backslash in a production command line.
	CodeCmdlineQuote Code = "cmdline-quote"
	// CodeCmdlineRequired: a production command line that lacks one of the words that it must hold once, or holds it twice.
	CodeCmdlineRequired Code = "cmdline-required"
	// CodeCmdlineForbidden: a production command line with a forbidden key, or with a second value or another spelling of a required one.
	CodeCmdlineForbidden Code = "cmdline-forbidden"
	// CodeFileSystem: a production model, adapter or config whose file system is not erofs or squashfs, which are read-only by design.
	CodeFileSystem Code = "file-system"
)
