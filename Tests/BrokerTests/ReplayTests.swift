import MIG
import Testing

@testable import Audit
@testable import Broker

@Suite("The log, read again")
struct ReplayTests {
    @Test func `gives back a granted lease with its deadline on the clock that nobody can set`() throws {
        var story = Story()
        story.grant(1, by: 1, seconds: 600)
        let lease = try #require(story.replayed().leases[Story.lease(1)])
        #expect(lease.user == Story.alice && lease.groups == [GroupID(3001)] && lease.state == .active)
        #expect(lease.gi == GPUInstanceID(1) && lease.device == Story.device && lease.operation == Story.operation(1))
        #expect(lease.deadline == (5000 + 600) * 1_000_000_000)
        #expect(story.replayed().unfinished.isEmpty)
    }

    @Test(arguments: [AuditResult.failed, .undone])
    func `gives no lease for a request that failed`(_ result: AuditResult) {
        var story = Story()
        story.add(story.record(.intent, 1, by: 1, isMade: false))
        story.add(story.record(.outcome, 1, by: 1, result: result, isMade: false))
        let replay = story.replayed()
        #expect(replay.leases.isEmpty && replay.unfinished.isEmpty)
        #expect(replay.changes.map(\.state) == [.failed])
    }

    @Test func `gives no lease for an outcome whose intent is not there`() {
        var story = Story()
        story.add(story.record(.outcome, 1, by: 1, result: .ok))
        #expect(story.replayed().leases.isEmpty)
    }

    @Test func `gives no lease for an outcome of another operation or lease`() {
        var story = Story()
        story.add(story.record(.intent, 1, by: 1, isMade: false))
        story.add(story.record(.outcome, 1, by: 2, result: .ok))
        story.add(story.record(.outcome, 2, by: 1, result: .ok))
        #expect(story.replayed().leases.isEmpty)
        #expect(story.replayed().unfinished.map(\.intent.lease) == [Story.lease(1)])
    }

    /// What an outcome must carry to be a lease.
    static let needed: [@Sendable (inout AuditRecord) -> Void] = [
        { $0.caller.uid = nil }, { $0.gpu = nil }, { $0.gi = nil }, { $0.ci = nil }, { $0.profile = nil },
        { $0.placement = nil }, { $0.device = nil }, { $0.created = nil }, { $0.expires = nil }, { $0.op = nil },
        { $0.lease = nil },
    ]

    @Test(arguments: needed.indices) func `gives no lease for half an outcome`(_ index: Int) {
        var story = Story()
        story.add(story.record(.intent, 1, by: 1, isMade: false))
        var outcome = story.record(.outcome, 1, by: 1, result: .ok)
        Self.needed[index](&outcome)
        story.add(outcome)
        #expect(story.replayed().leases.isEmpty)
    }

    @Test(arguments: ["Release", "Expire"]) func `ends a lease by its lease-end alone`(_ method: String) {
        var story = Story()
        story.grant(1, by: 1)
        story.add(story.record(.intent, 1, by: 2, method: method))
        story.add(story.record(.outcome, 1, by: 2, method: method, result: .ok))
        #expect(story.replayed().leases.count == 1)
        story.add(story.record(.leaseEnd, 1, by: 2, method: method))
        #expect(story.replayed().leases.isEmpty)
    }

    @Test func `keeps a lease whose release failed, and one that was revoked as ending`() {
        var story = Story()
        story.grant(1, by: 1)
        story.add(story.record(.intent, 1, by: 2, method: "Release"))
        story.add(story.record(.outcome, 1, by: 2, method: "Release", result: .failed))
        #expect(story.replayed().leases[Story.lease(1)]?.state == .active)
        story.add(story.record(.revoke, 1, by: 3, method: "Expire"))
        #expect(story.replayed().leases[Story.lease(1)]?.state == .ending)
    }

    @Test func `knows what was begun and not ended, in the order in which it was`() {
        var story = Story()
        story.grant(1, by: 1)
        story.add(story.record(.intent, 3, by: 4, isMade: false))
        story.add(story.record(.intent, 2, by: 4, isMade: false))
        story.add(story.record(.intent, 1, by: 5, method: "Renew"))
        let unfinished = story.replayed().unfinished
        #expect(unfinished.map(\.intent.lease) == [3, 2, 1].map(Story.lease))
        #expect(unfinished.map(\.kind) == [.creation, .creation, .renewal])
        story.add(story.record(.recovered, 2, by: 4, result: .ok, isMade: false))
        #expect(story.replayed().unfinished.map(\.intent.lease) == [3, 1].map(Story.lease))
    }

