/// A numeric user id as the kernel gives it, unsigned from end to end.
package struct UserID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// The superuser, who has no free pass: the shipped policy names him.
    package static let root = UserID(0)
    /// What the kernel shows for a user that a user namespace does not map; never a person.
    package static let overflow = UserID(65534)
    /// `(uid_t)-1`, "no such user" in every interface that has it; never a person.
    package static let invalid = UserID(UInt32.max)

    package static func < (a: UserID, b: UserID) -> Bool { a.rawValue < b.rawValue }
    package var description: String { String(rawValue) }
}

/// A numeric group id as the kernel gives it.
package struct GroupID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    package static func < (a: GroupID, b: GroupID) -> Bool { a.rawValue < b.rawValue }
    package var description: String { String(rawValue) }
}

/// A lease's name for programs: 128 random bits, written as 32 hex digits.
package struct LeaseID: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Makes an id of 16 random bytes; the caller owns the randomness.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        description = Hex.text(of: bytes)
    }

    /// Reads the 32 lower-case hex digits that `description` writes; anything else is nil.
    package init?(_ text: String) {
        guard Hex.isLowercase(text, digits: 32) else { return nil }
        description = text
    }
}

/// One change, from its intent to its outcome; the audit records of the change bear the same id.
package struct OperationID: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Makes an id of 16 random bytes; the caller owns the randomness.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        description = Hex.text(of: bytes)
    }

    /// Reads the 32 lower-case hex digits that `description` writes; anything else is nil.
    package init?(_ text: String) {
        guard Hex.isLowercase(text, digits: 32) else { return nil }
        description = text
    }
}

/// A plan as it was shown, for the change that is to carry out just that; it tells of nothing but whether the two are
/// the same.
package struct PlanID: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Makes an id of 16 bytes that depend on the plan and on all that it was made for.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        description = Hex.text(of: bytes)
    }

    /// Reads the 32 lower-case hex digits that `description` writes; anything else is nil.
    package init?(_ text: String) {
        guard Hex.isLowercase(text, digits: 32) else { return nil }
        description = text
    }
}

/// Hexadecimal text as ids, hashes and audit records use it: lower case, no separators.
package enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Two digits a byte.
    package static func text(of bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.underestimatedCount)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of an even number of lower-case digits, or nil.
    package static func bytes(of text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text.utf8 {
            guard let value = value(of: character) else { return nil }
            if let half = high {
                bytes.append(half << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? bytes : nil
    }

    /// Whether the text is exactly that many lower-case digits.
    package static func isLowercase(_ text: String, digits count: Int) -> Bool {
        text.utf8.count == count && text.utf8.allSatisfy { value(of: $0) != nil }
    }

    /// Whether a byte is one of the lower-case digits.
    package static func isDigit(_ byte: UInt8) -> Bool { value(of: byte) != nil }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
