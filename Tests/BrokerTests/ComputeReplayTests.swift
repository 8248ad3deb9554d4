import MIG
import Testing

@testable import Audit
@testable import Broker

@Suite("The log of compute instances and modes, read again")
struct ComputeReplayTests {
    private static func lease(_ replay: Replay) -> Lease? { replay.leases[Story.lease(1)] }

    private static func ids(_ replay: Replay) -> [UInt32]? { lease(replay)?.computeInstances.map(\.id.rawValue) }

    @Test func `a lease that was made without a compute instance is one`() {
        var story = Story()
        story.grantEmpty(1, by: 1)
        #expect(Self.ids(story.replayed()) == [])
        #expect(Self.lease(story.replayed())?.device == nil)
    }

    @Test func `a lease gets compute instances and loses some`() {
        var story = Story()
        story.grantEmpty(1, by: 1)
        story.addCompute([0, 1, 2], to: 1, by: 2)
        #expect(Self.ids(story.replayed()) == [0, 1, 2])
        #expect(Self.lease(story.replayed())?.computeInstances.map(\.device) == [0, 1, 2].map(Story.device))
        story.add(story.compute(.intent, 1, in: 1, by: 3, ending: true))
        #expect(Self.ids(story.replayed()) == [0, 1, 2])
        story.add(story.compute(.outcome, 1, in: 1, by: 3, ending: true, result: .ok))
        #expect(Self.ids(story.replayed()) == [0, 2])
        #expect(story.replayed().unfinished.isEmpty)
        #expect(story.replayed().changes.map(\.state) == [.done, .done, .done])
    }

    @Test(arguments: [AuditResult.failed, .undone])
    func `a creation that failed gives no compute instance`(_ result: AuditResult) {
        var story = Story()
        story.grant(1, by: 1)
        story.add(story.compute(.intent, 1, in: 1, by: 2))
        story.add(story.compute(.outcome, 1, in: 1, by: 2, result: result))
        #expect(Self.ids(story.replayed()) == [0])
        #expect(story.replayed().unfinished.isEmpty)
    }

    @Test func `an end that failed takes no compute instance`() {
        var story = Story()
        story.grant(1, by: 1)
        story.add(story.compute(.intent, 0, in: 1, by: 2, ending: true))
        story.add(story.compute(.outcome, 0, in: 1, by: 2, ending: true, result: .failed))
        #expect(Self.ids(story.replayed()) == [0])
    }

    @Test(arguments: [(AuditResult.ok, []), (.failed, [0])] as [(AuditResult, [UInt32])])
    func `an end that broke off takes what the next start found gone`(_ found: (result: AuditResult, left: [UInt32])) {
        var story = Story()
        story.grant(1, by: 1)
        story.add(story.compute(.intent, 0, in: 1, by: 2, ending: true))
        #expect(story.replayed().unfinished.map(\.kind) == [.computeEnd])
        #expect(Self.ids(story.replayed()) == [0])
        story.add(story.compute(.recovered, 0, in: 1, by: 2, ending: true, result: found.result))
        #expect(Self.ids(story.replayed()) == found.left)
        #expect(story.replayed().unfinished.isEmpty)
    }

    @Test func `an end of which nobody could see what came of it is not ended yet`() {
        var story = Story()
        story.grant(1, by: 1)
        story.add(story.compute(.intent, 0, in: 1, by: 2, ending: true))
        story.add(story.compute(.outcome, 0, in: 1, by: 2, ending: true, result: .leftBehind))
        #expect(story.replayed().unfinished.map(\.kind) == [.computeEnd])
        story.add(story.compute(.recovered, 0, in: 1, by: 2, ending: true, result: .ok))
        #expect(Self.ids(story.replayed()) == [] && story.replayed().unfinished.isEmpty)
    }

