/// HMAC-SHA256 of RFC 2104: who has the key can make and check the code, nobody else can.
package enum HMAC {
    private static let blockBytes = 64

    /// The code of a message, 32 bytes.
    package static func code(_ key: borrowing Secret, _ message: [UInt8]) -> [UInt8] {
        var code: [UInt8] = []
        key.withBytes { code = Self.code($0, message.span) }
        return code
    }

    /// The code of a part of a line.
    package static func code(_ key: borrowing Secret, _ message: ArraySlice<UInt8>) -> [UInt8] {
        var code: [UInt8] = []
        key.withBytes { code = Self.code($0, message.span) }
        return code
    }

    /// Another key that follows from this one, and from which this one cannot be found: the code of a label.
    package static func key(_ key: borrowing Secret, _ label: StaticString) -> Secret {
        Secret(copying: code(key, Array(label.description.utf8)))
    }

    static func code(_ key: Span<UInt8>, _ message: Span<UInt8>) -> [UInt8] {
        var block = padded(key)
        for index in block.indices { block[index] ^= 0x36 }
        var inner = SHA256()
        inner.update(block)
        inner.update(message)
        // From the inner pad to the outer one.
        for index in block.indices { block[index] ^= 0x36 ^ 0x5C }
        var outer = SHA256()
        outer.update(block)
        outer.update(inner.finalize())
        Secret.wipe(&block)
        return outer.finalize()
    }

    /// The key as one block: a longer one counts by its digest.
    private static func padded(_ key: Span<UInt8>) -> [UInt8] {
        var block: [UInt8] = []
        block.reserveCapacity(blockBytes)
        if key.count > blockBytes {
            var hasher = SHA256()
            hasher.update(key)
            block = hasher.finalize()
        } else {
            for index in key.indices { block.append(key[index]) }
        }
        block.append(contentsOf: repeatElement(0, count: blockBytes - block.count))
        return block
    }
}
