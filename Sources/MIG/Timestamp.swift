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
        var text = "\(date.description)T\(pad(ofDay / 3600, 2)):\(pad(ofDay / 60 % 60, 2)):\(pad(ofDay % 60, 2))"
        if fractionDigits > 0 {
            let fraction = nanosecondsSinceEpoch - seconds * 1_000_000_000
            text += "." + pad(fraction, 9).prefix(min(fractionDigits, 9))
        }
        return text + "Z"
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

    package var description: String { "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))" }

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

private func pad(_ value: Int64, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
}

private func digits(_ bytes: ArraySlice<UInt8>) -> Int64? {
    guard bytes.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return bytes.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
}
