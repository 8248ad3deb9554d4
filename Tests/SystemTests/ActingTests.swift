import Audit
import JSON
import Linux
import TestSupport
import Testing

/// One user who acts for another: only with the right to it, by the other's rights and limits, and on record with both
/// (threat T5 of facts/security.md).
@Suite("Acting for another", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct ActingTests {
    /// dave may act for others and has no right to slices of his own.
    private static let policy = """
        { "version": 1,
          "allow": [ { "id": "desk", "who": { "users": ["dave"] }, "actions": ["act-as", "read.own", "read.all"] },
                     { "id": "slices", "who": { "groups": ["ml"] },
                       "actions": ["read.own", "request", "renew.own", "release.own"], "profiles": ["1g.5gb", "2g.10gb"] },
                     { "id": "root", "who": { "users": ["root"] },
                       "actions": ["read.own", "read.all", "request", "release.any", "audit.read", "policy.reload", "act-as"] } ],
          "deny": [ { "id": "not-bob", "who": { "users": ["bob"] }, "actions": ["renew.own"] } ],
          "limits": [ { "id": "each", "who": { "groups": ["ml"] }, "scope": "user", "instances": 2, "leaseDefault": "1h" } ] }
        """

    @Test func `a lease made for another is his in every respect, and both are on record`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon()
        let made = try stage.migctl(["-q", "request", "1g.5gb", "--as", "alice"], as: Stage.dave)
        #expect(made.code == 0, "\(made.errors)")
        let ids = try stage.leases(of: Stage.alice)
        #expect(ids.count == 1)
        #expect(try stage.leases(of: Stage.dave) == [])
        for node in try stage.nodes(of: Stage.alice).joined() {
            #expect(try stage.opens(node, as: Stage.alice) == .allowed)
            #expect(try stage.opens(node, as: Stage.dave) == .refused)
        }
        for type in ["intent", "outcome"] {
            let record = try #require(try stage.records(type).last)
            #expect(record["uid"]?.integerValue == 2004 && record["user"]?.stringValue == "dave")
            #expect(record["onBehalfOf"]?.integerValue == 2001)
            #expect(record["onBehalfOfUser"]?.stringValue == "alice")
            let rules = (record["rules"]?.arrayValue ?? []).compactMap(\.stringValue)
            #expect(rules == ["desk", "slices", "each"], "\(rules)")
            #expect(record["groups"]?.arrayValue?.compactMap(\.integerValue) == [3001])
        }
        // It counts against her limit, whoever asks for the next.
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        let third = try stage.migctl(["request", "1g.5gb", "--as", "alice"], as: Stage.dave)
        #expect(third.code == 6)
        #expect(third.errors.contains("limit each allows 2 instances"), "\(third.errors)")
        // Both renew it and give it back, and a restart knows whose it is from the log alone.
        #expect(try stage.migctl(["renew", ids[0], "--as", "alice", "--for", "1h"], as: Stage.dave).code == 0)
        daemon.end()
        try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json")
        let next = try stage.startDaemon()
        #expect(try stage.leases(of: Stage.alice).count == 2)
        let released = try stage.migctl(["release", "--all", "--as", "alice"], as: Stage.dave)
        #expect(released.code == 0, "\(released.errors)")
        #expect(try stage.machine().instances == 0)
        let end = try #require(try stage.records("lease-end").last)
        #expect(end["user"]?.stringValue == "dave" && end["onBehalfOfUser"]?.stringValue == "alice")
        #expect(try stage.violations() == [])
        _ = next
    }

    @Test func `who has not the right is refused before anything is looked up, and the other's rights decide`() throws {
        let stage = try Stage(policy: Self.policy)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        let bobs = try #require(try stage.leases(of: Stage.bob).first)
        func call(_ method: String, _ name: String) -> [UInt8] {
            let parameters =
                switch method {
                case "Request": #"{"profiles":["1g.5gb"],"onBehalfOf":"\#(name)"}"#
                case "Renew": #"{"lease":"\#(bobs)","onBehalfOf":"\#(name)"}"#
                default: #"{"leases":["\#(bobs)"],"onBehalfOf":"\#(name)"}"#
                }
            return Stage.call(method, parameters)
        }
        // Without the right: the same words for one who is there and one who is not.
        for name in ["bob", "root", "nobody-of-that-name", "0", "-1", "2002"] {
            for method in ["Request", "Renew", "Release"] {
                let answer = try stage.exchange(call(method, name), as: Stage.alice)
                #expect(answer.error == "NotAuthorized", "\(method) \(name): \(answer)")
                #expect("\(answer)".contains("no rule allows act-as"), "\(method) \(name): \(answer)")
            }
        }
        let denial = try #require(try stage.records("denied").first { $0["error"]?.stringValue == "NotAuthorized" })
        #expect(denial["uid"]?.integerValue == 2001)
        #expect(denial["params"]?.stringValue == "on behalf of bob")
        // With it: only who is there, never root, and nothing that the other could not have himself.
        let table: [(name: String, method: String, error: String)] = [
            ("nobody-of-that-name", "Request", "NotFound"), ("2001", "Request", "NotFound"),
            ("root", "Request", "NotAuthorized"), ("root", "Release", "NotAuthorized"),
            ("carol", "Request", "NotAuthorized"), ("bob", "Renew", "NotAuthorized"), ("alice", "Release", "NotFound"),
            ("alice", "Renew", "NotFound"),
        ]
        for row in table {
            let answer = try stage.exchange(call(row.method, row.name), as: Stage.dave)
            #expect(answer.error == row.error, "\(row): \(answer)")
        }
        for name in ["", "a\\u0000b", "a\\u001b[2J", String(repeating: "x", count: 129)] {
            let answer = try stage.exchange(call("Request", name), as: Stage.dave)
            #expect(
                answer.invalidParameter == "onBehalfOf" || answer == .closed || answer.error != nil,
                "\(name): \(answer)")
        }
        // He himself still may nothing, and his own name is himself.
        #expect(try stage.exchange(call("Request", "dave"), as: Stage.dave).error == "NotAuthorized")
        #expect(try stage.leases(of: Stage.bob) == [bobs])
        #expect(try stage.machine().instances == 1)
        // A key is the caller's, and the same words for another are another call.
        let keyed = { (name: String) in
            Stage.call("Request", #"{"profiles":["1g.5gb"],"key":"k","onBehalfOf":"\#(name)"}"#)
        }
        let first = try stage.exchange(keyed("alice"), as: Stage.dave)
        let again = try stage.exchange(keyed("alice"), as: Stage.dave)
        #expect(first.reply?["operation"] != nil && first.reply?["operation"] == again.reply?["operation"])
        #expect(try stage.exchange(keyed("bob"), as: Stage.dave).invalidParameter == "key")
        #expect(try stage.machine().instances == 2)
        // root may act for anybody, himself included.
        #expect(try stage.migctl(["request", "1g.5gb", "--as", "bob"], as: Stage.root).code == 0)
        #expect(try stage.leases(of: Stage.bob).count == 2)
        #expect(try stage.violations() == [])
        _ = daemon
    }
}
