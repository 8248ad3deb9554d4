internal import CLinux
internal import Glibc

/// Looks for single bytes as fast as glibc can: the audit log is read by the hundred million bytes.
package enum ByteSearch {
    /// The first place of a byte in part of an array, or nil. `memchr(3)`
    package static func first(_ byte: UInt8, in bytes: [UInt8], _ range: Range<Int>) -> Int? {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "the range lies in the array")
        // SAFETY: the range was checked against the buffer, and the result points into it.
        return unsafe bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress,
                let found = unsafe memchr(base + range.lowerBound, Int32(byte), range.count)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    /// The last place of a byte in part of an array, or nil. `memrchr(3)`
    package static func last(_ byte: UInt8, in bytes: [UInt8], _ range: Range<Int>) -> Int? {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "the range lies in the array")
        // SAFETY: the range was checked against the buffer, and the result points into it.
        return unsafe bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress,
                let found = unsafe memrchr(base + range.lowerBound, Int32(byte), range.count)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    /// The first place of a run of bytes that lies whole in part of an array, or nil.
    package static func first(_ needle: [UInt8], in bytes: [UInt8], _ range: Range<Int>) -> Int? {
        ByteNeedle(needle).first(in: bytes, range)
    }
}

/// Kinds of text, told by many bytes at once.
package enum ByteKind {
    /// Whether all bytes are printable ASCII, the space among them.
    package static func isPrintable(_ text: Span<UInt8>) -> Bool {
        // SAFETY: the function reads the span's bytes and no other.
        unsafe text.withUnsafeBufferPointer { unsafe migbroker_is_printable($0.baseAddress, $0.count) != 0 }
    }

    /// Whether all bytes are lower-case hex digits.
    package static func isHex(_ text: Span<UInt8>) -> Bool {
        // SAFETY: as above.
        unsafe text.withUnsafeBufferPointer { unsafe migbroker_is_hex($0.baseAddress, $0.count) != 0 }
    }
}

/// A run of bytes that is looked for again and again in lines of JSON.
package struct ByteNeedle: Sendable {
    package let bytes: [UInt8]
    /// The places in it of the two bytes that are looked for first.
    private let one: Int
    private let other: Int

    /// A needle of no bytes is found nowhere.
    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let places = bytes.indices.sorted { Self.commonness(of: bytes[$0]) < Self.commonness(of: bytes[$1]) }
        one = places.first ?? 0
        other = places.dropFirst().first ?? one
    }

    /// The first place where it lies whole in part of an array, or nil.
    package func first(in text: [UInt8], _ range: Range<Int>) -> Int? {
        precondition(range.lowerBound >= 0 && range.upperBound <= text.count, "the range lies in the array")
        // SAFETY: the range was checked against the text, and the function looks at nothing outside it.
        let place = unsafe text.withUnsafeBufferPointer { text in
            unsafe bytes.withUnsafeBufferPointer { needle in
                guard let base = text.baseAddress, let needle = needle.baseAddress else { return -1 }
                return unsafe migbroker_find(
                    base + range.lowerBound, range.count, needle, bytes.count, one, other)
            }
        }
        return place < 0 ? nil : range.lowerBound + place
    }

    /// Of a byte in a record: ids, hashes and numbers are most of it, then what JSON is made of, then words.
    private static func commonness(of byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): 3
        case UInt8(ascii: "\""), UInt8(ascii: ","), UInt8(ascii: ":"): 2
        case UInt8(ascii: "-"), UInt8(ascii: "i"), UInt8(ascii: "o"), UInt8(ascii: "r"), UInt8(ascii: "s"): 1
        default: 0
        }
    }
}
