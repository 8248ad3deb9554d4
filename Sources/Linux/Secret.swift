internal import Glibc

/// A key of 32 bytes that lies in one place of memory and is wiped when its owner goes.
///
/// What is computed from it passes through registers and the stack like anything else; only the key itself is kept
/// nowhere else.
@safe package struct Secret: ~Copyable, @unchecked Sendable {
    package static let length = 32

    // SAFETY: nobody else has the pointer, and the bytes never change after the initialiser.
    private let bytes: UnsafeMutableRawPointer

    /// Takes the bytes that `fill` puts into a buffer of zeros; the buffer is valid during that call only.
    init(filledBy fill: (inout MutableRawSpan) -> Void) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: Secret.length, alignment: 8)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: Secret.length)
        // SAFETY: the span ends with the call, and the memory lives until deinit.
        var span = unsafe MutableRawSpan(_unsafeStart: memory, byteCount: Secret.length)
        fill(&span)
        unsafe self.bytes = memory
    }

    deinit {
        // SAFETY: the memory is ours, of that length, and nobody reads it any more.
        unsafe explicit_bzero(bytes, Secret.length)
        unsafe bytes.deallocate()
    }

    /// 32 bytes that nobody can guess. `getrandom(2)`
    package static func random() -> Secret { Secret(copying: Random.bytes(length)) }

    /// Takes the first 32 bytes over and wipes the array that they came in.
    init(copying source: consuming [UInt8]) {
        precondition(source.count >= Secret.length, "a secret has 32 bytes")
        self.init { span in
            for position in 0..<Secret.length {
                span.storeBytes(of: source[position], toByteOffset: position, as: UInt8.self)
            }
        }
        Secret.wipe(&source)
    }

    /// Reads 64 lower-case hex digits; anything else is nil.
    package init?(hex: ArraySlice<UInt8>) {
        guard hex.count == 2 * Secret.length, hex.allSatisfy({ Secret.value(of: $0) != nil }) else { return nil }
        self.init { span in
            for position in 0..<Secret.length {
                let at = hex.startIndex + 2 * position
                let byte = (Secret.value(of: hex[at]) ?? 0) << 4 | (Secret.value(of: hex[at + 1]) ?? 0)
                span.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
            }
        }
    }

    /// 64 lower-case hex digits, for a file or a terminal; who asks for them wipes them.
    package var hex: [UInt8] {
        var digits: [UInt8] = []
        digits.reserveCapacity(2 * Secret.length)
        withBytes { bytes in
            for position in bytes.indices {
                for value in [bytes[position] >> 4, bytes[position] & 15] {
                    digits.append(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10)
                }
            }
        }
        return digits
    }

    func withBytes(_ body: (Span<UInt8>) -> Void) {
        // SAFETY: the memory is initialized and lives as long as self, which is borrowed for the call.
        let buffer = unsafe UnsafeBufferPointer(
            start: bytes.assumingMemoryBound(to: UInt8.self), count: Secret.length)
        unsafe body(buffer.span)
    }

    /// Overwrites bytes that held a secret.
    package static func wipe(_ bytes: inout [UInt8]) {
        // SAFETY: the call writes zeros over exactly the array's own bytes.
        unsafe bytes.withUnsafeMutableBytes { buffer in
            if let start = buffer.baseAddress { unsafe explicit_bzero(start, buffer.count) }
        }
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
