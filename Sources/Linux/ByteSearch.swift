internal import CLinux
internal import Glibc

/// Looks for bytes as fast as glibc can: the audit log is read by the hundred million bytes.
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

    /// The first place of a run of bytes that lies whole in part of an array, or nil. `memmem(3)`
    package static func first(_ needle: [UInt8], in bytes: [UInt8], _ range: Range<Int>) -> Int? {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "the range lies in the array")
        // SAFETY: the range was checked against the buffer, and the result points into it.
        return unsafe bytes.withUnsafeBytes { buffer in
            unsafe needle.withUnsafeBytes { needle in
                guard let base = buffer.baseAddress,
                    let found = unsafe memmem(base + range.lowerBound, range.count, needle.baseAddress, needle.count)
                else { return nil }
                return unsafe UnsafeRawPointer(found) - base
            }
        }
    }
}
