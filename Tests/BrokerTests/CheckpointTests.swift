import JSON
import Linux
import MIG
import TestSupport
import Testing

@testable import Audit
@testable import Broker

@Suite("A checkpoint", .enabled(if: CurrentProcess.user == .root, "needs root: the file must be root's"))
struct CheckpointTests {
    private static func checkpoint() -> Checkpoint {
        var story = Story()
        story.grant(1, by: 1)
        story.grant(2, by: 2)
        story.add(story.record(.revoke, 2, by: 3))
        let replay = story.replayed()
        let head = AuditHead(seq: 5, hash: AuditFormat.genesis, segment: "audit-1.jsonl", offset: 4711)
        let failed = FinishedChange(
            id: Story.operation(9), user: Story.alice, method: "Request", state: .failed, error: "NoRoom", leases: [],
            key: "k", asked: "words")
        return Checkpoint(
            head: head, boot: Story.firstBoot, leases: replay.leases.values.sorted { $0.gi < $1.gi },
            changes: replay.changes + [failed])
    }

    @Test func `comes back as it was saved`() throws {
        let directory = try TemporaryDirectory()
        let saved = Self.checkpoint()
        try saved.save(in: directory.path)
        let loaded = try #require(Checkpoint.load(from: directory.path))
        #expect(loaded.head == saved.head && loaded.boot == saved.boot)
        #expect(loaded.leases == saved.leases && loaded.leases.map(\.state) == [.active, .ending])
        #expect(loaded.changes == saved.changes)
        #expect(try Files.attributes(Checkpoint.path(in: directory.path)).mode == 0o600)
    }

    @Test(arguments: [[], [0, 1, 2]] as [[UInt32]])
    func `brings back a lease with any number of compute instances`(_ cis: [UInt32]) throws {
        let directory = try TemporaryDirectory()
        var story = Story()
        story.grantEmpty(1, by: 1)
        story.addCompute(cis, to: 1, by: 2)
        let head = AuditHead(seq: 2, hash: AuditFormat.genesis, segment: "audit-1.jsonl", offset: 4711)
        let leases = Array(story.replayed().leases.values)
        try Checkpoint(head: head, boot: Story.firstBoot, leases: leases, changes: []).save(in: directory.path)
        let loaded = try #require(Checkpoint.load(from: directory.path))
        #expect(loaded.leases == leases && loaded.leases.first?.computeInstances.map(\.id.rawValue) == cis)
    }

    @Test func `is none where there is none`() throws {
        let directory = try TemporaryDirectory()
        #expect(Checkpoint.load(from: directory.path) == nil)
        #expect(Checkpoint.load(from: directory.path + "/missing") == nil)
    }

    /// What may have become of the file, each by itself.
    static let damages: [(old: String, new: String)] = [
        (#""version":2"#, #""version":1"#), (#""version":2,"#, ""), (#""boot":"boot-1","#, ""),
        (#""boot":"boot-1""#, #""boot":1"#), (#""seq":5"#, #""seq":-5"#), (#""state":"active""#, #""state":"open""#),
        (#""uid":2001"#, #""uid":-1"#), (#""uid":2001"#, #""uid":4294967296"#), (#""uid":2001,"#, ""),
        (#""start":1"#, #""start":64"#), (#""size":1"#, #""size":0"#), (#""gi":1,"#, #""gi":"1","#),
        (#""isolation":"advisory""#, #""isolation":"""#), (#""groups":[3001]"#, #""groups":["3001"]"#),
        (#""groups":[3001]"#, #""groups":[-1]"#), (#""renewals":0"#, #""renewals":0,"more":1"#),
        (#""changes":["#, #""changes":[{},"#), (#""leases":["#, #""leases":[null,"#), ("{", "["), ("}", ""),
        (#""deadline":"#, #""deadline":1,"deadline":"#),
    ]

    @Test(arguments: damages) func `that was altered is none`(_ damage: (old: String, new: String)) throws {
        let directory = try TemporaryDirectory()
        try Self.checkpoint().save(in: directory.path)
        let path = Checkpoint.path(in: directory.path)
        let text = String(decoding: try Files.read(path), as: UTF8.self)
        let changed = text.replacing(damage.old, with: damage.new)
        #expect(changed != text, "\(damage.old) is in no checkpoint")
        try Files.write(path, Array(changed.utf8), mode: 0o600)
        #expect(Checkpoint.load(from: directory.path) == nil)
    }

    @Test func `that others could have written is none`() throws {
        let directory = try TemporaryDirectory()
        try Self.checkpoint().save(in: directory.path)
        let path = Checkpoint.path(in: directory.path)
        try Files.setMode(path, 0o666)
        #expect(Checkpoint.load(from: directory.path) == nil)
        try Files.setMode(path, 0o600)
        #expect(Checkpoint.load(from: directory.path) != nil)
        try Files.rename(path, to: path + ".real")
        try Files.symlink(to: path + ".real", at: path)
        #expect(Checkpoint.load(from: directory.path) == nil)
    }
}
