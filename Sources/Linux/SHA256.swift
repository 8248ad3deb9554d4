internal import CLinux

/// SHA-256 of FIPS 180-4: what the audit chain and the policy's hash are made of.
///
/// By the processor's own instructions where it has them, else plain Swift over checked spans. A digest is public here,
/// so nothing depends on how long a computation takes.
package struct SHA256: Sendable {
    /// What does the work; both give the same digests.
    enum Engine: CaseIterable {
        case instructions, plain

        /// The faster of those that this processor has.
        static let best: Engine = migbroker_sha256_is_supported() != 0 ? .instructions : .plain
    }

    private let engine: Engine
    private var state = SHA256.initial
    /// The start of a block that is not whole yet; `pendingCount` bytes of it count.
    private var pending = [64 of UInt8](repeating: 0)
    private var pendingCount = 0
    /// Bytes taken so far, modulo 2^64 as the standard has it for their bits.
    private var length: UInt64 = 0

    package init() { engine = .best }

    /// With an engine of one's choice, which the processor must have.
    init(_ engine: Engine) {
        precondition(engine == .plain || Engine.best == .instructions, "the processor has the instructions")
        self.engine = engine
    }

    /// The digest of one text, 32 bytes.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(bytes.span)
        return hasher.finalize()
    }

    package mutating func update(_ bytes: [UInt8]) { update(bytes.span) }
    package mutating func update(_ bytes: ArraySlice<UInt8>) { update(bytes.span) }

    /// Takes more of the text; how it is cut into calls does not change the digest.
    package mutating func update(_ bytes: Span<UInt8>) {
        length &+= UInt64(bytes.count)
        var position = 0
        if pendingCount > 0 {
            position = min(64 - pendingCount, bytes.count)
            append(bytes, from: 0, to: position)
            guard pendingCount == 64 else { return }
            SHA256.compress(&state, pending.span, 0..<64, engine)
            pendingCount = 0
        }
        let end = bytes.count - (bytes.count - position) % 64
        if position < end { SHA256.compress(&state, bytes, position..<end, engine) }
        append(bytes, from: end, to: bytes.count)
    }

    /// Ends the text and gives its digest, 32 bytes; the hasher is then as new.
    package mutating func finalize() -> [UInt8] {
        let digest = finish()
        return digest.indices.map { digest[$0] }
    }

    /// As `finalize`, without memory of its own for the digest.
    package mutating func finish() -> [32 of UInt8] {
        let bits = length &* 8
        pending[pendingCount] = 0x80
        fill(from: pendingCount + 1)
        // The length does not fit behind the text: it has a block to itself.
        if pendingCount >= 56 {
            SHA256.compress(&state, pending.span, 0..<64, engine)
            fill(from: 0)
        }
        for index in 0..<8 { pending[56 + index] = UInt8(truncatingIfNeeded: bits >> UInt64(56 - 8 * index)) }
        SHA256.compress(&state, pending.span, 0..<64, engine)
        var digest = [32 of UInt8](repeating: 0)
        for index in digest.indices {
            digest[index] = UInt8(truncatingIfNeeded: state[index / 4] >> UInt32(24 - 8 * (index % 4)))
        }
        self = SHA256(engine)
        return digest
    }

    private mutating func fill(from start: Int) {
        for index in start..<64 { pending[index] = 0 }
    }

    private mutating func append(_ bytes: Span<UInt8>, from start: Int, to end: Int) {
        for position in start..<end {
            pending[pendingCount] = bytes[position]
            pendingCount += 1
        }
    }

    /// Takes whole blocks into the state.
    private static func compress(
        _ state: inout [8 of UInt32], _ bytes: Span<UInt8>, _ blocks: Range<Int>, _ engine: Engine
    ) {
        precondition(blocks.count % 64 == 0 && blocks.lowerBound >= 0 && blocks.upperBound <= bytes.count)
        guard engine == .instructions else {
            for start in stride(from: blocks.lowerBound, to: blocks.upperBound, by: 64) {
                compress(&state, bytes, at: start)
            }
            return
        }
        let constants = constants
        var words = state.mutableSpan
        // SAFETY: the range was checked against the bytes; the state has 8 words and the constants 64, as the function
        // wants them; and the engine was chosen because the processor has the instructions.
        unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe constants.span.withUnsafeBufferPointer { constants in
                unsafe words.withUnsafeMutableBufferPointer { words in
                    unsafe migbroker_sha256_blocks(
                        words.baseAddress, constants.baseAddress,
                        bytes.baseAddress.map { unsafe $0 + blocks.lowerBound },
                        blocks.count / 64)
                }
            }
        }
    }

    /// Section 6.2.2: one block of 64 bytes; the message schedule is a ring of 16 words.
    private static func compress(_ state: inout [8 of UInt32], _ bytes: Span<UInt8>, at start: Int) {
        var schedule = [16 of UInt32](repeating: 0)
        for word in 0..<16 {
            let at = start + word * 4
            schedule[word] =
                UInt32(bytes[at]) << 24 | UInt32(bytes[at + 1]) << 16 | UInt32(bytes[at + 2]) << 8
                | UInt32(bytes[at + 3])
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        // Eight rounds a turn: the words keep their places in registers while their names move on by one.
        for first in stride(from: 0, to: 64, by: 8) {
            if first >= 16 { extend(&schedule, half: first & 8) }
            round(a, b, c, &d, e, f, g, &h, schedule[first & 8], constants[first])
            round(h, a, b, &c, d, e, f, &g, schedule[first & 8 | 1], constants[first + 1])
            round(g, h, a, &b, c, d, e, &f, schedule[first & 8 | 2], constants[first + 2])
            round(f, g, h, &a, b, c, d, &e, schedule[first & 8 | 3], constants[first + 3])
            round(e, f, g, &h, a, b, c, &d, schedule[first & 8 | 4], constants[first + 4])
            round(d, e, f, &g, h, a, b, &c, schedule[first & 8 | 5], constants[first + 5])
            round(c, d, e, &f, g, h, a, &b, schedule[first & 8 | 6], constants[first + 6])
            round(b, c, d, &e, f, g, h, &a, schedule[first & 8 | 7], constants[first + 7])
        }
        state = [
            state[0] &+ a, state[1] &+ b, state[2] &+ c, state[3] &+ d,
            state[4] &+ e, state[5] &+ f, state[6] &+ g, state[7] &+ h,
        ]
    }

    /// The next eight words of the schedule, written over the eight that are 16 rounds old.
    @inline(__always)
    private static func extend(_ schedule: inout [16 of UInt32], half: Int) {
        for word in half..<half + 8 {
            let old = schedule[(word + 1) & 15]
            let new = schedule[(word + 14) & 15]
            let small0 = rotated(old, 7) ^ rotated(old, 18) ^ old >> 3
            let small1 = rotated(new, 17) ^ rotated(new, 19) ^ new >> 10
            schedule[word] = schedule[word] &+ small0 &+ schedule[(word + 9) & 15] &+ small1
        }
    }

    @inline(__always)
    private static func round(
        _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: inout UInt32, _ e: UInt32, _ f: UInt32, _ g: UInt32,
        _ h: inout UInt32, _ word: UInt32, _ constant: UInt32
    ) {
        let big1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
        let choice = g ^ (e & (f ^ g))
        let first = h &+ big1 &+ choice &+ constant &+ word
        let big0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
        let majority = ((a ^ c) & (b ^ c)) ^ c
        d = d &+ first
        h = first &+ big0 &+ majority
    }

    @inline(__always)
    private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word &>> count | word &<< (32 - count)
    }

    /// Section 5.3.3.
    private static let initial: [8 of UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]

    /// Section 4.2.2.
    private static let constants: [64 of UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}
