import JSON
import Linux
import MIG

/// When a rule counts, `Mon-Fri 08:00-20:00 Europe/Berlin`: some hours of some days, by the clocks of a place.
struct Hours: Hashable, Sendable {
    /// As the policy has them, for whoever is refused.
    let text: String
    let windows: [Window]

    func contain(_ moment: Timestamp) -> Bool { windows.contains { $0.contains(moment) } }

    struct Window: Hashable, Sendable {
        /// Monday is bit 0.
        let days: UInt8
        /// Minutes of the day. One that ends no later than it starts runs into the next day.
        let start: Int
        let end: Int
        let zone: TimeZone

        /// Asks what the clocks there show at the moment. So where they are set forward, hours that they never show have no
        /// window, and hours that they show twice have it twice.
        func contains(_ moment: Timestamp) -> Bool {
            let second = moment.secondsSinceEpoch + Int64(zone.offset(at: moment))
            let minute = Int(second.floorRemainder(by: 86_400) / 60)
            // 1970 began on a Thursday.
            let weekday = Int((second.floorDivided(by: 86_400) + 3).floorRemainder(by: 7))
            guard end <= start else { return has(weekday) && (start..<end).contains(minute) }
            return has(weekday) && minute >= start || has((weekday + 6) % 7) && minute < end
        }

        private func has(_ weekday: Int) -> Bool { days & 1 << UInt8(weekday) != 0 }
    }
}

/// A rule, and the hours out of which it allows nothing.
package struct RuleHours: Hashable, Sendable {
    package let rule: String
    package let during: String

    /// Pairs a rule's id with its hours as the policy has them.
    package init(rule: String, during: String) {
        self.rule = rule
        self.during = during
    }
}

// MARK: - The form

extension Hours {
    /// What a text says, before its zone is looked up.
    struct Form: Hashable, Sendable {
        fileprivate let days: UInt8
        fileprivate let start: Int
        fileprivate let end: Int
        /// Nil is the host's.
        let zone: String?

        /// Reads `[DAYS] [HH:MM-HH:MM] [ZONE]`, with days or hours or both; anything else is nil.
        init?(_ text: String) {
            var words = text.split(separator: " ", omittingEmptySubsequences: false)[...]
            let days = words.first.flatMap { Self.days($0) }
            if days != nil { words = words.dropFirst() }
            let span = words.first.flatMap { Self.span($0) }
            if span != nil { words = words.dropFirst() }
            zone = words.popFirst().map(String.init)
            guard days != nil || span != nil, words.isEmpty, zone.map(TimeZone.isName) != false else { return nil }
            self.days = days ?? 0x7F
            (start, end) = span ?? (0, 1440)
        }

        func window(in zone: TimeZone) -> Window { Window(days: days, start: start, end: end, zone: zone) }

        private static let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

        /// `Mon-Fri`, `Sat,Sun`, `Fri-Mon`; none twice.
        private static func days(_ text: Substring) -> UInt8? {
            var days: UInt8 = 0
            for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { end in
                    names.firstIndex { $0.hasBytes(of: end) }
                }
                guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil else { return nil }
                if ends.count == 2, first == last { return nil }
                for step in 0...(last - first + 7) % 7 {
                    let bit: UInt8 = 1 << UInt8((first + step) % 7)
                    guard days & bit == 0 else { return nil }
                    days |= bit
                }
            }
            return days
        }

        /// `08:00-20:00`; 24:00 is an end, and no window is empty.
        private static func span(_ text: Substring) -> (start: Int, end: Int)? {
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(minute)
            guard ends.count == 2, let start = ends[0], let end = ends[1], start < 1440, start != end, end != 0 else {
                return nil
            }
            return (start, end)
        }

        private static func minute(_ text: Substring) -> Int? {
            let digits = Array(text.utf8)
            guard digits.count == 5, digits[2] == UInt8(ascii: ":") else { return nil }
            let numbers = [0, 1, 3, 4].compactMap { index -> Int? in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digits[index]) ? Int(digits[index]) - 0x30 : nil
            }
            guard numbers.count == 4, numbers[2] < 6 else { return nil }
            let minute = (numbers[0] * 10 + numbers[1]) * 60 + numbers[2] * 10 + numbers[3]
            return minute <= 1440 ? minute : nil
        }
    }
}
