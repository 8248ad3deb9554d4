import MIG
import Policy
import Testing

@Suite struct PermitTests {
    private func permit(_ action: Action, _ target: Target) throws -> Permit {
        let policy = try policy(
            allow: """
                { "id": "x", "who": { "users": [1] }, "gpus": ["0", "1"],
                  "actions": ["\(action.rawValue)"] }
                """,
            limits: #"{ "id": "l", "who": { "users": [1] }, "scope": "user", "leaseMax": "8h", "leaseDefault": "2h" }"#)
        return try policy.authorize(
            Query(principal: caller(1), action: action, target: target), use: [], now: noon)
    }

    private func uuid(_ index: Int) throws -> GPUUUID { try gpu(index).uuid }

    @Test func `leave to create is leave for the very instances that were asked, on allowed GPUs`() throws {
        let demands = [try demand("1g.5gb", gpus(0, 2)), try demand("3g.20gb", gpus(0, 1))]
        let permit = try permit(.request, .instances(demands))
        func member(_ profile: String, _ index: Int) throws -> Permit.Member {
            Permit.Member(profile: profile, gpu: try uuid(index))
        }
        let good = permit.covers(.create([try member("1g.5gb", 0), try member("3g.20gb", 1)]))
        #expect(good)
        let bad: [Permit.Change] = [
            .create([]),
            .create([try member("1g.5gb", 0)]),
            .create([try member("1g.5gb", 2), try member("3g.20gb", 1)]),
            .create([try member("3g.20gb", 0), try member("1g.5gb", 1)]),
            .create([try member("1g.5gb", 0), try member("7g.40gb", 1)]),
            .create([try member("1g.5gb", 0), try member("3g.20gb", 1), try member("1g.5gb", 0)]),
            .createCompute(on: try uuid(0)), .end(on: try uuid(0)), .setMode(on: try uuid(0)), .repairNodes,
            .renew(on: try uuid(0), for: TimeSpan(seconds: 1)),
        ]
        for change in bad {
            let isCovered = permit.covers(change)
            #expect(!isCovered, "\(change)")
        }
    }

    @Test(arguments: [Action.releaseOwn, .releaseAny, .destroyOwnGPUInstance, .destroyAnyComputeInstance])
    func `leave to end is leave for that GPU and nothing else`(_ action: Action) throws {
        let permit = try permit(action, .instances([try demand("1g.5gb", gpus(1))]))
        let here = permit.covers(.end(on: try uuid(1)))
        let elsewhere = permit.covers(.end(on: try uuid(0)))
        let creating = permit.covers(.create([Permit.Member(profile: "1g.5gb", gpu: try uuid(1))]))
        let mode = permit.covers(.setMode(on: try uuid(1)))
        #expect(here && !elsewhere && !creating && !mode)
    }

    @Test func `leave to renew ends where the limits end it`() throws {
        let permit = try permit(.renewOwn, .instances([try demand("1g.5gb", gpus(1))]))
        let granted = permit.covers(.renew(on: try uuid(1), for: TimeSpan(seconds: 7200)))
        let longer = permit.covers(.renew(on: try uuid(1), for: TimeSpan(seconds: 7201)))
        let elsewhere = permit.covers(.renew(on: try uuid(0), for: TimeSpan(seconds: 7200)))
        #expect(granted && !longer && !elsewhere)
    }

    @Test func `leave for a mode change names its GPUs`() throws {
        let permit = try permit(.setMode, .gpus(try gpus(1)))
        let here = permit.covers(.setMode(on: try uuid(1)))
        let elsewhere = permit.covers(.setMode(on: try uuid(0)))
        let ending = permit.covers(.end(on: try uuid(1)))
        #expect(here && !elsewhere && !ending)
    }

    @Test func `leave to read is leave for no change`() throws {
        let permit = try permit(.releaseOwn, .instances([try demand("1g.5gb", gpus(0))]))
        let repairing = permit.covers(.repairNodes)
        #expect(!repairing)
        let policy = try policy(allow: #"{ "id": "x", "who": { "users": [1] }, "actions": ["read.all"] }"#)
        let reading = try policy.authorize(
            Query(principal: caller(1), action: .readAll, target: .gpus(try gpus(0))), use: [], now: noon)
        for change in [Permit.Change.end(on: try uuid(0)), .setMode(on: try uuid(0)), .repairNodes, .create([])] {
            let isCovered = reading.covers(change)
            #expect(!isCovered)
        }
    }

    @Test(arguments: [Permit.RepairReason.expiry, .undo, .recovery, .revocation])
    func `the broker's own leave ends and repairs and never creates`(_ reason: Permit.RepairReason) throws {
        let permit = PolicySet.repairPermit(reason)
        for change in [Permit.Change.end(on: try uuid(3)), .repairNodes] {
            let isCovered = permit.covers(change)
            #expect(isCovered)
        }
        let creating: [Permit.Change] = [
            .create([]), .create([Permit.Member(profile: "1g.5gb", gpu: try uuid(0))]), .createCompute(on: try uuid(0)),
            .renew(on: try uuid(0), for: TimeSpan(seconds: 1)), .setMode(on: try uuid(0)),
        ]
        for change in creating {
            let isCovered = permit.covers(change)
            #expect(!isCovered, "\(change)")
        }
    }

    @Test func `what is denied gives no leave`() throws {
        #expect(throws: Denial(action: .request, profile: "1g.5gb", reason: .noRule)) {
            _ = try self.permit(.request, .instances([try demand("1g.5gb", gpus(2))]))
        }
        #expect(throws: Denial(action: .request, profile: nil, reason: .noRule)) {
            _ = try self.permit(.request, .broker)
        }
    }
}
