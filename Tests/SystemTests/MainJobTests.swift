import JSON
import Linux
import TestSupport
import Testing

/// The policy that most tests of the whole system use.
enum LabPolicy {
    static let text = """
        {
          "version": 1,
          "allow": [
            // Everybody in ml may take slices; auditors may read all records.
            { "id": "ml-slices", "who": { "groups": ["ml"] },
              "actions": ["read.own", "request", "renew.own", "release.own"],
              "profiles": ["1g.5gb", "2g.10gb", "3g.20gb"] },
            { "id": "auditors-read", "who": { "groups": ["auditors"] }, "actions": ["read.own", "read.all", "audit.read"] },
            { "id": "root-on-host", "who": { "users": ["root"] }, "from": "host",
              "actions": ["read.own", "read.all", "request", "renew.any", "release.own", "release.any", "audit.read",
                          "policy.read", "policy.reload", "gi.create", "gi.destroy.own", "gi.destroy.any", "ci.create", "ci.destroy.own", "ci.destroy.any", "mode.set"] }
          ],
          "limits": [
            { "id": "ml-each", "who": { "groups": ["ml"] }, "scope": "user", "instances": 2, "slices": 4,
              "leaseDefault": "2h", "leaseMax": "8h", "renewals": 3 }
          ]
        }
        """
}

