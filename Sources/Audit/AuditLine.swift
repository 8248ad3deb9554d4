internal import Linux

/// What the chain needs of a line, found by position and never by parsing: millions of lines are checked this way.
struct AuditLine {
    let seq: Int64
    let prev: ArraySlice<UInt8>
    let hash: ArraySlice<UInt8>
    private let covered: ArraySlice<UInt8>

    private static let head = Array("{\"v\":1,\"seq\":".utf8)
    private static let prevKey = Array(",\"prev\":\"".utf8)
    private static let macKey = Array(",\"mac\":\"".utf8)
    private static let hashKey = Array(",\"hash\":\"".utf8)
    private static let digits = 64

    /// Takes a line without its line feed apart; nil where it has not the form of a record.
    init?(_ line: ArraySlice<UInt8>) {
        let bytes = line.span
        guard AuditFormat.isPrintable(bytes), let seq = Self.sequence(of: bytes),
            bytes[bytes.count - 1] == UInt8(ascii: "}")
        else { return nil }
        var end = bytes.count - 1
        guard let hash = Self.takeHash(bytes, &end, Self.hashKey) else { return nil }
        let coveredEnd = end
        var prev = Self.takeHash(bytes, &end, Self.prevKey)
        if prev == nil, Self.takeHash(bytes, &end, Self.macKey) != nil {
            prev = Self.takeHash(bytes, &end, Self.prevKey)
        }
        guard let prev else { return nil }
        self.seq = seq
        self.prev = Self.part(prev, of: line)
        self.hash = Self.part(hash, of: line)
        covered = Self.part(0..<coveredEnd, of: line)
    }

    /// Whether the line's bytes have the hash that it bears.
    var hasOwnHash: Bool {
        var hasher = SHA256()
        hasher.update(covered)
        let digest = hasher.finish()
        let hash = hash.span
        var strangers: UInt8 = 0
        for index in digest.indices {
            strangers |= hash[2 * index] ^ Self.hexDigit(digest[index] >> 4)
            strangers |= hash[2 * index + 1] ^ Self.hexDigit(digest[index] & 15)
        }
        return strangers == 0
    }

    /// The number that a line begins with; nil where it does not begin like a record.
    private static func sequence(of line: Span<UInt8>) -> Int64? {
        guard holds(line, head, at: 0) else { return nil }
        var seq: Int64 = 0
        var position = head.count
        while position < line.count, line[position] &- UInt8(ascii: "0") < 10 {
            guard position - head.count < 18 else { return nil }
            seq = seq * 10 + Int64(line[position] - UInt8(ascii: "0"))
            position += 1
        }
        guard position > head.count, line[head.count] != UInt8(ascii: "0"), position < line.count,
            line[position] == UInt8(ascii: ",")
        else { return nil }
        return seq
    }

    /// Takes `KEY"64 hex digits"` from the end, which then lies before it.
    private static func takeHash(_ line: Span<UInt8>, _ end: inout Int, _ key: [UInt8]) -> Range<Int>? {
        let start = end - 1 - digits
        guard start - key.count > 0, line[end - 1] == UInt8(ascii: "\""), holds(line, key, at: start - key.count) else {
            return nil
        }
        guard ByteKind.isHex(line.extracting(start..<end - 1)) else { return nil }
        end = start - key.count
        return start..<start + digits
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value &+ (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
    }

    private static func holds(_ line: Span<UInt8>, _ text: [UInt8], at position: Int) -> Bool {
        guard line.count - position >= text.count else { return false }
        for index in text.indices where line[position + index] != text[index] { return false }
        return true
    }

    /// A part that is told from the line's own beginning.
    private static func part(_ range: Range<Int>, of line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        line[line.startIndex + range.lowerBound..<line.startIndex + range.upperBound]
    }
}

/// The hash of the line before, kept without memory of its own.
struct AuditLink: Sendable {
    private var digits = [64 of UInt8](repeating: UInt8(ascii: "0"))

    /// That of the first record.
    init() {}

    /// Of 64 digits.
    init(_ hash: ArraySlice<UInt8>) {
        let hash = hash.span
        for index in digits.indices { digits[index] = hash[index] }
    }

    /// Whether these are the same digits.
    func leads(to prev: ArraySlice<UInt8>) -> Bool {
        let prev = prev.span
        var strangers: UInt8 = 0
        for index in digits.indices { strangers |= digits[index] ^ prev[index] }
        return strangers == 0
    }

    var text: String { String(decoding: digits.indices.map { digits[$0] }, as: UTF8.self) }
}
