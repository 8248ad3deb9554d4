import JSON
import Linux
import MIG
import TestSupport
import Testing

@Suite struct TimeZoneTests {
    /// Some moments of every year, and the seconds around each change of the clocks.
    private static let script = """
        import datetime, json, random, zoneinfo
        random.seed(1)
        moments = [random.randrange(-2**31, 2**32 + 2**31) for _ in range(40)]
        answers = {}
        for name in sorted(zoneinfo.available_timezones()):
            zone = zoneinfo.ZoneInfo(name)
            def offset(second):
                moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=second)
                return int(moment.astimezone(zone).utcoffset().total_seconds())
            around = []
            for year in (1975, 1999, 2026, 2038, 2099):
                start = int(datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc).timestamp())
                for low in range(start, start + 366 * 86400, 10 * 86400):
                    high = low + 10 * 86400
                    if offset(low) == offset(high): continue
                    old = offset(low)
                    while high - low > 1:
                        middle = (low + high) // 2
                        low, high = (middle, high) if offset(middle) == old else (low, middle)
                    around += [low, high]
            answers[name] = [[second, offset(second)] for second in moments + around]
        print(json.dumps(answers))
        """

    @Test(.enabled(if: Command.exists("python3"), "needs python3"))
    func `every zone of the system has the offsets that another reader finds`() throws {
        let ran = try Command.run("python3", ["-c", Self.script], environment: [Command.defaultPath])
        try #require(ran.code == 0, "\(ran.errors)")
        let limits = JSONLimits(bytes: 64 << 20, depth: 4, keysPerObject: 2000, stringBytes: 256)
        let parsed = try JSONParser.parse(Array(ran.output.utf8), limits: limits)
        let zones = try #require(parsed.objectValue)
        var wrong: [String] = []
        var count = 0
        for zone in zones {
            let mine = try TimeZone.named(zone.key)
            for pair in zone.value.arrayValue ?? [] {
                let numbers = (pair.arrayValue ?? []).compactMap(\.integerValue)
                count += 1
                let offset = mine.offset(at: Timestamp(secondsSinceEpoch: numbers[0]))
                if offset != Int(numbers[1]) {
                    wrong.append("\(zone.key) at \(numbers[0]): \(offset), not \(numbers[1])")
                }
            }
        }
        #expect(zones.count > 300 && count > zones.count * 40)
        #expect(wrong.isEmpty, "\(wrong.count) of \(count): \(wrong.prefix(5))")
    }

    @Test(arguments: [
        "", "/etc/passwd", "../../etc/passwd", "Europe/../Europe/Berlin", "Europe//Berlin", "Europe/", "europe/berlin",
        "Europe/Atlantis", "EST5EDT,M3.2.0,M11.1.0", "Europe/Berlin\0", "posixrules ", "Ä", "zone.tab", ".", "Europe",
        String(repeating: "a", count: 65),
    ])
    func `what names no zone is none`(name: String) {
        #expect(throws: TimeZoneError.self) { try TimeZone.named(name) }
    }

    private static let berlin = try? Files.read("/usr/share/zoneinfo/Europe/Berlin")

    @Test(.enabled(if: berlin != nil, "needs tzdata"))
    func `a file cut anywhere is refused`() throws {
        let whole = try #require(Self.berlin)
        #expect(try TimeZone(whole) == TimeZone.named("Europe/Berlin"))
        for count in 0..<whole.count {
            #expect(throws: TimeZoneError.self, "\(count) bytes") { try TimeZone(Array(whole.prefix(count))) }
        }
        #expect(throws: TimeZoneError.self) { try TimeZone(whole + [0]) }
    }

    @Test(.enabled(if: berlin != nil, "needs tzdata"))
    func `a file with any byte changed is refused or read, and nothing worse`() throws {
        let whole = try #require(Self.berlin)
        var refused = 0
        for index in whole.indices {
            for change in [1, 0x80, 0xFF] as [UInt8] {
                var bytes = whole
                bytes[index] ^= change
                do throws(TimeZoneError) {
                    _ = try TimeZone(bytes).offset(at: Timestamp(secondsSinceEpoch: 1_800_000_000))
                } catch {
                    refused += 1
                }
            }
        }
        #expect(refused > whole.count)
    }

    /// A file of the last line alone.
    private static func file(_ rule: String, leaps: UInt8 = 0) -> [UInt8] {
        let header = Array("TZif2".utf8) + Array(repeating: 0, count: 15)
        func counts(_ leaps: UInt8) -> [UInt8] {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, leaps, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]
        }
        let block: [UInt8] = [0, 0, 0, 0, 0, 0, 0]
        let first = header + counts(0) + block
        return first + header + counts(leaps) + block + Array(repeating: 0, count: Int(leaps) * 12)
            + Array("\n\(rule)\n".utf8)
    }

    private static let rules: [(String, Int64, Int)] = [
        ("UTC0", 1_800_000_000, 0), ("<+0330>-3:30", 1_800_000_000, 12_600), ("", 1_800_000_000, 0),
        // New Year in the south is in summer.
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_798_761_600, 39_600),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_814_400_000, 36_000),
        // Summer all year long, as RFC 9636 writes it.
        ("XXX3EDT4,0/0,J365/23", 1_800_000_000, -14_400), ("XXX3EDT4,0/0,J365/23", 1_798_761_600 + 14_400, -14_400),
        // Hours before and after the day.
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1_806_195_600 - 1, -7200),
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1_806_195_600 + 7200, -3600),
    ]

    @Test(arguments: rules)
    func `the rule of the last line holds where no change is listed`(rule: String, second: Int64, offset: Int) throws {
        #expect(try TimeZone(Self.file(rule)).offset(at: Timestamp(secondsSinceEpoch: second)) == offset)
    }

    @Test(arguments: [
        "UT0", "UTC", "UTC25", "UTC0:60", "UTC0x", "<UTC0", "CET-1CEST", "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J1", "CET-1CEST,366,1",
        "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0,", "CET-1CEST,M3.5.0,M10.5.0 ", "CET-1CE,J1,J2",
    ])
    func `a last line that is no rule is refused`(rule: String) {
        #expect(throws: TimeZoneError.damaged("its last line is no rule")) { try TimeZone(Self.file(rule)) }
    }

    @Test func `a zone that counts leap seconds is refused`() {
        #expect(throws: TimeZoneError.damaged("it counts leap seconds")) { try TimeZone(Self.file("UTC0", leaps: 1)) }
    }
}
