import JSON
import Linux
import MIG
import TestSupport
import Testing

/// Every bound of `Bounds`, met by the real daemon at its edge and one past it.
@Suite(
    "The bounds", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .enabled(if: Command.exists("python3"), "needs python3"), .serialized)
struct BoundsTests {
    enum Row: Sendable {
        case here(@Sendable (Stage) throws -> Void)
        /// In a suite of its own, for what it takes to get there.
        case elsewhere(String)
    }

    static let table: [String: Row] = [
        "callBytes": .here { stage in
            try stage.meet(["callBytes=300"], padded(to: 300), padded(to: 301))
        },
        "replyBytes": .here { stage in
            let call = Stage.call(
                "org.varlink.service.GetInterfaceDescription", #"{"interface":"io.migbroker.Broker"}"#)
            var daemon = try stage.startDaemon()
            let reply = try #require(try stage.exchange(call, as: Stage.carol).reply)
            let length = #"{"parameters":}"#.utf8.count + reply.bytes().count
            for (bound, error) in [(length, nil), (length - 1, "TooManyRequests")] {
                daemon.end()
                daemon = try stage.startDaemon(["--limit", "replyBytes=\(bound)"])
                #expect(try stage.exchange(call, as: Stage.carol).error == error)
            }
        },
        "depth": .here { stage in
            // The message and its parameters are two levels.
            func nested(_ depth: Int) -> String {
                String(repeating: "[", count: depth - 2) + String(repeating: "]", count: depth - 2)
            }
            try stage.meet(["depth=8"], unknown(nested(8)), unknown(nested(9)))
        },
        "keysPerObject": .here { stage in
            func object(_ count: Int) -> String { "{\((0..<count).map { "\"\($0)\":0" }.joined(separator: ","))}" }
            try stage.meet(["keysPerObject=12"], unknown(object(12)), unknown(object(13)))
        },
        "stringBytes": .here { stage in
            func text(_ count: Int) -> String { "\"\(String(repeating: "a", count: count))\"" }
            try stage.meet(["stringBytes=200"], unknown(text(200)), unknown(text(201)))
        },
        "connections": .here { stage in
            try stage.connect(["connections=5", "connectionsForRoot=1"], [(2001, 5), (0, 2)], arePresent: [4, 1])
        },
        "connectionsPerUser": .here { stage in
            try stage.connect(["connectionsPerUser=3"], [(2001, 4), (2002, 1)], arePresent: [3, 1])
        },
        "connectionsForRoot": .here { stage in
            try stage.connect(["connections=5", "connectionsForRoot=2"], [(2001, 4), (0, 3)], arePresent: [3, 2])
        },
        "messageSeconds": .here { stage in
            try stage.wait(["messageSeconds=2"], "[")
        },
        "idleSeconds": .here { stage in
            try stage.wait(["idleSeconds=2"], "")
        },
        "outputBytes": .elsewhere("ServerBoundsTests, of a stream; FloodTests, of deaf monitors"),
        "changesPerSecond": .here { stage in
            let errors = try stage.changes(["changeBurst=1", "changesPerSecond=2"], pauses: [0, 600, 0])
            #expect(errors == [nil, nil, "TooManyRequests"])
        },
        "changeBurst": .here { stage in
            let errors = try stage.changes(["changeBurst=3", "changesPerSecond=1"], pauses: [0, 0, 0, 0])
            #expect(errors == [nil, nil, nil, "TooManyRequests"])
        },
        "lookupSeconds": .elsewhere("UserDatabaseTests, while a look-up hangs"),
        "lookupCacheSeconds": .elsewhere("UserDatabaseTests and MainJobTests, of a group that somebody left"),
        "ownerSeconds": .elsewhere("UserDatabaseTests, of a deleted user's leases"),
        "retrySeconds": .elsewhere("LeaseEndTests and BusySliceTests"),
        "instancesPerRequest": .here { stage in
            let daemon = try stage.startDaemon(["--limit", "instancesPerRequest=3"])
            func wish(_ count: Int) -> [UInt8] {
                Stage.call("Request", #"{"profiles":["1g.5gb"],"count":\#(count),"dryRun":true}"#)
            }
            #expect(try stage.exchange(wish(3), as: Stage.root).reply != nil)
            #expect(try stage.exchange(wish(4), as: Stage.root).invalidParameter == "count")
            _ = daemon
        },
        "auditSegmentMiB": .elsewhere("AuditRotationTests"),
        "auditSegmentDays": .elsewhere("AuditRotationTests"),
        "auditKeepDays": .elsewhere("AuditRetentionTests"),
        "auditKeepMiB": .elsewhere("AuditRetentionTests"),
        "policyBytes": .here { stage in
            let length = LabPolicy.text.utf8.count
            try stage.loadPolicy("policyBytes=\(length)", isTaken: true)
            try stage.loadPolicy("policyBytes=\(length - 1)", isTaken: false)
        },
        "policyRules": .here { stage in
            // Three rules and a limit.
            try stage.loadPolicy("policyRules=4", isTaken: true)
            try stage.loadPolicy("policyRules=3", isTaken: false)
        },
    ]

