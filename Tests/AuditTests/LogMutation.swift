import Linux
import MIG

@testable import Audit

/// What somebody does to the lines of a log.
enum LogMutation: Int, CaseIterable {
    case flip, replace, remove, double, shuffle, takeByte, putByte, tear, cut, rewrite

    func applied(to lines: [[UInt8]], _ generator: inout Generator) -> [[UInt8]] {
        var lines = lines
        let index = Int.random(in: 0..<lines.count, using: &generator)
        let position = Int.random(in: 0..<lines[index].count, using: &generator)
        switch self {
        case .flip: lines[index][position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case .replace: lines[index][position] = UInt8.random(in: 0...255, using: &generator)
        case .remove: lines.remove(at: index)
        case .double: lines.insert(lines[index], at: Int.random(in: 0...lines.count, using: &generator))
        case .shuffle: lines.shuffle(using: &generator)
        case .takeByte: lines[index].remove(at: position)
        case .putByte: lines[index].insert(UInt8.random(in: 0x0A...0x7F, using: &generator), at: position)
        case .tear: lines = Array(lines[..<index]) + [Array(lines[index][..<position])]
        case .cut: lines = Array(lines[..<index])
        case .rewrite: Self.rewrite(&lines, from: index, &generator)
        }
        return lines
    }

    /// Changes a digit somewhere and gives the line the hash that goes with it; every other time all that follow too.
    private static func rewrite(_ lines: inout [[UInt8]], from index: Int, _ generator: inout Generator) {
        var covered = Array(lines[index].dropLast(76))
        let digits = covered.indices.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(covered[$0]) }
        if let at = digits.randomElement(using: &generator) { covered[at] = UInt8(ascii: "4") }
        var hash = Hex.text(of: SHA256.hash(covered))
        lines[index] = covered + Array(",\"hash\":\"\(hash)\"}\n".utf8)
        guard Bool.random(using: &generator) else { return }
        for later in lines.indices.dropFirst(index + 1) {
            covered = Array(lines[later].dropLast(76))
            // The prev of a line without a keyed hash ends its covered bytes, with a quote behind it.
            let end = covered.count - 1 - (AuditLineEnd.hasMac(covered) ? 73 : 0)
            covered.replaceSubrange(end - 64..<end, with: hash.utf8)
            hash = Hex.text(of: SHA256.hash(covered))
            lines[later] = covered + Array(",\"hash\":\"\(hash)\"}\n".utf8)
        }
    }
}

private enum AuditLineEnd {
    static func hasMac(_ covered: [UInt8]) -> Bool { covered.suffix(73).starts(with: Array(",\"mac\":\"".utf8)) }
}

/// Random numbers that are the same in each run (splitmix64).
struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
