import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

/// A log with a journal beside it.
private final class Witnessed {
    let directory: String
    let socket: String
    let follower: JournalFollower
    let log: AuditLog

    init(in directory: String, capacity: Int = 4096, headSeconds: Int = 3600, patience: Int = 1000) throws {
        self.directory = "\(directory)/log"
        socket = "\(directory)/journal"
        try Files.makeDirectory(self.directory)
        let follower = try JournalFollower(
            at: socket, capacity: capacity, headSeconds: headSeconds, patienceMilliseconds: patience)
        self.follower = follower
        log = try AuditLog(self.directory, reserve: 0, clock: .system(), follower: follower.put)
    }

    // Its thread would wait for ever.
    deinit { follower.finish(milliseconds: 0) }

    func note(_ count: Int) throws {
        for number in 0..<count {
            var record = AuditRecord(.health)
            record.reason = "number \(number)"
            try log.note([record])
        }
    }
}

@Suite("The journal hears of every record", .enabled(if: isRoot, "needs root: the log trusts only files of root's"))
struct JournalFollowerTests {
    @Test func `each record once, in order, with its place in the log`() throws {
        let directory = try TemporaryDirectory()
        let journal = try JournalStandIn(at: directory.path("journal"))
        let witnessed = try Witnessed(in: directory.path)
        let receipt = try witnessed.log.intend([SampleLog.intent()])
        try witnessed.log.conclude(receipt, [SampleLog.full()])
        for number in 0..<100 { witnessed.log.deny(SampleLog.denial(uid: UInt32(number % 3))) }
        try witnessed.log.flushDenials()
        try witnessed.log.close([AuditRecord(.stop)])
        let told = try journal.entries { $0.type == "stop" }
        let entries = try records(in: witnessed.directory)
        #expect(told.map(\.seq) == entries.map(\.seq))
        #expect(told.map { $0["MIGBROKER_HASH"] } == entries.map(\.hash))
        #expect(told.map(\.type) == entries.map(\.record.type.rawValue))
        #expect(told.allSatisfy { $0["SYSLOG_IDENTIFIER"] == "migbrokerd" && $0["MESSAGE"]?.isEmpty == false })
        let counts = told.filter { $0.type == "denied" }.compactMap { Int($0["MIGBROKER_COUNT"] ?? "1") }
        #expect(counts.reduce(0, +) == 100)
        #expect(counts.count == 6)
        #expect(witnessed.follower.status.untold == 0)
    }

