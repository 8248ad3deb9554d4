/// A moment of wall-clock time in UTC, to the nanosecond; for display, records and the wire, never for deadlines.
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let nanosecondsSinceEpoch: Int64

    package init(nanosecondsSinceEpoch: Int64) { self.nanosecondsSinceEpoch = nanosecondsSinceEpoch }
    package init(secondsSinceEpoch: Int64) {
        let (value, overflow) = secondsSinceEpoch.multipliedReportingOverflow(by: 1_000_000_000)
        nanosecondsSinceEpoch = overflow ? (secondsSinceEpoch < 0 ? Int64.min : Int64.max) : value
    }

    package static func < (a: Timestamp, b: Timestamp) -> Bool {
        a.nanosecondsSinceEpoch < b.nanosecondsSinceEpoch
    }

    /// Whole seconds, rounded down.
    package var secondsSinceEpoch: Int64 {
        nanosecondsSinceEpoch / 1_000_000_000 - (nanosecondsSinceEpoch % 1_000_000_000 < 0 ? 1 : 0)
    }

    /// The moment a span later, or the last one that can be told.
    package func advanced(by span: TimeSpan) -> Timestamp {
        let (nanoseconds, first) = Int64(span.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, second) = nanosecondsSinceEpoch.addingReportingOverflow(nanoseconds)
        return Timestamp(nanosecondsSinceEpoch: first || second ? Int64.max : sum)
    }

    /// RFC 3339 in UTC to the second, as the wire has it: `2026-11-23T19:12:28Z`.
    package var description: String { text(fractionDigits: 0) }

    /// RFC 3339 in UTC with so many digits of the second, 0 to 9; cut, not rounded.
    package func text(fractionDigits: Int) -> String {
        let seconds = secondsSinceEpoch
        let date = CivilDate(daysSinceEpoch: seconds.floorDivided(by: 86400))
        let ofDay = seconds - seconds.floorDivided(by: 86400) * 86400
        var text: [UInt8] = []
        text.reserveCapacity(32)
        append(date, to: &text)
        for (mark, value) in [("T", ofDay / 3600), (":", ofDay / 60 % 60), (":", ofDay % 60)]
            as [(Unicode.Scalar, Int64)]
        {
            text.append(UInt8(ascii: mark))
            append(value, 2, to: &text)
        }
        if fractionDigits > 0 {
            let fraction = nanosecondsSinceEpoch - seconds * 1_000_000_000
            text.append(UInt8(ascii: "."))
            append(fraction, 9, to: &text)
            text.removeLast(9 - min(fractionDigits, 9))
        }
        text.append(UInt8(ascii: "Z"))
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads RFC 3339 in UTC, `YYYY-MM-DDTHH:MM:SS[.fraction]Z` with at most nine digits of fraction; else nil.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), bytes[10] == UInt8(ascii: "T"),
            bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = digits(bytes[0..<4]), let month = digits(bytes[5..<7]), let day = digits(bytes[8..<10]),
            let hour = digits(bytes[11..<13]), let minute = digits(bytes[14..<16]),
            let second = digits(bytes[17..<19]),
            hour < 24, minute < 60, second < 60,
            let date = CivilDate(year: year, month: month, day: day)
        else { return nil }
        var nanoseconds: Int64 = 0
        if bytes.count > 20 {
            let fraction = bytes[20..<bytes.count - 1]
            guard bytes[19] == UInt8(ascii: "."), (1...9).contains(fraction.count), let value = digits(fraction)
            else { return nil }
            nanoseconds = (fraction.count..<9).reduce(value) { scaled, _ in scaled * 10 }
        }
        let seconds = date.daysSinceEpoch * 86400 + hour * 3600 + minute * 60 + second
        let (scaled, first) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, second2) = scaled.addingReportingOverflow(nanoseconds)
        guard !first, !second2 else { return nil }
        nanosecondsSinceEpoch = sum
    }
}

/// A day of the Gregorian calendar.
package struct CivilDate: Hashable, Sendable, CustomStringConvertible {
    package let year: Int64
    package let month: Int64
    package let day: Int64

    /// Nil for a day that the calendar does not have.
    package init?(year: Int64, month: Int64, day: Int64) {
        guard (1...12).contains(month), day >= 1, day <= Self.days(in: month, of: year) else { return nil }
        self.init(unchecked: year, month, day)
    }

    private init(unchecked year: Int64, _ month: Int64, _ day: Int64) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// The day so many days after 1970-01-01, by the era arithmetic of 400 years of 146,097 days.
    package init(daysSinceEpoch: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    package var daysSinceEpoch: Int64 {
        let fromMarch = month <= 2 ? year - 1 : year
        let era = fromMarch.floorDivided(by: 400)
        let yearOfEra = fromMarch - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    package var description: String {
        var text: [UInt8] = []
        append(self, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// The first of a month, 1 to 12, in days since 1970-01-01.
    package static func firstDay(of month: Int64, in year: Int64) -> Int64 {
        CivilDate(unchecked: year, month, 1).daysSinceEpoch
    }

    /// How many days a month, 1 to 12, has.
    package static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

extension Int64 {
    /// The quotient rounded down, by a positive divisor: days before 1970 are days too.
    package func floorDivided(by divisor: Int64) -> Int64 {
        self / divisor - (self % divisor < 0 ? 1 : 0)
    }

    /// What the quotient rounded down leaves, from 0 to below the divisor.
    package func floorRemainder(by divisor: Int64) -> Int64 { self - floorDivided(by: divisor) * divisor }
}

private func append(_ date: CivilDate, to text: inout [UInt8]) {
    append(date.year, 4, to: &text)
    text.append(UInt8(ascii: "-"))
    append(date.month, 2, to: &text)
    text.append(UInt8(ascii: "-"))
    append(date.day, 2, to: &text)
}

/// With zeros before it up to so many digits; every record holds some times, so this asks for no memory of its own.
private func append(_ value: Int64, _ width: Int, to text: inout [UInt8]) {
    let start = text.count
    var rest = value.magnitude
    repeat {
        text.append(UInt8(ascii: "0") + UInt8(rest % 10))
        rest /= 10
    } while rest > 0 || text.count - start < width
    if value < 0 { text.append(UInt8(ascii: "-")) }
    text[start...].reverse()
}

private func digits(_ bytes: ArraySlice<UInt8>) -> Int64? {
    guard bytes.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return bytes.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
}