    @Test func `each has its row, and no row is without its bound`() {
        #expect(table.keys.sorted() == Bounds.names.map(\.name).sorted())
    }

    @Test(arguments: table.keys.sorted())
    func `holds at its edge and one past it`(name: String) throws {
        guard case .here(let meet)? = Self.table[name] else { return }
        try meet(try Stage(policy: LabPolicy.text))
    }

    private var table: [String: Row] { Self.table }

    private static func padded(to length: Int) -> [UInt8] {
        let call = Stage.call("WhoAmI").dropLast()
        return call + [UInt8](repeating: UInt8(ascii: " "), count: length - call.count) + [0]
    }

    /// A call with a parameter that is refused only once the whole message was taken.
    private static func unknown(_ value: String) -> [UInt8] { Stage.call("WhoAmI", "{\"x\":\(value)}") }
}

extension Stage {
    /// A daemon with these limits answers the one message and closes the connection at the other.
    fileprivate func meet(_ limits: [String], _ atEdge: [UInt8], _ onePast: [UInt8]) throws {
        let daemon = try startDaemon(limits.flatMap { ["--limit", $0] })
        let answers = try exchange([atEdge, onePast], as: Stage.carol)
        #expect(answers[0].reply != nil || answers[0].invalidParameter == "x", "\(answers[0])")
        #expect(answers[1] == .closed)
        _ = daemon
    }

    /// Users come one after the other, and leave only when all have come; of each, so many connections are taken.
    fileprivate func connect(
        _ limits: [String], _ users: [(uid: Int, count: Int)], arePresent expected: [Int]
    ) throws {
        let daemon = try startDaemon(limits.flatMap { ["--limit", $0] })
        let script = """
            import os, socket, sys
            kept = []
            for uid, count in [word.split(":") for word in sys.argv[2:]]:
                answered = 0
                for _ in range(int(count)):
                    os.seteuid(int(uid)); s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); os.seteuid(0)
                    try: s.sendall(b'{"method":"org.varlink.service.GetInfo"}\\0')
                    except BrokenPipeError: pass
                    answered += b"TooManyRequests" not in s.recv(65536); kept.append(s)
                print(answered)
            """
        let ran = try run(["python3", "-c", script, socket] + users.map { "\($0.uid):\($0.count)" }, as: Stage.root)
        guard ran.code == 0 else { throw StageError(what: ran.errors) }
        #expect(ran.output.split(separator: "\n").compactMap { Int($0) } == expected)
        _ = daemon
    }

    /// A daemon with a limit of two seconds cuts off who has said this and no more, then and not sooner.
    fileprivate func wait(_ limits: [String], _ beginning: String) throws {
        let daemon = try startDaemon(limits.flatMap { ["--limit", $0] })
        let script = """
            import socket, sys, time
            s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode())
            began = time.monotonic(); print(s.recv(1), 1.9 < time.monotonic() - began < 5)
            """
        let ran = try run(["python3", "-c", script, socket, beginning], as: Stage.carol)
        #expect(ran.output == "b'' True\n", "\(ran.output)\(ran.errors)")
        _ = daemon
    }

    /// What somebody hears who asks for changes with these pauses in milliseconds before them.
    fileprivate func changes(_ limits: [String], pauses: [Int]) throws -> [String?] {
        let daemon = try startDaemon(limits.flatMap { ["--limit", $0] })
        let script = """
            import json, socket, sys, time
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
            for pause in sys.argv[3:]:
                time.sleep(int(pause) / 1000); s.sendall(bytes.fromhex(sys.argv[2])); reply = b""
                while not reply.endswith(b"\\0"): reply += s.recv(65536)
                print(json.loads(reply[:-1]).get("error", "none").split(".")[-1])
            """
        let wish = Stage.call("Request", #"{"profiles":["1g.5gb"],"dryRun":true}"#)
        let words = ["python3", "-c", script, socket, Hex.text(of: wish)] + pauses.map { "\($0)" }
        let ran = try run(words, as: Stage.alice)
        guard ran.code == 0 else { throw StageError(what: ran.errors) }
        _ = daemon
        return ran.output.split(separator: "\n").map { $0 == "none" ? nil : String($0) }
    }

    /// Whether the policy is in force with a daemon that has a limit.
    fileprivate func loadPolicy(_ limit: String, isTaken: Bool) throws {
        let daemon = try startDaemon(["--limit", limit])
        let answer = try exchange(Stage.call("WhoAmI"), as: Stage.alice)
        #expect((answer.reply?["policy"]?.stringValue != nil) == isTaken, "\(limit)")
        daemon.end()
    }
}
