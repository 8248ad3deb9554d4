import Linux
import MIG
import Testing

@Suite struct LocalTimeTests {
    private static let now = Timestamp(secondsSinceEpoch: 1_795_958_859)

    @Test(
        arguments: [
            ("2026-11-29T13:47:39Z", 1_795_960_059_000), ("2026-11-29T13:47:39.25Z", 1_795_960_059_250),
            ("2026-11-29T14:47:39+01:00", 1_795_960_059_000), ("2026-11-29T08:17:39-05:30", 1_795_960_059_000),
            ("2026-11-30T13:46:39.5+23:59", 1_795_960_059_500), ("2026-11-29T13:47:39-00:00", 1_795_960_059_000),
            ("30s", 1_795_958_829_000), ("2h", 1_795_951_659_000), ("1d", 1_795_872_459_000),
        ] as [(String, Int64)])
    func `a moment with a zone, or so long ago, is the same wherever it is read`(text: String, milliseconds: Int64) {
        #expect(
            LocalTime.moment(text, now: Self.now) == Timestamp(nanosecondsSinceEpoch: milliseconds * 1_000_000))
    }

    @Test(
        arguments: [
            ("2026-11-29 13:47:39", [2026, 11, 29, 13, 47, 39]), ("2026-11-29T13:47:39", [2026, 11, 29, 13, 47, 39]),
            ("2026-11-29 13:47", [2026, 11, 29, 13, 47, 0]), ("2026-11-29T13:47", [2026, 11, 29, 13, 47, 0]),
            ("2026-11-29", [2026, 11, 29, 0, 0, 0]), ("2024-02-29", [2024, 2, 29, 0, 0, 0]),
        ] as [(String, [Int])])
    func `without a zone it is what the clock here shows`(text: String, expected: [Int]) throws {
        #expect(Self.fields(try #require(LocalTime.moment(text, now: Self.now))) == expected)
    }

    @Test(arguments: [
        ("13:47", [13, 47, 0]), ("13:47:30", [13, 47, 30]), ("00:00", [0, 0, 0]), ("23:59:59", [23, 59, 59]),
    ])
    func `without a day it is today`(text: String, time: [Int]) throws {
        let today = Self.fields(Self.now).prefix(3)
        #expect(Self.fields(try #require(LocalTime.moment(text, now: Self.now))) == today + time)
    }

    @Test(arguments: [
        "", " ", ":", "T", "now", "yesterday", "foo:bar", "13", "13:", ":47", "1:47", "13:4", "013:47", "24:00",
        "13:60",
        "13:48:99", "13:48:60", "13:48:", "13:48:0", "13:48:00:00", "13:48:00.5", "-1:30", "+1:30", "13:47Z", " 13:47",
        "13:47 ", "T13:47", "1\u{663}:47", "2026", "2026-11", "2026-11-", "2026-1-29", "26-11-29", "2026-11-31",
        "2026-02-29",
        "2026-13-01", "2026-00-10", "2026-11-00", "1969-12-31", "2026/11/29", "2026-11-29 ", "2026-11-29T",
        "2026-11-29  13:47", "2026-11-29 13", "2026-11-29 24:00", "2026-11-29 13:47:61", "2026-11-29_13:47",
        "2026-11-29 13:47 13:47", "2026-11-29 foo", "2026-11-29t13:47", "13:47 2026-11-29", "2026-11-29 13:47:39.5",
        "2026-11-29T13:47Z", "2026-11-29T13:47+01:00", "2026-11-29T13:47:39+1:00", "2026-11-29T13:47:39+0100",
        "2026-11-29T13:47:39+24:00", "2026-11-29T13:47:39+01:60", "2026-11-29T13:47:39Z+01:00", "+01:00",
        "2026-11-29T13:47:39 01:00", "2026-11-29T25:47:39+01:00", "2026-02-30T13:47:39+01:00",
        "2026-11-29T13:47:39.+01:00",
        "2026-11-29T13:47:39.1234567890Z", "2", "-2h", "2 h", "2w", "2.5h", "0h", "13:47\0", "13:47\n",
    ])
    func `anything else is no moment`(text: String) {
        #expect(LocalTime.moment(text, now: Self.now) == nil)
    }

    private static func fields(_ moment: Timestamp) -> [Int] {
        LocalTime(moment).map { [$0.year, $0.month, $0.day, $0.hour, $0.minute, $0.second] } ?? []
    }
}