    @Test func `several begun in one request are told apart by their places`() {
        var story = Story()
        story.grantEmpty(1, by: 1)
        for ci in [0, 1, 2] as [UInt32] { story.add(story.compute(.intent, ci, in: 1, by: 2)) }
        var unfinished = story.replayed().unfinished
        #expect(unfinished.map(\.kind) == [.computeCreation, .computeCreation, .computeCreation])
        #expect(unfinished.compactMap(\.intent.placement?.start) == [0, 1, 2])
        story.add(story.compute(.recovered, 1, in: 1, by: 2, result: .undone))
        unfinished = story.replayed().unfinished
        #expect(unfinished.compactMap(\.intent.placement?.start) == [0, 2])
        #expect(unfinished.allSatisfy { !$0.isTorn })
    }

    @Test func `what was torn of a request is to be taken back with the rest`() {
        var story = Story()
        story.grantEmpty(1, by: 1)
        for ci in [0, 1] as [UInt32] { story.add(story.compute(.intent, ci, in: 1, by: 2)) }
        story.add(story.compute(.outcome, 0, in: 1, by: 2, result: .ok))
        let replay = story.replayed()
        #expect(replay.unfinished.map(\.isTorn) == [false, true])
        #expect(replay.unfinished.last?.intent.placement?.start == 0)
        #expect(Self.ids(replay) == [0])
    }

    @Test func `what was torn is not taken for what is made in its place later`() {
        var story = Story()
        story.grantEmpty(1, by: 1)
        for ci in [0, 1] as [UInt32] { story.add(story.compute(.intent, ci, in: 1, by: 2)) }
        story.add(story.compute(.outcome, 0, in: 1, by: 2, result: .ok))
        // The next start takes both back, and says so.
        story.add(story.compute(.recovered, 1, in: 1, by: 2, result: .undone))
        story.add(story.compute(.intent, 0, in: 1, by: 3, ending: true))
        story.add(story.compute(.outcome, 0, in: 1, by: 3, ending: true, result: .ok))
        #expect(Self.ids(story.replayed()) == [])
        story.addCompute([0], to: 1, by: 4)
        #expect(Self.ids(story.replayed()) == [0] && story.replayed().unfinished.isEmpty)
    }

    @Test func `another tool's hand takes a compute instance from its lease`() {
        var story = Story()
        story.grantEmpty(1, by: 1)
        story.addCompute([0, 1], to: 1, by: 2)
        var record = story.compute(.externalChange, 0, in: 1, by: 3)
        record.method = "Reconcile"
        story.add(record)
        #expect(Self.ids(story.replayed()) == [1])
        // One without a lease is nobody's here.
        record.lease = nil
        record.ci = ComputeInstanceID(1)
        story.add(record)
        #expect(Self.ids(story.replayed()) == [1])
    }

    @Test func `ends of what has no lease are known until they have an end`() {
        var story = Story()
        var instance = story.record(.intent, 5, by: 1, method: "DestroyGPUInstances")
        instance.lease = nil
        var compute = story.compute(.intent, 0, in: 6, by: 2, ending: true)
        compute.lease = nil
        story.add(instance)
        story.add(compute)
        #expect(story.replayed().unfinished.map(\.kind) == [.externalEnd, .computeEnd])
        instance.type = .outcome
        instance.result = .ok
        compute.type = .recovered
        compute.result = .failed
        story.add(instance)
        story.add(compute)
        #expect(story.replayed().unfinished.isEmpty && story.replayed().leases.isEmpty)
    }

    @Test(arguments: [AuditResult.ok, .pending, .failed, .undone])
    func `a change of modes has one end for each GPU`(_ result: AuditResult) {
        var story = Story()
        story.add(story.mode(.intent, by: 1))
        #expect(story.replayed().unfinished.map(\.kind) == [.mode])
        #expect(story.replayed().unfinished.first?.intent.params.map(ModeWish.enables) == true)
        story.add(story.mode(.outcome, by: 1, result: result))
        #expect(story.replayed().unfinished.isEmpty && story.replayed().leases.isEmpty)
        #expect(story.replayed().changes.map(\.state) == [[.ok, .pending].contains(result) ? .done : .failed])
    }