@Suite("The main job", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct MainJobTests {
    @Test func `a user gets a slice that only he can open, and it ends with his release`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let granted = try stage.migctl(["--json", "request", "3g.20gb"], as: Stage.alice)
        #expect(granted.code == 0, "\(granted.errors)")
        let nodes = try #require(try stage.nodes(of: Stage.alice).first)

        #expect(nodes.count == 2)
        for node in nodes {
            #expect(try stage.opens(node, as: Stage.alice) == .allowed)
            #expect(try stage.opens(node, as: Stage.bob) == .refused)
            #expect(try stage.opens(node, as: Stage.carol) == .refused)
            #expect(try Files.attributes(node).mode == 0o440)
        }

        let released = try stage.migctl(["release", "--all"], as: Stage.alice)
        #expect(released.code == 0, "\(released.errors)")
        for node in nodes {
            #expect(try stage.opens(node, as: Stage.alice) == .refused)
            #expect(try Files.attributes(node).mode == 0o400)
        }
        #expect(try stage.machine().instances == 0)
        #expect(try daemon.stop() == .exited(0))
    }

    @Test func `each change tells what was on the GPU before it and what is after it`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "3g.20gb"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        func states(_ type: String, _ key: String) throws -> [String?] {
            try stage.records(type).map { $0[key]?.stringValue }
        }
        let (before, after) = (try states("intent", "before"), try states("outcome", "after"))
        #expect(before.first == "mig=on")
        let first = try #require(after.first ?? nil)
        #expect(first.firstMatch(of: /^mig=on 3g\.20gb@[04]:4#[0-9]+\/0$/) != nil, "\(first)")
        // What one change leaves the next one finds.
        #expect(before.count == 3 && before.dropFirst() == after.dropLast())
        let last = try #require(after.last ?? nil)
        #expect(last.firstMatch(of: /^mig=on 1g\.5gb@[0-9]:1#[0-9]+\/0$/) != nil, "\(last)")
        #expect(try states("lease-end", "after") == [last])
        _ = daemon
    }

    @Test func `who is not in the group is told which rule is missing, and nothing happens`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let denied = try stage.migctl(["request", "3g.20gb"], as: Stage.carol)
        #expect(denied.code == 3)
        #expect(denied.output == "")
        #expect(denied.errors.contains("no rule allows request of 3g.20gb"))
        #expect(try stage.machine().instances == 0)
        _ = daemon
    }

    @Test func `the group must be in the login session and in the database`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "lookupCacheSeconds=1"])
        // In the database, but not in the session's credentials.
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice.without(group: Stage.ml)).code == 3)
        // In the credentials, but not in the database.
        let stranger = Stage.Person("carol", uid: 2003, gid: 2003, groups: [Stage.ml])
        #expect(try stage.migctl(["request", "1g.5gb"], as: stranger).code == 3)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        // Taken out of the group, he loses it although his session still has it.
        try stage.setMembers(["bob"], ofGroup: "ml")
        Clock.sleep(milliseconds: 1200)
        let second = try stage.migctl(["request", "1g.5gb"], as: Stage.alice)
        #expect(second.code == 3, "\(second.output)\(second.errors)")
        _ = daemon
    }

    @Test func `a quota is reached with the limit's name, and freed by a release`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb", "1g.5gb"], as: Stage.alice).code == 0)
        let third = try stage.migctl(["request", "1g.5gb"], as: Stage.alice)
        #expect(third.code == 6)
        #expect(third.errors.contains("ml-each"))
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        let long = try stage.migctl(["request", "1g.5gb", "--for", "9h"], as: Stage.alice)
        #expect(long.code == 6)
        _ = daemon
    }

    @Test func `nobody sees or ends another's lease without the right to it`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "2g.10gb"], as: Stage.alice).code == 0)
        let lease = try #require(try stage.leases(of: Stage.alice).first)
        let foreign = try stage.migctl(["release", lease], as: Stage.bob)
        #expect(foreign.code == 4)
        let unknown = try stage.migctl(["release", String(repeating: "0", count: 32)], as: Stage.bob)
        #expect(unknown.code == 4)
        // What is another's and what does not exist look alike, but for the id that was asked for.
        #expect(
            foreign.errors.replacing(lease, with: "ID")
                == unknown.errors.replacing(String(repeating: "0", count: 32), with: "ID"))
        #expect(try stage.leases(of: Stage.bob) == [])
        #expect(try stage.migctl(["release", "--yes", lease], as: Stage.root).code == 0)
        #expect(try stage.leases(of: Stage.alice) == [])
        _ = daemon
    }

    @Test func `a lease ends on its time, and its owner's access with it`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb", "--for", "2s"], as: Stage.alice).code == 0)
        let nodes = try #require(try stage.nodes(of: Stage.alice).first)
        try daemon.waitUntil("the lease has ended") { try stage.machine().instances == 0 }
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .refused) }
        let shown = try stage.migctl(["--json", "audit", "show"], as: Stage.alice)
        #expect(shown.output.contains(#""reason":"expired""#))
    }

    @Test func `leases survive a restart, by the log and by the checkpoint`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let first = try stage.startDaemon()
        #expect(try stage.migctl(["request", "3g.20gb", "--name", "mine"], as: Stage.alice).code == 0)
        let before = try stage.migctl(["--json", "leases"], as: Stage.alice).output
        first.end()
        // Without the checkpoint the log alone must give the lease back.
        try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json")
        let second = try stage.startDaemon()
        #expect(try stage.migctl(["--json", "leases"], as: Stage.alice).output == before)
        #expect(try second.stop() == .exited(0))
        #expect(Files.exists("\(stage.broker)/var/lib/migbroker/checkpoint.json"))
        let third = try stage.startDaemon()
        #expect(try stage.migctl(["--json", "leases"], as: Stage.alice).output == before)
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave).code == 0)
        #expect(try stage.machine().instances == 1)
        // Each start is on record with its driver; the one that was killed has no stop.
        let starts = try stage.records("start")
        #expect(starts.count == 3)
        #expect(starts.allSatisfy { $0["params"]?.stringValue?.hasPrefix("driver 580.105.08, ") == true })
        #expect(try stage.records("stop").count == 1)
        _ = third
    }

    @Test func `an auditor sees who did what, and a user sees his own`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        #expect(try stage.migctl(["request", "7g.40gb"], as: Stage.carol).code == 3)
        let all = try stage.migctl(["--json", "audit", "show"], as: Stage.dave).output
        for name in ["alice", "bob", "carol"] { #expect(all.contains("\"user\":\"\(name)\"")) }
        let own = try stage.migctl(["--json", "audit", "show"], as: Stage.alice).output
        #expect(own.contains("\"user\":\"alice\""))
        #expect(!own.contains("\"user\":\"bob\""))
        #expect(try stage.migctl(["audit", "show", "--user", "bob"], as: Stage.alice).code == 3)
        #expect(try stage.migctl(["audit", "verify"], as: Stage.alice).code == 3)
        _ = daemon
    }
}
