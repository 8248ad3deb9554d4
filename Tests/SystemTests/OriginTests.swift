import JSON
import Linux
import MIG
import TestSupport
import Testing

/// Where somebody calls from is read for a decision only where the policy asks, and everything about him for a record.
@Suite("Where a caller runs", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct OriginTests {
    static let policy = """
        { "version": 1,
          "allow": [
            { "id": "on-host", "who": { "users": ["alice"] }, "actions": ["read.own"], "from": "host" },
            { "id": "inside", "who": { "users": ["bob"] }, "actions": ["read.own", "request"], "from": "container" },
            { "id": "anywhere", "who": { "users": ["carol", "dave"] }, "actions": ["read.own", "request"] },
            { "id": "root", "who": { "users": ["root"] }, "actions": ["read.own", "policy.reload"] } ],
          "deny": [
            { "id": "not-inside", "who": { "users": ["dave"] }, "actions": ["read.own"], "from": "container" } ] }
        """

    private func gpus(_ stage: Stage, as person: Stage.Person, inContainer: Bool) throws -> Int32 {
        if !inContainer { return try stage.migctl(["gpus"], as: person).code }
        let words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "setpriv"]
        let identity = ["--reuid", "\(person.uid)", "--regid", "\(person.gid)", "--clear-groups", "--"]
        return try stage.run(
            words + identity + ["\(stage.path)/bin/migctl", "--root", stage.broker, "gpus"], as: Stage.root
        ).code
    }

    @Test func `rules with from decide reads on every connection anew, on the host and in a container`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon()
        // In turns: what was found out of one connection must not answer for the next one.
        for _ in 0..<2 {
            for (person, onHost, inside) in [
                (Stage.alice, 0, 3), (Stage.bob, 3, 0), (Stage.carol, 0, 0), (Stage.dave, 0, 3),
            ] as [(Stage.Person, Int32, Int32)] {
                #expect(try gpus(stage, as: person, inContainer: false) == onHost, "\(person.name) on the host")
                #expect(try gpus(stage, as: person, inContainer: true) == inside, "\(person.name) in a container")
            }
        }
        let denied = try stage.records("denied")
        #expect(denied.contains { $0["user"]?.stringValue == "alice" && $0["origin"]?.stringValue == "container" })
        #expect(denied.contains { $0["user"]?.stringValue == "bob" && $0["origin"]?.stringValue == "host" })
        _ = daemon
    }

    @Test func `records of changes and of denials say which process it was, from rules or not`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.carol).code == 0)
        #expect(try stage.migctl(["leases", "--all"], as: Stage.carol).code == 3)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 3)
        let loginuid = try stage.run(["cat", "/proc/self/loginuid"], as: Stage.carol).output
        let groups = try stage.run(["cat", "/proc/self/cgroup"], as: Stage.carol).output
        for (type, method, user) in [
            ("intent", "Request", "carol"), ("outcome", "Request", "carol"), ("denied", "ListLeases", "carol"),
            ("denied", "Request", "bob"),
        ] {
            let record = try #require(
                try stage.records(type).last {
                    $0["user"]?.stringValue == user && $0["method"]?.stringValue == method
                }, "\(type) \(method) \(user)")
            #expect(record["comm"]?.stringValue == "migctl", "\(type) \(method)")
            let cgroup = try #require(record["cgroup"]?.stringValue, "\(type) \(method)")
            #expect(groups.contains(":\(cgroup)\n"), "\(type) \(method): \(cgroup)")
            #expect(record["origin"]?.stringValue == "host", "\(type) \(method)")
            #expect((record["loginuid"]?.integerValue).map { "\($0)" } ?? "4294967295" == loginuid)
        }
        _ = daemon
    }

    @Test func `a policy that is replaced holds at once for connections that are open`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon()
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])
            def ask(message):
                s.sendall(bytes.fromhex(message)); said = b""
                while not said.endswith(b"\\0"): said += s.recv(65536)
                print("error" if b'"error"' in said else "reply")
            ask(sys.argv[2]); ask(sys.argv[2])
            open(sys.argv[4], "w").write('{ "version": 1 }')
            ask(sys.argv[3]); ask(sys.argv[2])
            """
        let ran = try stage.run(
            [
                "python3", "-c", script, stage.socket, Hex.text(of: Stage.call("ListGPUs")),
                Hex.text(of: Stage.call("ReloadPolicy")), stage.policy,
            ], as: Stage.root)
        #expect(ran.output == "reply\nreply\nreply\nerror\n", "\(ran.errors)")
        _ = daemon
    }
}
