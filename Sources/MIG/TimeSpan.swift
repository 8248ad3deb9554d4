/// A length of time in whole seconds, written as people write it: `30s`, `10m`, `2h`, `1d`.
package struct TimeSpan: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let seconds: Int

    /// Longest span that is understood, a hundred years: far from any overflow in sums of times.
    package static let longest = TimeSpan(seconds: 100 * 366 * 86400)

    package init(seconds: Int) { self.seconds = seconds }

    /// Reads digits and one of `s m h d`, more than zero and at most `longest`; anything else is nil.
    package init?(_ text: String) {
        guard let unit = text.utf8.last, let scale = Self.scale(of: unit),
            let count = Decimal.value(of: String(text.dropLast())), count > 0
        else { return nil }
        let (seconds, overflow) = count.multipliedReportingOverflow(by: scale)
        guard !overflow, seconds <= Self.longest.seconds else { return nil }
        self.seconds = seconds
    }

    package static func < (a: TimeSpan, b: TimeSpan) -> Bool { a.seconds < b.seconds }

    /// In the largest unit that divides it.
    package var description: String {
        for (unit, scale) in [("d", 86400), ("h", 3600), ("m", 60)] where seconds != 0 && seconds % scale == 0 {
            return "\(seconds / scale)\(unit)"
        }
        return "\(seconds)s"
    }

    private static func scale(of unit: UInt8) -> Int? {
        switch unit {
        case UInt8(ascii: "s"): 1
        case UInt8(ascii: "m"): 60
        case UInt8(ascii: "h"): 3600
        case UInt8(ascii: "d"): 86400
        default: nil
        }
    }
}

/// Whether users can reach the nodes of others in spite of the broker.
package enum Isolation: String, Sendable {
    /// The nodes that users see cannot be changed by anybody's setuid program.
    case enforced
    /// The broker sets, watches and repairs the nodes, but a user could get around it.
    case advisory
}
