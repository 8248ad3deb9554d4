import MIG

/// How a place sets its clocks every year, as the last line of a zoneinfo file says it: a POSIX `TZ` text, with the
/// hours from -167 to 167 that RFC 9636 adds.
struct ClockRule: Hashable, Sendable {
    /// A second of the year by the wall clock.
    fileprivate struct Day: Hashable, Sendable {
        enum Form: Hashable, Sendable {
            /// From 0, or from 1 and without 29 February.
            case ofYear(Int)
            case ofCommonYear(Int)
            /// The fifth week is the last.
            case ofMonth(Int, week: Int, weekday: Int)
        }

        let form: Form
        let time: Int
    }

    private struct Summer: Hashable, Sendable {
        let offset: Int
        let start: Day
        let end: Day
    }

    private let standard: Int
    private let summer: Summer?

    /// Seconds east of UTC at a second since the epoch.
    func offset(at second: Int64) -> Int {
        guard let summer else { return standard }
        let year = CivilDate(daysSinceEpoch: (second + Int64(standard)).floorDivided(by: 86_400)).year
        // A rule's hours may reach into the years beside it. Of an end and a start at one moment the start holds.
        let changes = (year - 1...year + 1).flatMap { year in
            [
                (summer.end.second(of: year) - Int64(summer.offset), standard),
                (summer.start.second(of: year) - Int64(standard), summer.offset),
            ]
        }
        var latest: (second: Int64, offset: Int)?
        for (start, offset) in changes where start <= second {
            if start > latest?.second ?? .min || start == latest?.second && offset == summer.offset {
                latest = (start, offset)
            }
        }
        return latest?.offset ?? standard
    }
}

// MARK: - Days

extension ClockRule.Day {
    /// Seconds since the epoch, by a clock that shows UTC.
    func second(of year: Int64) -> Int64 { day(of: year) * 86_400 + Int64(time) }

    /// Days since the epoch.
    private func day(of year: Int64) -> Int64 {
        let newYear = CivilDate.firstDay(of: 1, in: year)
        switch form {
        case .ofYear(let day): return newYear + Int64(day)
        case .ofCommonYear(let day):
            let isPastLeapDay = day > 59 && CivilDate.days(in: 2, of: year) == 29
            return newYear + Int64(day - 1) + (isPastLeapDay ? 1 : 0)
        case .ofMonth(let month, let week, let weekday):
            let first = CivilDate.firstDay(of: Int64(month), in: year)
            // 1970 began on a Thursday, and Sunday is 0.
            let firstWeekday = (first + 4).floorRemainder(by: 7)
            let day = (Int64(weekday) - firstWeekday).floorRemainder(by: 7) + Int64(week - 1) * 7
            return first + (day < CivilDate.days(in: Int64(month), of: year) ? day : day - 7)
        }
    }
}

extension ClockRule {
    static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

// MARK: - Reading

extension ClockRule {
    /// Nil for an empty line: the last change holds for good.
    init?(footer text: ArraySlice<UInt8>) throws(TimeZoneError) {
        guard !text.isEmpty else { return nil }
        guard let rule = ClockRule(text) else { throw .damaged("its last line is no rule") }
        self = rule
    }

    private init?(_ text: ArraySlice<UInt8>) {
        var words = RuleReader(rest: text)
        guard words.takeName(), let west = words.takeTime(mostHours: 24) else { return nil }
        standard = -west
        if words.isAtEnd {
            summer = nil
            return
        }
        guard words.takeName() else { return nil }
        var offset = standard + 3600
        if !words.isNext(",") {
            guard let west = words.takeTime(mostHours: 24) else { return nil }
            offset = -west
        }
        guard words.take(","), let start = words.takeDay(), words.take(","), let end = words.takeDay(), words.isAtEnd
        else { return nil }
        summer = Summer(offset: offset, start: start, end: end)
    }

    private struct RuleReader {
        var rest: ArraySlice<UInt8>

        var isAtEnd: Bool { rest.isEmpty }

        func isNext(_ character: Unicode.Scalar) -> Bool { rest.first == UInt8(ascii: character) }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard isNext(character) else { return false }
            rest.removeFirst()
            return true
        }

        /// Three letters or more, or anything of the kind between angle brackets.
        mutating func takeName() -> Bool {
            let isQuoted = take("<")
            let name = rest.prefix { byte in
                isLetter(byte) || isQuoted && (isDigit(byte) || "+-".utf8.contains(byte))
            }
            rest = rest.dropFirst(name.count)
            return name.count >= 3 && (!isQuoted || take(">"))
        }

        mutating func takeNumber(_ range: ClosedRange<Int>) -> Int? {
            let digits = rest.prefix(while: isDigit)
            guard (1...3).contains(digits.count) else { return nil }
            rest = rest.dropFirst(digits.count)
            let value = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            return range.contains(value) ? value : nil
        }

        /// `[+|-]hh[:mm[:ss]]` in seconds.
        mutating func takeTime(mostHours: Int) -> Int? {
            let isNegative = take("-")
            if !isNegative { _ = take("+") }
            guard let hours = takeNumber(0...mostHours) else { return nil }
            var seconds = hours * 3600
            for unit in [60, 1] where take(":") {
                guard let count = takeNumber(0...59) else { return nil }
                seconds += count * unit
            }
            return isNegative ? -seconds : seconds
        }

        mutating func takeDay() -> Day? {
            guard let form = takeForm() else { return nil }
            guard take("/") else { return Day(form: form, time: 7200) }
            return takeTime(mostHours: 167).map { Day(form: form, time: $0) }
        }

        private mutating func takeForm() -> Day.Form? {
            if take("J") { return takeNumber(1...365).map(Day.Form.ofCommonYear) }
            guard take("M") else { return takeNumber(0...365).map(Day.Form.ofYear) }
            guard let month = takeNumber(1...12), take("."), let week = takeNumber(1...5), take("."),
                let weekday = takeNumber(0...6)
            else { return nil }
            return .ofMonth(month, week: week, weekday: weekday)
        }
    }
}
