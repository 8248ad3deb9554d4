import JSON
import Linux
import MIG
import Testing

@testable import Audit

/// Text that tries to leave its string, its line, or the terminal's good behaviour.
private let hostile: [String] = [
    "\n{\"seq\":1}", "\u{1B}[2J\u{1B}]0;owned\u{07}", "%n%s%x", "\u{202E}txt.exe", "\u{85}\u{9B}31m",
    "\u{2028}\u{2029}",
    "\",\"uid\":0,\"x\":\"", "\\\",\"hash\":\"", "\u{0}\u{1}\u{7F}", "\r\n", "\u{FEFF}\u{200B}", "\u{10FFFF}\u{1F600}",
    String(repeating: "\u{1B}", count: 4096), String(repeating: "\u{1F600}", count: 4096),
    String(repeating: "\"", count: 255) + "\u{E9}", String(repeating: "e\u{301}", count: 300), "",
]

struct AuditRecordTests {
    @Test func `the line of a record is fixed to the byte`() {
        let line = SampleLog.lines([SampleLog.full()])[0]
        let covered =
            #"{"v":1,"seq":1,"boot":"3f9d1c58-6a1b-4b59-9d42-5f5a0f6f8a11","time":"2026-11-18T11:06:40.123456Z","#
            + #""monotonicNs":0,"type":"outcome","op":"00000000000000000000000000000007","conn":12,"#
            + #""method":"io.migbroker.Broker.Request","uid":1001,"user":"alice","gid":1001,"groups":[2000,2001],"#
            + #""groupCount":5,"pid":4242,"comm":"migctl","cgroup":"/user.slice/user-1001.slice","loginuid":1001,"#
            + #""session":3,"origin":"host","onBehalfOf":1002,"#
            + #""policy":"abababababababababababababababababababababababababababababababab","#
            + #""rules":["ml-slices","ml-each"],"decision":"allow","reason":"rule matched","#
            + #""gpu":"GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77","gi":2,"ci":0,"#
            + #""device":"MIG-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0","profile":"3g.20gb","placement":"4:4","#
            + #""lease":"00112233445566778899aabbccddeeff","created":"2026-11-18T11:06:40Z","#
            + #""expires":"2026-11-18T13:06:40Z","isolation":"advisory","name":"training","key":"k-1","#
            + #""params":"profile=3g.20gb count=1","result":"ok","error":"DriverError","nvml":19,"#
            + #""before":"0101010101010101010101010101010101010101010101010101010101010101","#
            + #""after":"0202020202020202020202020202020202020202020202020202020202020202","durationUs":1500,"#
            + #""count":2,"prev":"0000000000000000000000000000000000000000000000000000000000000000""#
        // sha256sum of the text above.
        let hash = "daa12a8dc0ae4f67a3cd0d630a801659597f444dd0092870daaa6c717d24ba07"
        #expect(String(decoding: line, as: UTF8.self) == covered + #","hash":"\#(hash)"}"# + "\n")
    }

    @Test func `a record follows the hash of the one before, and leaves out what it has not`() {
        let lines = SampleLog.lines([AuditRecord(.start), AuditRecord(.stop)])
        let first =
            #"{"v":1,"seq":1,"boot":"3f9d1c58-6a1b-4b59-9d42-5f5a0f6f8a11","time":"2026-11-18T11:06:40.123456Z","#
            + #""monotonicNs":0,"type":"start","#
            + #""prev":"0000000000000000000000000000000000000000000000000000000000000000","#
            + #""hash":"ec49ea0b1211a308c1164a85f1a326ba5f6472bcc18ebd4f6892da8c148aca35"}"#
        let second =
            #"{"v":1,"seq":2,"boot":"3f9d1c58-6a1b-4b59-9d42-5f5a0f6f8a11","time":"2026-11-18T11:06:41.123456Z","#
            + #""monotonicNs":1000000000,"type":"stop","#
            + #""prev":"ec49ea0b1211a308c1164a85f1a326ba5f6472bcc18ebd4f6892da8c148aca35","#
            + #""hash":"27ca11b628a0dec204f6f4792aeeefd7903cd1e3af9026211fd4179ed5e36878"}"#
        #expect(String(decoding: lines[0], as: UTF8.self) == first + "\n")
        #expect(String(decoding: lines[1], as: UTF8.self) == second + "\n")
    }

    @Test func `a record with every field is read as it was written`() throws {
        let record = SampleLog.full()
        let line = SampleLog.lines([record])[0]
        let entry = try AuditEntry(line: Array(line.dropLast()))
        #expect(entry.record == record)
        #expect(entry.seq == 1)
        #expect(entry.prev == AuditFormat.genesis)
        #expect(entry.stamp.boot == SampleLog.boot)
        // The log keeps microseconds.
        #expect(entry.stamp.time.nanosecondsSinceEpoch == 1_795_000_000_123_456_000)
    }

