import MIG
import Testing

@Suite("Times")
struct TimeTests {
    @Test(arguments: [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400), ("36500d", 3_153_600_000)])
    func `a span is digits and a unit`(text: String, seconds: Int) {
        #expect(TimeSpan(text)?.seconds == seconds)
    }

    @Test(arguments: [
        "", "s", "0s", "-1s", "1", "1w", "1.5h", "01h", "1h30m", "1 h", "99999999999999999999s", "9223372036854775807d",
        "40000d", "１h",
    ])
    func `what is no span is refused`(text: String) {
        #expect(TimeSpan(text) == nil)
    }

    @Test(arguments: [30, 60, 90, 3600, 5400, 86400, 90000])
    func `a span is written so that it can be read again`(seconds: Int) {
        let span = TimeSpan(seconds: seconds)
        #expect(TimeSpan(span.description) == span)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (1_709_164_800, "2024-02-29T00:00:00Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (1_795_462_348, "2026-11-23T19:32:28Z"),
    ])
    func `a moment is written in the calendar's days`(seconds: Int64, text: String) {
        let moment = Timestamp(secondsSinceEpoch: seconds)
        #expect(moment.description == text)
        #expect(Timestamp(text) == moment)
    }

    @Test func `every day of four centuries is read as it was written`() {
        for day in stride(from: Int64(-80_000), to: 70_000, by: 1) {
            let moment = Timestamp(secondsSinceEpoch: day * 86400 + 43_210)
            guard Timestamp(moment.description) == moment else {
                Issue.record("\(moment) is not read as written")
                return
            }
        }
    }

    @Test func `fractions are kept to the nanosecond`() throws {
        let moment = try #require(Timestamp("2026-11-23T19:32:28.000001Z"))
        #expect(moment.nanosecondsSinceEpoch % 1_000_000_000 == 1000)
        #expect(moment.text(fractionDigits: 6) == "2026-11-23T19:32:28.000001Z")
    }

    @Test(arguments: [
        "", "2026-11-23", "2026-11-23T19:32:28", "2026-11-23 19:32:28Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T23:60:00Z",
        "2026-11-23T23:59:60Z", "2026-11-23T19:32:28.Z", "2026-11-23T19:32:28.1234567890Z", "2026-11-23T19:32:28+00:00",
        "9999-12-31T00:00:00Z", "2026-11-23T19:32:2８Z",
    ])
    func `what is no moment is refused`(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func `sums of times end at the last moment instead of trapping`() {
        let last = Timestamp(nanosecondsSinceEpoch: Int64.max)
        #expect(last.advanced(by: TimeSpan(seconds: 1)) == last)
        #expect(Timestamp(secondsSinceEpoch: Int64.max).nanosecondsSinceEpoch == Int64.max)
    }
}