    @Test func `moves an end that was renewed, and counts a renewal that moved nothing`() {
        var story = Story()
        story.grant(1, by: 1, seconds: 600)
        story.pass(100)
        story.add(story.record(.intent, 1, by: 2, method: "Renew", seconds: 1000))
        story.add(story.record(.outcome, 1, by: 2, method: "Renew", result: .ok, seconds: 1000))
        let renewed = story.replayed().leases[Story.lease(1)]
        #expect(renewed?.deadline == (5100 + 1000) * 1_000_000_000 && renewed?.renewals == 1)
        // The wall clock is set back a day; the same end as before must not give the lease another day.
        story.wall -= 86400
        story.add(story.record(.intent, 1, by: 3, method: "Renew"))
        var same = story.record(.outcome, 1, by: 3, method: "Renew", result: .ok)
        same.expires = renewed?.expires
        story.add(same)
        let again = story.replayed().leases[Story.lease(1)]
        #expect(again?.deadline == renewed?.deadline && again?.renewals == 2)
    }

    @Test(arguments: [AuditResult.failed, nil]) func `moves no end by a renewal that failed`(_ result: AuditResult?) {
        var story = Story()
        story.grant(1, by: 1)
        let before = story.replayed().leases
        story.add(story.record(.outcome, 1, by: 2, method: "Renew", result: result, seconds: 9000))
        story.add(story.record(.outcome, 2, by: 2, method: "Renew", result: .ok, seconds: 9000))
        #expect(story.replayed().leases == before)
    }

    @Test func `is not moved by a step of the wall clock between two records`() {
        var story = Story()
        story.grant(1, by: 1, seconds: 600)
        story.wall += 1_000_000
        story.grant(2, by: 2, seconds: 600)
        let leases = story.replayed().leases
        #expect(leases[Story.lease(1)]?.deadline == leases[Story.lease(2)]?.deadline)
    }

    @Test func `remembers a change of several leases as one, with its key and words`() {
        var story = Story()
        for lease in [1, 2] as [UInt8] { story.add(story.record(.intent, lease, by: 1, isMade: false)) }
        for lease in [1, 2] as [UInt8] {
            var outcome = story.record(.outcome, lease, by: 1, result: .ok)
            outcome.key = "k"
            outcome.params = "words"
            story.add(outcome)
        }
        let changes = story.replayed().changes
        #expect(changes.count == 1)
        #expect(changes.first?.leases == [1, 2].map(Story.lease))
        #expect(changes.first?.key == "k" && changes.first?.asked == "words")
    }
}

@Suite("The log, read again after the machine was restarted")
struct ReplayAcrossBootsTests {
    private static func restarted(_ story: Story) -> Story {
        var story = story
        story.boot = "boot-2"
        story.uptime = 10
        story.wall += 300
        return story
    }

    @Test func `loses every lease, however long its deadline would be on the new boot's clock`() {
        var story = Story()
        story.grant(1, by: 1, seconds: 100_000)
        var replay = story.replayed()
        replay.enter(boot: Story.firstBoot)
        #expect(replay.leases.count == 1 && replay.lost.isEmpty)
        replay.enter(boot: "boot-2")
        #expect(replay.leases.isEmpty && Array(replay.lost.keys) == [Story.lease(1)])
    }

    @Test func `loses what a checkpoint of another boot knew`() {
        var story = Story()
        story.grant(1, by: 1)
        let known = Array(story.replayed().leases.values)
        let head = AuditHead(seq: 2, hash: AuditFormat.genesis, segment: "", offset: 0)
        let checkpoint = Checkpoint(head: head, boot: Story.firstBoot, leases: known, changes: [])
        var replay = Replay(checkpoint)
        replay.enter(boot: Story.firstBoot)
        #expect(Array(replay.leases.values) == known)
        replay.enter(boot: "boot-2")
        #expect(replay.leases.isEmpty && Array(replay.lost.values) == known)
    }

    @Test func `takes nothing up that was begun before, lest it destroy what stands in its place now`() {
        var story = Story()
        story.grant(1, by: 1)
        story.add(story.record(.intent, 2, by: 2, isMade: false))
        story.add(story.record(.intent, 1, by: 3, method: "Release"))
        var replay = story.replayed()
        replay.enter(boot: "boot-2")
        #expect(replay.unfinished.isEmpty)
        #expect(replay.cutOff.map(\.intent.op) == [2, 3].map(Story.operation))
    }

    @Test func `loses nothing twice, and nothing of the new boot`() {
        var story = Story()
        story.grant(1, by: 1)
        story.add(story.record(.intent, 2, by: 2, isMade: false))
        story = Self.restarted(story)
        story.add(story.record(.recovered, 2, by: 2, result: .ok, isMade: false))
        story.add(story.record(.leaseEnd, 1, by: 3, method: "Reconcile"))
        story.grant(4, by: 4)
        var replay = story.replayed()
        replay.enter(boot: "boot-2")
        #expect(replay.lost.isEmpty && replay.cutOff.isEmpty && replay.unfinished.isEmpty)
        #expect(Array(replay.leases.keys) == [Story.lease(4)])
    }

    @Test func `grants nothing by an outcome whose intent is of another boot`() {
        var story = Story()
        story.add(story.record(.intent, 1, by: 1, isMade: false))
        story = Self.restarted(story)
        story.add(story.record(.outcome, 1, by: 1, result: .ok))
        #expect(story.replayed().leases.isEmpty)
    }
}
