internal import Glibc
package import MIG

/// A moment as the clock on the wall of whoever runs the program shows it; for people only.
package struct LocalTime: Hashable, Sendable {
    package let year: Int
    package let month: Int
    package let day: Int
    package let hour: Int
    package let minute: Int
    package let second: Int

    /// Nil for a moment whose year no clock can show. The zone is `TZ` or the system's. `localtime_r(3)`
    package init?(_ moment: Timestamp) {
        var seconds = time_t(moment.secondsSinceEpoch)
        // SAFETY: both live through the call, which keeps no pointer to them; the zone's name, a pointer, is never read.
        var parts = unsafe tm()
        guard unsafe localtime_r(&seconds, &parts) != nil else { return nil }
        year = unsafe Int(parts.tm_year) + 1900
        month = unsafe Int(parts.tm_mon) + 1
        day = unsafe Int(parts.tm_mday)
        hour = unsafe Int(parts.tm_hour)
        minute = unsafe Int(parts.tm_min)
        second = unsafe Int(parts.tm_sec)
    }

    /// The moment at which the clock shows a date and time; nil for what no calendar has. `mktime(3)`
    package static func moment(
        year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int = 0
    ) -> Timestamp? {
        guard (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day),
            (0..<24).contains(hour), (0..<60).contains(minute), (0..<60).contains(second)
        else { return nil }
        // SAFETY: parts lives through the call, and its pointer is never read.
        var parts = unsafe tm()
        unsafe parts.tm_year = Int32(year - 1900)
        unsafe parts.tm_mon = Int32(month - 1)
        unsafe parts.tm_mday = Int32(day)
        unsafe parts.tm_hour = Int32(hour)
        unsafe parts.tm_min = Int32(minute)
        unsafe parts.tm_sec = Int32(second)
        unsafe parts.tm_isdst = -1
        let seconds = unsafe mktime(&parts)
        // mktime carries 31 April over into May.
        guard seconds != -1, unsafe parts.tm_mday == Int32(day) else { return nil }
        return Timestamp(secondsSinceEpoch: Int64(seconds))
    }
}

// MARK: - What people type

extension LocalTime {
    /// A moment as options take it: RFC 3339; in the clock's own zone `2026-11-23`, `2026-11-23 14:05` or `14:05` today,
    /// also with seconds or a `T` between; or a span such as `2h`, so long before `now`. Nil for anything else.
    package static func moment(_ text: String, now: Timestamp) -> Timestamp? {
        if let span = TimeSpan(text) {
            return Timestamp(secondsSinceEpoch: now.secondsSinceEpoch - Int64(span.seconds))
        }
        if let moment = Timestamp(text) ?? withOffset(text) { return moment }
        let parts = text.utf8.split(maxSplits: 1, omittingEmptySubsequences: false) { " T".utf8.contains($0) }
        if parts.count == 1, let time = time(parts[0]) {
            guard let today = LocalTime(now) else { return nil }
            return moment([today.year, today.month, today.day], time)
        }
        guard let day = numbers(parts[0], separator: UInt8(ascii: "-"), widths: [4, 2, 2]),
            let time = parts.count == 1 ? [0, 0, 0] : time(parts[1])
        else { return nil }
        return moment(day, time)
    }

    private static func moment(_ day: [Int], _ time: [Int]) -> Timestamp? {
        moment(year: day[0], month: day[1], day: day[2], hour: time[0], minute: time[1], second: time[2])
    }

    /// Hours and minutes, and seconds where they are given.
    private static func time(_ text: Substring.UTF8View) -> [Int]? {
        let colon = UInt8(ascii: ":")
        return numbers(text, separator: colon, widths: [2, 2, 2])
            ?? numbers(text, separator: colon, widths: [2, 2]).map { $0 + [0] }
    }

    /// RFC 3339 with an offset in numbers, `+01:00`.
    private static func withOffset(_ text: String) -> Timestamp? {
        let suffix = text.utf8.suffix(6)
        guard let sign = suffix.first, "+-".utf8.contains(sign),
            let parts = numbers(suffix.dropFirst(), separator: UInt8(ascii: ":"), widths: [2, 2]),
            parts[0] < 24, parts[1] < 60, let there = Timestamp(String(text.dropLast(6)) + "Z")
        else { return nil }
        let east = Int64(parts[0] * 60 + parts[1]) * (sign == UInt8(ascii: "-") ? -60 : 60)
        let (moment, overflow) = there.nanosecondsSinceEpoch.subtractingReportingOverflow(east * 1_000_000_000)
        return overflow ? nil : Timestamp(nanosecondsSinceEpoch: moment)
    }

    private static func numbers(_ text: Substring.UTF8View, separator: UInt8, widths: [Int]) -> [Int]? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.map(\.count) == widths else { return nil }
        let numbers = parts.compactMap { part in
            part.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(Substring(part)) : nil
        }
        return numbers.count == widths.count ? numbers : nil
    }
}