    @Test func `the fields are those of the record`() throws {
        var record = SampleLog.full()
        record.caller.onBehalfOfUser = "bob"
        let line = SampleLog.lines([record])[0]
        let entry = try AuditEntry(line: Array(line.dropLast()))
        let told = try JournalStandIn.parse(entry.summary.datagram(atMost: 48 << 10, mark: "CUT"))
        let wanted = [
            "MESSAGE": "alice (uid 1001): io.migbroker.Broker.Request of 3g.20gb on "
                + "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77, lease 00112233445566778899aabbccddeeff: "
                + "ok, DriverError, rule matched",
            "PRIORITY": "6", "SYSLOG_IDENTIFIER": "migbrokerd", "MESSAGE_ID": "5c094f8522644750a28d019d9f950d3c",
            "MIGBROKER_SEQ": "1", "MIGBROKER_HASH": entry.hash, "MIGBROKER_TYPE": "outcome",
            "MIGBROKER_TIME": "2026-11-18T11:06:40.123456Z", "MIGBROKER_OP": "00000000000000000000000000000007",
            "MIGBROKER_METHOD": "io.migbroker.Broker.Request", "MIGBROKER_CONN": "12", "MIGBROKER_DECISION": "allow",
            "MIGBROKER_RESULT": "ok", "MIGBROKER_ERROR": "DriverError", "MIGBROKER_NVML": "19",
            "MIGBROKER_COUNT": "2", "MIGBROKER_DURATION_US": "1500", "MIGBROKER_UID": "1001",
            "MIGBROKER_USER": "alice", "MIGBROKER_GID": "1001", "MIGBROKER_PID": "4242", "MIGBROKER_COMM": "migctl",
            "MIGBROKER_CGROUP": "/user.slice/user-1001.slice", "MIGBROKER_LOGINUID": "1001",
            "MIGBROKER_SESSION": "3", "MIGBROKER_ORIGIN": "host", "MIGBROKER_ON_BEHALF_OF": "1002",
            "MIGBROKER_ON_BEHALF_OF_USER": "bob",
            "MIGBROKER_LEASE": "00112233445566778899aabbccddeeff",
            "MIGBROKER_GPU": "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77", "MIGBROKER_GI": "2", "MIGBROKER_CI": "0",
            "MIGBROKER_DEVICE": "MIG-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "MIGBROKER_PROFILE": "3g.20gb",
            "MIGBROKER_PLACEMENT": "4:4", "MIGBROKER_EXPIRES": "2026-11-18T13:06:40Z",
            "MIGBROKER_ISOLATION": "advisory", "MIGBROKER_POLICY": String(repeating: "ab", count: 32),
            "MIGBROKER_REASON": "rule matched", "MIGBROKER_NAME": "training", "MIGBROKER_KEY": "k-1",
            "MIGBROKER_PARAMS": "profile=3g.20gb count=1",
        ]
        for (name, value) in wanted { #expect(told[name] == value, "\(name)") }
        #expect(told.all("MIGBROKER_RULE") == ["ml-slices", "ml-each"])
        #expect(Set(told.fields.map(\.name)) == Set(wanted.keys).union(["MIGBROKER_RULE"]))
    }

    @Test(arguments: AuditRecordType.allCases) func `each kind has an id and a sentence of its own`(
        type: AuditRecordType
    ) throws {
        var record = SampleLog.full()
        record.type = type
        let entry = AuditEntry(seq: 1, stamp: SampleLog.stamp(0), record: record, prev: "", hash: "")
        let bare = AuditEntry(seq: 1, stamp: SampleLog.stamp(0), record: AuditRecord(type), prev: "", hash: "")
        for told in [entry, bare] {
            let fields = try JournalStandIn.parse(told.summary.datagram(atMost: 48 << 10, mark: "CUT"))
            #expect(fields["MESSAGE"]?.isEmpty == false)
            #expect(fields["PRIORITY"].flatMap { Int($0) }.map { (0...7).contains($0) } == true)
        }
        let id = AuditMessageID.of(type)
        #expect(Hex.isLowercase(id, digits: 32))
        let others = AuditRecordType.allCases.filter { $0 != type }.map(AuditMessageID.of)
        #expect(!(others + [AuditMessageID.head, AuditMessageID.untold]).contains(id))
    }

    @Test func `a journal that is away is told how much it missed, whenever it comes`() throws {
        let directory = try TemporaryDirectory()
        let witnessed = try Witnessed(in: directory.path)
        for round in 1...3 {
            try witnessed.note(5)
            for _ in 0..<4000 where witnessed.follower.status.untold < 5 { Clock.sleep(milliseconds: 5) }
            #expect(witnessed.follower.status.untold == 5)
            #expect(witnessed.follower.status.problem?.code == .notFound)
            let journal = try JournalStandIn(at: witnessed.socket)
            let notice = try #require(try journal.next())
            #expect(notice["MESSAGE"] == "5 records were not told to the journal; the audit log has them all")
            #expect(notice["MIGBROKER_UNTOLD"] == "5")
            #expect(notice["MIGBROKER_SEQ"] == "\(round * 7 - 2)")
            try witnessed.note(2)
            #expect(try journal.next()?.seq == Int64(round * 7 - 1))
            #expect(try journal.next()?.seq == Int64(round * 7))
        }
        // What has been sent is counted a moment later.
        for _ in 0..<4000 where witnessed.follower.status.told < 6 { Clock.sleep(milliseconds: 5) }
        #expect(witnessed.follower.status == .init(told: 6, untold: 0, problem: nil))
    }

    @Test(arguments: [4096, 16])
    func `a journal that does not read costs the log nothing, and every record is accounted for`(
        capacity: Int
    ) throws {
        let directory = try TemporaryDirectory()
        let journal = try JournalStandIn(at: directory.path("journal"))
        let witnessed = try Witnessed(in: directory.path, capacity: capacity, patience: 20)
        try witnessed.note(3000)
        #expect(try records(in: witnessed.directory).count == 3000, "the log has them, whatever the journal does")
        var told: [Int64] = []
        var untold = 0
        while told.count + untold < 3000 {
            let entry = try #require(try journal.next())
            if let count = entry["MIGBROKER_UNTOLD"].flatMap({ Int($0) }) {
                untold += count
                #expect(entry["MESSAGE_ID"] == AuditMessageID.untold)
            } else {
                told.append(try #require(entry.seq))
            }
        }
        #expect(told.count + untold == 3000)
        #expect(untold > 0)
        #expect(told == told.sorted() && Set(told).count == told.count)
    }

    @Test func `the head is told when there were records, and not again without any`() throws {
        let directory = try TemporaryDirectory()
        let journal = try JournalStandIn(at: directory.path("journal"))
        let witnessed = try Witnessed(in: directory.path, headSeconds: 1)
        try witnessed.note(3)
        let told = try journal.entries { $0["MESSAGE_ID"] == AuditMessageID.head }
        let head = witnessed.log.head
        #expect(told.count == 4)
        #expect(told.last?["MESSAGE"] == "the audit log ends with record \(head)")
        #expect(told.last?.seq == 3)
        #expect(told.last?["MIGBROKER_HASH"] == head.hash)
        #expect(try journal.next(milliseconds: 2500) == nil)
    }
}
