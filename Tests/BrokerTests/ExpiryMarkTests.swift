import Linux
import MIG
import TestSupport
import Testing

@testable import Audit
@testable import Broker

@Suite("Whether processes are ended at a lease's end")
struct ExpiryMarkTests {
    private static func granted(kills: Bool) -> Story {
        var story = Story()
        story.add(story.record(.intent, 1, by: 1, isMade: false))
        var outcome = story.record(.outcome, 1, by: 1, result: .ok)
        outcome.killsOnExpiry = kills
        story.add(outcome)
        return story
    }

    private static func mark(in story: Story) -> Bool? { story.replayed().leases[Story.lease(1)]?.killsOnExpiry }

    @Test(arguments: [true, false]) func `is what the outcome of its making says`(_ kills: Bool) {
        #expect(Self.mark(in: Self.granted(kills: kills)) == kills)
    }

    @Test(arguments: [true, false], [true, false])
    func `is what its last renewal says`(_ before: Bool, _ after: Bool) {
        var story = Self.granted(kills: before)
        for type in [AuditRecordType.intent, .outcome] {
            var record = story.record(type, 1, by: 2, method: "Renew", result: type == .outcome ? .ok : nil)
            record.killsOnExpiry = after
            story.add(record)
        }
        #expect(Self.mark(in: story) == after)
    }

    @Test func `stays as it was after a renewal that failed`() {
        var story = Self.granted(kills: true)
        story.add(story.record(.intent, 1, by: 2, method: "Renew"))
        story.add(story.record(.outcome, 1, by: 2, method: "Renew", result: .failed))
        #expect(Self.mark(in: story) == true)
    }

    @Test func `outlives the records of signals, of which each leaves the lease ending`() throws {
        var story = Self.granted(kills: true)
        for (operation, signal) in [(UInt8(3), "TERM"), (4, "KILL")] {
            var record = story.record(.revoke, 1, by: operation, method: "Expire")
            record.params = "signal=\(signal) pid=4242 uid=2001 comm=python3"
            record.caller = AuditCaller()
            record.caller.onBehalfOf = Story.alice
            record.killsOnExpiry = true
            story.add(record)
        }
        let replay = story.replayed()
        let lease = try #require(replay.leases[Story.lease(1)])
        #expect(lease.state == .ending && lease.killsOnExpiry && lease.user == Story.alice)
        #expect(replay.unfinished.isEmpty && replay.changes.count == 1)
    }

    @Test func `of a lease that is gone already is nobody's`() {
        var story = Self.granted(kills: true)
        story.add(story.record(.leaseEnd, 1, by: 2, method: "Expire"))
        story.add(story.record(.revoke, 1, by: 3, method: "Expire"))
        #expect(story.replayed().leases.isEmpty)
    }

    @Test(
        .enabled(if: CurrentProcess.user == .root, "needs root: a checkpoint must be root's"), arguments: [true, false])
    func `comes back with a checkpoint, and is left out where it is off`(_ kills: Bool) throws {
        let directory = try TemporaryDirectory()
        let leases = Array(Self.granted(kills: kills).replayed().leases.values)
        let head = AuditHead(seq: 2, hash: AuditFormat.genesis, segment: "audit-1.jsonl", offset: 4711)
        try Checkpoint(head: head, boot: Story.firstBoot, leases: leases, changes: []).save(in: directory.path)
        let text = String(decoding: try Files.read(Checkpoint.path(in: directory.path)), as: UTF8.self)
        #expect(text.contains(#""onExpiry":"kill""#) == kills)
        #expect(Checkpoint.load(from: directory.path)?.leases == leases)
    }

    @Test(
        .enabled(if: CurrentProcess.user == .root, "needs root: a checkpoint must be root's"),
        arguments: [#""wait""#, "true", #""KILL""#, "{}"])
    func `that a checkpoint cannot say makes it none`(_ value: String) throws {
        let directory = try TemporaryDirectory()
        let leases = Array(Self.granted(kills: true).replayed().leases.values)
        let head = AuditHead(seq: 2, hash: AuditFormat.genesis, segment: "audit-1.jsonl", offset: 4711)
        try Checkpoint(head: head, boot: Story.firstBoot, leases: leases, changes: []).save(in: directory.path)
        let path = Checkpoint.path(in: directory.path)
        let text = String(decoding: try Files.read(path), as: UTF8.self)
        try Files.write(
            path, Array(text.replacing(#""onExpiry":"kill""#, with: #""onExpiry":\#(value)"#).utf8), mode: 0o600)
        #expect(Checkpoint.load(from: directory.path) == nil)
    }
}