    @Test func `nothing of it is taken up after the machine was restarted`() {
        var story = Story()
        story.grant(1, by: 1)
        story.add(story.compute(.intent, 1, in: 1, by: 2))
        story.add(story.compute(.intent, 0, in: 1, by: 3, ending: true))
        story.add(story.mode(.intent, by: 4))
        story.boot = "boot-2"
        story.uptime = 10
        story.add(AuditRecord(.start))
        let replay = story.replayed()
        #expect(replay.unfinished.isEmpty && replay.leases.isEmpty)
        #expect(replay.cutOff.map(\.kind) == [.computeCreation, .computeEnd, .mode])
        #expect(Array(replay.lost.keys) == [Story.lease(1)])
    }

    @Test func `a checkpoint between changes nothing`() throws {
        var story = Story()
        story.grantEmpty(1, by: 1)
        story.addCompute([0, 1, 2], to: 1, by: 2)
        let known = story.replayed()
        let head = AuditHead(seq: 8, hash: AuditFormat.genesis, segment: "", offset: 0)
        let checkpoint = Checkpoint(
            head: head, boot: Story.firstBoot, leases: Array(known.leases.values), changes: known.changes)
        var later = Story()
        later.add(later.compute(.intent, 2, in: 1, by: 3, ending: true))
        later.add(later.compute(.outcome, 2, in: 1, by: 3, ending: true, result: .ok))
        #expect(Self.ids(later.replayed(after: checkpoint)) == [0, 1])
    }
}

extension Story {
    static func device(_ ci: UInt32) -> MIGUUID {
        guard let device = MIGUUID("MIG-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f\(ci)") else {
            preconditionFailure("a test's own UUID is well-formed")
        }
        return device
    }

    /// Intent and outcome of a GPU instance that is made without a compute instance.
    mutating func grantEmpty(_ lease: UInt8, by operation: UInt8) {
        add(record(.intent, lease, by: operation, method: "CreateGPUInstances", isMade: false))
        var outcome = record(.outcome, lease, by: operation, method: "CreateGPUInstances", result: .ok)
        outcome.ci = nil
        outcome.device = nil
        add(outcome)
    }

    /// Intents and outcomes of compute instances that are made in one request, each in the slice of its number.
    mutating func addCompute(_ cis: [UInt32], to lease: UInt8, by operation: UInt8) {
        for ci in cis { add(compute(.intent, ci, in: lease, by: operation)) }
        for ci in cis { add(compute(.outcome, ci, in: lease, by: operation, result: .ok)) }
    }

    /// A record of a compute instance in a lease's GPU instance.
    func compute(
        _ type: AuditRecordType, _ ci: UInt32, in lease: UInt8, by operation: UInt8, ending: Bool = false,
        result: AuditResult? = nil
    ) -> AuditRecord {
        let method = ending ? "DestroyComputeInstances" : "CreateComputeInstances"
        var record = record(type, lease, by: operation, method: method, result: result, isMade: false)
        record.gi = GPUInstanceID(UInt32(lease))
        record.profile = "1c.3g.20gb"
        record.placement = Placement(start: Int(ci), size: 1)
        // What is made has no number before it is.
        if ending || type == .outcome || type == .externalChange {
            record.ci = ComputeInstanceID(ci)
            record.device = Self.device(ci)
        }
        return record
    }

    /// A record of a change of a GPU's mode.
    func mode(_ type: AuditRecordType, by operation: UInt8, result: AuditResult? = nil) -> AuditRecord {
        var record = record(type, 1, by: operation, method: "SetMIGMode", result: result, isMade: false)
        record.lease = nil
        record.profile = nil
        record.placement = nil
        record.params = "enabled on 0"
        return record
    }
}
