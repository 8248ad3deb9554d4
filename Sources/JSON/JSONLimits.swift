/// What one text may cost; everything past a limit is refused before it is stored.
package struct JSONLimits: Sendable {
    package let bytes: Int
    package let depth: Int
    package let keysPerObject: Int
    /// Of one decoded string or key.
    package let stringBytes: Int
    /// Whether `//` comments to the end of the line count as space; off for everything but the policy.
    package let allowsComments: Bool
    /// Whether bytes past ASCII may stand outside comments.
    package let allowsNonASCII: Bool

    package init(
        bytes: Int, depth: Int, keysPerObject: Int, stringBytes: Int, allowsComments: Bool = false,
        allowsNonASCII: Bool = true
    ) {
        self.bytes = bytes
        self.depth = depth
        self.keysPerObject = keysPerObject
        self.stringBytes = stringBytes
        self.allowsComments = allowsComments
        self.allowsNonASCII = allowsNonASCII
    }

    /// A call on the wire: the client is not trusted with anything.
    package static let call = JSONLimits(bytes: 64 << 10, depth: 16, keysPerObject: 64, stringBytes: 4 << 10)
    /// A reply on the wire: comes from the broker, but a client still bounds it.
    package static let reply = JSONLimits(bytes: 4 << 20, depth: 16, keysPerObject: 64, stringBytes: 1 << 20)
    /// The broker's own files: audit records and checkpoints.
    package static let record = JSONLimits(bytes: 16 << 20, depth: 16, keysPerObject: 128, stringBytes: 64 << 10)
    /// Policy files: comments allowed, and nothing but ASCII outside them, so no name has two spellings.
    package static let policy = JSONLimits(
        bytes: 4 << 20, depth: 16, keysPerObject: 64, stringBytes: 4 << 10, allowsComments: true,
        allowsNonASCII: false)
}
