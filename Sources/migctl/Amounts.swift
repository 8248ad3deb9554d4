import Linux
import MIG

/// Memory as people say it, in three digits or so: `40 GiB`, `4.75 GiB`, `79.6 GiB`, `512 MiB`.
func memory(_ mebibytes: Int) -> String {
    guard mebibytes >= 1024 || mebibytes == 0 else { return "\(mebibytes) MiB" }
    let scale = mebibytes < 10 << 10 ? 100 : mebibytes < 100 << 10 ? 10 : 1
    let (whole, rest) = (mebibytes / 1024, mebibytes % 1024 * scale / 1024)
    guard rest > 0 else { return "\(whole) GiB" }
    let digits = scale == 100 && rest < 10 ? "0\(rest)" : "\(rest)"
    return "\(whole).\(scale == 100 && rest % 10 == 0 ? String(digits.dropLast()) : digits) GiB"
}

/// A number of MiB from `20GiB`, `512MiB` or `1TiB`; `GB` and bare numbers could mean two things and are nil.
func mebibytes(_ text: String) -> Int? {
    for (unit, scale) in [("TiB", 1 << 20), ("GiB", 1 << 10), ("MiB", 1)] where text.hasSuffix(unit) {
        guard let count = Decimal.value(of: String(text.dropLast(3))), count > 0 else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: scale)
        return overflow || product > 1 << 30 ? nil : product
    }
    return nil
}

/// `1 slice`, `2 slices`.
func counted(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

/// Numbers as ranges, `0-3,5`.
func ranges(_ numbers: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for number in Set(numbers).sorted() {
        if let last = runs.last, last.upperBound + 1 == number {
            runs[runs.count - 1] = last.lowerBound...number
        } else {
            runs.append(number...number)
        }
    }
    return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
        .joined(separator: ",")
}

/// Moments and spans as people say them.
struct Calendar {
    let now: Timestamp

    init(now: Timestamp = Clock.wall()) { self.now = now }

    /// A moment of the wire with its distance from now: `14:05, in 25m`, `2026-11-24 14:05, in 1d 2h`.
    func moment(_ wire: String) -> String {
        guard let moment = Timestamp(wire) else { return wire }
        return "\(clock(moment)), \(distance(to: moment))"
    }

    /// The clock alone for today, with the date for any other day.
    func clock(_ moment: Timestamp) -> String {
        guard let local = LocalTime(moment) else { return moment.description }
        let time = "\(two(local.hour)):\(two(local.minute))"
        if let today = LocalTime(now), (today.year, today.month, today.day) == (local.year, local.month, local.day) {
            return time
        }
        return "\(date(local)) \(time)"
    }

    /// Date and time to the second, for records.
    func stamp(_ wire: String) -> String {
        guard let local = Timestamp(wire).flatMap({ LocalTime($0) }) else { return wire }
        return "\(date(local)) \(two(local.hour)):\(two(local.minute)):\(two(local.second))"
    }

    /// `in 25m`, `3h ago`, `now`.
    func distance(to moment: Timestamp) -> String {
        let seconds = Int(clamping: moment.secondsSinceEpoch.subtractingClamped(now.secondsSinceEpoch))
        if seconds == 0 { return "now" }
        return seconds > 0 ? "in \(Self.span(seconds))" : "\(Self.span(seconds == .min ? .max : -seconds)) ago"
    }

    /// In one or two units: `40s`, `25m`, `1h 59m`, `2d 3h`.
    static func span(_ seconds: Int) -> String {
        if seconds < 60 { return "\(seconds)s" }
        let minutes = seconds / 60 + (seconds % 60 >= 30 ? 1 : 0)
        if minutes < 60 { return "\(minutes)m" }
        if minutes < 24 * 60 { return "\(minutes / 60)h" + (minutes % 60 == 0 ? "" : " \(minutes % 60)m") }
        let hours = minutes / 60
        return "\(hours / 24)d" + (hours % 24 == 0 ? "" : " \(hours % 24)h")
    }

    private func date(_ local: LocalTime) -> String { "\(local.year)-\(two(local.month))-\(two(local.day))" }
    private func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

extension Int64 {
    fileprivate func subtractingClamped(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (self < 0 ? .min : .max) : difference
    }
}