    @Test(arguments: AuditRecordType.allCases.filter { $0 != .seal })
    func `every type of record comes back`(type: AuditRecordType) throws {
        let line = SampleLog.lines([AuditRecord(type)])[0]
        #expect(try AuditEntry(line: Array(line.dropLast())).record == AuditRecord(type))
    }

    @Test(arguments: hostile.indices)
    func `hostile text stays inside its string and its line`(number: Int) throws {
        let text = hostile[number]
        var record = SampleLog.full()
        record.caller.user = text
        record.caller.comm = text
        record.caller.cgroup = text
        record.name = text
        record.key = text
        record.params = text
        record.method = text
        record.rules = Array(repeating: text, count: 100)
        let line = SampleLog.lines([record])[0]
        #expect(line.count { $0 == 0x0A } == 1)
        #expect(line.dropLast().allSatisfy { (0x20..<0x7F).contains($0) })
        #expect(line.count < AuditFormat.lineBytes)
        let entry = try AuditEntry(line: Array(line.dropLast()))
        #expect(entry.record.caller.uid == UserID(1001))
        #expect(entry.record.rules.count == AuditFormat.listLength)
        let kept = try #require(entry.record.name)
        #expect(kept.utf8.count <= AuditFormat.textBytes)
        if text.utf8.count > AuditFormat.textBytes {
            #expect(kept.unicodeScalars.last == "\u{2026}")
            #expect(text.unicodeScalars.starts(with: kept.unicodeScalars.dropLast()))
        } else if !text.utf8.contains(0) {
            #expect(kept.hasBytes(of: text))
        }
    }

    @Test func `a thousand random strings are each one printable line`() throws {
        var generator = SystemRandomNumberGenerator()
        var record = AuditRecord(.denied)
        for _ in 0..<1000 {
            record.params = String(
                String.UnicodeScalarView(
                    (0..<100).compactMap { _ in Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &generator)) }))
            let line = SampleLog.lines([record])[0]
            #expect(line.dropLast().allSatisfy { (0x20..<0x7F).contains($0) })
            _ = try AuditEntry(line: Array(line.dropLast()))
        }
    }

    @Test(arguments: [
        (#""v":1"#, #""v":2"#), (#""seq":1"#, #""seq":0"#), (#""seq":1"#, #""seq":"1""#),
        (#""type":"outcome""#, #""type":"outcomes""#), (#""uid":1001"#, #""uid":4294967296"#),
        (#""uid":1001"#, #""uid":-1"#), (#""uid":1001"#, #""uid":1001,"uid":0"#),
        (#""gid":1001"#, #""extra":1,"gid":1001"#), (#""groups":[2000,2001]"#, #""groups":[2000,"2001"]"#),
        (#""placement":"4:4""#, #""placement":"4""#), (#""gpu":"GPU-5"#, #""gpu":"GPU-X"#),
        (#""expires":"2026-11-18T13:06:40Z""#, #""expires":"tomorrow""#), (#""result":"ok""#, #""result":"OK""#),
        (#""decision":"allow""#, #""decision":null"#), (#""op":"00"#, #""op":"0"#), (#""count":2"#, #""count":0"#),
        (#""isolation":"advisory""#, #""isolation":"none""#), (#""boot":"#, #""boat":"#),
    ])
    func `a line with a field that is not of the format is refused`(good: String, bad: String) throws {
        let line = String(decoding: SampleLog.lines([SampleLog.full()])[0].dropLast(), as: UTF8.self)
        let at = try #require(line.range(of: good))
        var changed = line
        changed.replaceSubrange(at, with: bad)
        #expect(throws: AuditDecodeError.self) { try AuditEntry(line: Array(changed.utf8)) }
    }

    @Test(arguments: [
        "0:", "1:ab", "x:\(AuditFormat.genesis)", "1:\(AuditFormat.genesis):2", "-1:\(AuditFormat.genesis)",
    ])
    func `a head that is not SEQ and HASH is refused`(text: String) {
        #expect(AuditHead(text) == nil)
    }

    @Test func `a head comes back from its text and from a checkpoint`() throws {
        let head = AuditHead(
            seq: 7, hash: String(repeating: "a1", count: 32), segment: "audit-00000002.jsonl", offset: 99)
        #expect(AuditHead(head.description).map { [$0.description] } == [head.description])
        var reader = try JSONObjectReader(head.json)
        #expect(try AuditHead(&reader) == head)
    }
}

extension String {
    /// Where another text first stands, byte by byte.
    fileprivate func range(of other: String) -> Range<String.Index>? {
        ranges(of: other).first
    }
}
