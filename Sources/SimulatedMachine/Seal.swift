/// The last line of each file of a machine's state, by which a damaged one is told from one that was written so.
///
/// It also stands for the number of the change that wrote the file, so a file of another time is not taken for that of
/// now. It guards against accidents, not against people: whoever may write the state may write the line too.
package enum Seal {
    private static let bytes = 18

    /// A text with its seal after it.
    package static func close(_ text: [UInt8], count: UInt32) -> [UInt8] { text + line(for: text, count) }

    /// The text that was sealed with a count.
    package static func open(_ bytes: [UInt8], count: UInt32) throws(StateDamage) -> [UInt8] {
        let text = Array(bytes.dropLast(Self.bytes))
        guard bytes.suffix(Self.bytes).elementsEqual(line(for: text, count)) else {
            throw .text("its last line does not match the rest, or it is not of change \(count)")
        }
        return text
    }

    private static func line(for text: [UInt8], _ count: UInt32) -> [UInt8] {
        let hex = String(digest(text, count), radix: 16)
        return Array("\n\(String(repeating: "0", count: bytes - 2 - hex.utf8.count))\(hex)\n".utf8)
    }

    // Each step can be undone, so two texts that differ in one word of eight bytes never come to the same.
    private static func digest(_ text: [UInt8], _ count: UInt32) -> UInt64 {
        var hash = mix(0xcbf2_9ce4_8422_2325 ^ UInt64(text.count), UInt64(count))
        text.withUnsafeBytes { bytes in
            let whole = bytes.count & ~7
            for offset in stride(from: 0, to: whole, by: 8) {
                hash = mix(hash, UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            }
            for byte in bytes[whole...] { hash = mix(hash, UInt64(byte)) }
        }
        return hash
    }

    private static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word) &* 0x100_0000_01b3
        return product ^ product >> 32
    }
}
