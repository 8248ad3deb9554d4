package import MIG

/// What the service that ends processes is asked: twelve bytes, and each of them counts.
///
/// Version, deed, two zeros, the pid and the uid as little-endian words. One process at a time is held over a
/// connection; what follows names the same process again, and anything else ends the connection.
package struct EnderQuestion: Hashable, Sendable {
    package enum Deed: UInt8, Sendable {
        /// Find the process and hold it.
        case hold = 1
        case terminate = 2
        case kill = 3
        /// Let go of it.
        case drop = 4
    }

    package static let length = 12

    package let deed: Deed
    package let pid: Int32
    package let user: UserID

    package init(_ deed: Deed, _ pid: Int32, of user: UserID) {
        self.deed = deed
        self.pid = pid
        self.user = user
    }

    /// Nil for anything but a question of this version.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.length, bytes[0] == EnderAnswer.version, bytes[2] == 0, bytes[3] == 0,
            let deed = Deed(rawValue: bytes[1])
        else { return nil }
        self.init(deed, Int32(bitPattern: Self.word(bytes[4..<8])), of: UserID(Self.word(bytes[8..<12])))
    }

    package var bytes: [UInt8] {
        [EnderAnswer.version, deed.rawValue, 0, 0] + Self.bytes(UInt32(bitPattern: pid)) + Self.bytes(user.rawValue)
    }

    private static func word(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func bytes(_ word: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
}

/// What it answers: 64 bytes.
///
/// Version, 0 or the number of a `HoldingError`, the length of the text, a zero, and the text with zeros behind it: the
/// name of the command that is held, empty in every other answer.
package struct EnderAnswer: Hashable, Sendable {
    package static let length = 64
    static let version: UInt8 = 1
    private static let head = 4

    /// Nil where what was asked for is done.
    package let error: HoldingError?
    package let command: String

    package init(error: HoldingError?, command: String = "") {
        self.error = error
        self.command = command
    }

    /// Nil for anything but an answer of this version.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.length, bytes[0] == Self.version, bytes[3] == 0 else { return nil }
        let error = HoldingError(rawValue: bytes[1])
        let end = Self.head + Int(bytes[2])
        guard bytes[1] == 0 || error != nil, end <= bytes.count, bytes[end...].allSatisfy({ $0 == 0 }) else {
            return nil
        }
        self.init(error: error, command: String(decoding: bytes[Self.head..<end], as: UTF8.self))
    }

    package var bytes: [UInt8] {
        let text = command.utf8.prefix(Self.length - Self.head)
        let head = [Self.version, error?.rawValue ?? 0, UInt8(text.count), 0]
        return head + text + [UInt8](repeating: 0, count: Self.length - Self.head - text.count)
    }
}

extension EnderQuestion.Deed {
    /// What it sends to the process that is held; nil for nothing.
    package var signal: EndingSignal? {
        switch self {
        case .hold, .drop: nil
        case .terminate: .terminate
        case .kill: .kill
        }
    }

    package init(_ signal: EndingSignal) {
        switch signal {
        case .terminate: self = .terminate
        case .kill: self = .kill
        }
    }
}
