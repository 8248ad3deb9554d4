package import MIG

/// How the clocks of a place differ from UTC over time, as the system's zoneinfo file has it. RFC 9636, `tzfile(5)`
package struct TimeZone: Hashable, Sendable {
    /// An offset, in seconds east of UTC, and the second from which on it holds.
    private struct Change: Hashable, Sendable {
        let second: Int64
        let offset: Int
    }

    /// Before the first change.
    private let first: Int
    private let changes: [Change]
    /// After the last change, where the file has a rule for it.
    private let rule: ClockRule?

    /// UTC, which needs no file.
    package static let utc = TimeZone(first: 0, changes: [], rule: nil)

    private init(first: Int, changes: [Change], rule: ClockRule?) {
        self.first = first
        self.changes = changes
        self.rule = rule
    }

    /// Seconds east of UTC that clocks there are set to at a moment.
    package func offset(at moment: Timestamp) -> Int {
        let second = moment.secondsSinceEpoch
        if let rule, second >= changes.last?.second ?? .min { return rule.offset(at: second) }
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].second <= second { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? first : changes[low - 1].offset
    }
}

/// Why a zone cannot be used; a guess would open a window at the wrong hour.
package enum TimeZoneError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknown
    case unsafeFile(SafePathError)
    case damaged(String)

    package var description: String {
        switch self {
        case .unknown: "there is no such zone"
        case .unsafeFile(let error): error.description
        case .damaged(let what): "its file is damaged: \(what)"
        }
    }
}

// MARK: - Finding the file

extension TimeZone {
    private static let directory = "/usr/share/zoneinfo"
    private static let host = "/etc/localtime"
    private static let mostBytes = 64 << 10

    /// Whether a text has the form of a zone's name, `Europe/Berlin`; no other text ever becomes a path.
    package static func isName(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return text.utf8.count <= 64
            && parts.allSatisfy { part in
                part.first.map(ClockRule.isLetter) == true
                    && part.allSatisfy { ClockRule.isLetter($0) || ClockRule.isDigit($0) || "_+-".utf8.contains($0) }
            }
    }

    /// The zone with a name, from the system's database; blocks on the disk only.
    package static func named(_ name: String) throws(TimeZoneError) -> TimeZone {
        guard isName(name), let zone = try TimeZone(readingBy: "\(directory)/\(name)") else { throw .unknown }
        return zone
    }

    /// The zone that the host's clocks show, UTC where it has none set. The environment's TZ has no say.
    package static func hostZone() throws(TimeZoneError) -> TimeZone { try TimeZone(readingBy: host) ?? .utc }

    /// Nil where there is no such file. Zones are known by several names, through links of either kind.
    private init?(readingBy link: String) throws(TimeZoneError) {
        let bytes: [UInt8]
        do throws(SafePathError) {
            bytes = try SafePath.readShared(try SafePath.resolve(link), limit: Self.mostBytes)
        } catch {
            if error.isNotFound { return nil }
            throw .unsafeFile(error)
        }
        self = try TimeZone(bytes)
    }
}

// MARK: - Reading it

extension TimeZone {
    /// Reads a file of version 2 or later, all of it or nothing. Leap seconds, which POSIX time does not have, are
    /// refused.
    package init(_ bytes: [UInt8]) throws(TimeZoneError) {
        var reader = ZoneReader(bytes)
        // The first block is for programs with 32 bits of time.
        try reader.skip(try Header(&reader).bytes(ofTime: 4))
        let header = try Header(&reader)
        guard header.leaps == 0 else { throw .damaged("it counts leap seconds") }
        var seconds: [Int64] = []
        for _ in 0..<header.times { seconds.append(Int64(bitPattern: try reader.number(bytes: 8))) }
        guard zip(seconds, seconds.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw .damaged("its changes are not in order")
        }
        let kinds = try reader.take(header.times).map { Int($0) }
        var offsets: [Int] = []
        for _ in 0..<header.types {
            let offset = Int(Int32(truncatingIfNeeded: try reader.number(bytes: 4)))
            let (isSummer, name) = (try reader.number(bytes: 1), try reader.number(bytes: 1))
            guard (-89_999...93_599).contains(offset), isSummer <= 1, name < header.characters else {
                throw .damaged("a kind of time in it is none")
            }
            offsets.append(offset)
        }
        guard kinds.allSatisfy({ $0 < offsets.count }) else { throw .damaged("a change leads to no kind of time") }
        try reader.skip(header.characters + header.standards + header.universals)
        let rule = try ClockRule(footer: try reader.rest())
        let changes = zip(seconds, kinds).map { Change(second: $0, offset: offsets[$1]) }
        if let rule, let last = changes.last, rule.offset(at: last.second) != last.offset {
            throw .damaged("its rule does not go on from its last change")
        }
        self.init(first: offsets[0], changes: changes, rule: rule)
    }

    private struct Header {
        let universals: Int
        let standards: Int
        let leaps: Int
        let times: Int
        let types: Int
        let characters: Int

        init(_ reader: inout ZoneReader) throws(TimeZoneError) {
            guard try reader.take(4).elementsEqual("TZif".utf8) else { throw .damaged("it is no zone file") }
            let version = try reader.number(bytes: 1)
            guard (UInt64(UInt8(ascii: "2"))...UInt64(UInt8(ascii: "4"))).contains(version) else {
                throw .damaged("its version is not 2, 3 or 4")
            }
            try reader.skip(15)
            universals = try reader.count()
            standards = try reader.count()
            leaps = try reader.count()
            times = try reader.count()
            types = try reader.count()
            characters = try reader.count()
            guard (1...256).contains(types), characters > 0, [0, types].contains(universals),
                [0, types].contains(standards)
            else { throw .damaged("its counts do not go together") }
        }

        func bytes(ofTime size: Int) -> Int {
            times * (size + 1) + types * 6 + characters + leaps * (size + 4) + standards + universals
        }
    }
}

/// Takes bytes off the front, and never more than there are.
private struct ZoneReader {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    mutating func take(_ count: Int) throws(TimeZoneError) -> ArraySlice<UInt8> {
        guard bytes.count >= count else { throw .damaged("it is cut short") }
        defer { bytes = bytes.dropFirst(count) }
        return bytes.prefix(count)
    }

    mutating func skip(_ count: Int) throws(TimeZoneError) { _ = try take(count) }

    mutating func number(bytes count: Int) throws(TimeZoneError) -> UInt64 {
        try take(count).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A number of things in the file, of which there cannot be more than bytes.
    mutating func count() throws(TimeZoneError) -> Int {
        let number = try number(bytes: 4)
        guard number <= UInt64(bytes.count) else { throw .damaged("it is cut short") }
        return Int(number)
    }

    /// What stands between the two line feeds that end the file.
    mutating func rest() throws(TimeZoneError) -> ArraySlice<UInt8> {
        let feed = UInt8(ascii: "\n")
        guard bytes.count >= 2, bytes.first == feed, bytes.last == feed else { throw .damaged("its last line is none") }
        return bytes.dropFirst().dropLast()
    }
}
