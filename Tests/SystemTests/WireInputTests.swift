import JSON
import Linux
import MIG
import TestSupport
import Testing

/// Bytes that no client of ours would send; sent as root, who may request, so that nothing but the form is refused.
@Suite("Bad messages", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct WireInputTests {
    private static let request = #""method":"io.migbroker.Broker.Request""#
    private static let wish = #""parameters":{"profiles":["1g.5gb"]}"#

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

    private static func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    /// Messages that end the connection, unanswered.
    private static let closing: [(what: String, message: [UInt8])] = [
        ("nothing", bytes("")),
        ("no JSON", bytes("hello")),
        ("an array", bytes("[{\(request),\(wish)}]")),
        ("a string", bytes("\"Request\"")),
        ("two values", bytes("{\(request),\(wish)}{}")),
        ("a trailing comma", bytes("{\(request),\(wish),}")),
        ("a comment", bytes("{\(request),\(wish)} // please")),
        ("single quotes", bytes("{'method':'io.migbroker.Broker.Request'}")),
        ("a byte order mark", [0xEF, 0xBB, 0xBF] + bytes("{\(request),\(wish)}")),
        ("UTF-16", Array("{\(request),\(wish)}".utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }) + [0]),
        ("malformed UTF-8", Array("{\(request),\"parameters\":{\"name\":\"".utf8) + [0xC0, 0x80] + bytes("\"}}")),
        ("a lone surrogate", bytes(#"{\#(request),"parameters":{"name":"\ud800"}}"#)),
        ("a control character", bytes("{\(request),\"parameters\":{\"name\":\"a\u{1}\"}}")),
        ("NaN", bytes(#"{\#(request),"parameters":{"seconds":NaN}}"#)),
        ("a leading zero", bytes(#"{\#(request),"parameters":{"seconds":007}}"#)),
        ("no method", bytes("{\(wish)}")),
        ("a method that is no string", bytes("{\"method\":7,\(wish)}")),
        ("an unknown header key", bytes("{\(request),\(wish),\"user\":\"root\"}")),
        ("parameters that are no object", bytes(#"{\#(request),"parameters":["1g.5gb"]}"#)),
        ("a flag that is no bool", bytes(#"{\#(request),\#(wish),"oneway":1}"#)),
        ("two flags", bytes(#"{\#(request),\#(wish),"oneway":true,"more":true}"#)),
        ("more and upgrade", bytes(#"{\#(request),\#(wish),"more":true,"upgrade":true}"#)),
        // The key that came last or first could decide; neither does.
        ("a duplicate method", bytes("{\(request),\(request),\(wish)}")),
        ("two methods", bytes(#"{"method":"io.migbroker.Broker.WhoAmI",\#(request),\#(wish)}"#)),
        ("an escaped spelling", bytes(#"{\#(request),\#(wish),"\u006dethod":"io.migbroker.Broker.WhoAmI"}"#)),
        ("duplicate parameters", bytes("{\(request),\(wish),\(wish)}")),
        (
            "a duplicate parameter",
            bytes(#"{\#(request),"parameters":{"profiles":["1g.5gb"],"profiles":["2g.10gb"]}}"#)
        ),
        (
            "a duplicate parameter, escaped",
            bytes(#"{\#(request),"parameters":{"profiles":["1g.5gb"],"\u0070rofiles":["2g.10gb"]}}"#)
        ),
        (
            "a duplicate deep down",
            bytes(#"{\#(request),"parameters":{"profiles":["1g.5gb"],"x":[{"y":{"z":1,"z":1}}]}}"#)
        ),
        ("depth 17", bytes(#"{\#(request),"parameters":{"x":\#(nested(15))}}"#)),
        ("depth 20,000", bytes(#"{\#(request),"parameters":{"x":\#(nested(20_000))}}"#)),
        (
            "65 keys",
            bytes("{\(request),\"parameters\":{\((0..<65).map { "\"k\($0)\":0" }.joined(separator: ","))}}")
        ),
        (
            "a string of 4097 bytes",
            bytes("{\(request),\"parameters\":{\"name\":\"\(String(repeating: "a", count: 4097))\"}}")
        ),
        ("64 KiB and one byte", padded(to: (64 << 10) + 1)),
        ("a megabyte", padded(to: 1 << 20)),
        ("a megabyte without an end", [UInt8](repeating: UInt8(ascii: " "), count: 1 << 20)),
    ]

    /// A request that would be granted, but for its length; the NUL not counted.
    private static func padded(to length: Int) -> [UInt8] {
        let text = "{\(request),\(wish)}"
        return Array(text.utf8) + [UInt8](repeating: UInt8(ascii: " "), count: length - text.utf8.count) + [0]
    }

    @Test func `what is no message closes the connection and does nothing`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let answers = try stage.exchange(Self.closing.map(\.message), as: Stage.root)
        for (message, answer) in zip(Self.closing, answers) { #expect(answer == .closed, "\(message.what): \(answer)") }
        #expect(try stage.isUnharmed())
        try daemon.waitUntil("each is on record, one by one or counted") {
            let closed = try stage.records("denied").filter { $0["error"]?.stringValue == "Closed" }
            let counted = closed.reduce(0) { $0 + ($1["count"]?.integerValue ?? 1) }
            return counted == Self.closing.count
        }
        // The longest message that may be is taken; it is refused for what it asks, or granted.
        let longest = try stage.exchange(Self.padded(to: 64 << 10), as: Stage.root)
        #expect(longest.reply?["leases"]?.arrayValue?.count == 1, "\(longest)")
    }

    @Test func `a message that comes too slowly is cut off, and others do not wait for it`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "messageSeconds=1", "--limit", "idleSeconds=60"])
        let script = """
            import socket, sys, time
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(0.2)
            began = time.monotonic(); end = None
            for byte in bytes.fromhex(sys.argv[2]):
                try:
                    s.sendall(bytes([byte]))
                    end = s.recv(4096)
                    break
                except TimeoutError: pass
                except (BrokenPipeError, ConnectionResetError): end = b""; break
            print(end, time.monotonic() - began < 10)
            """
        let message = Stage.call("Request", #"{"profiles":["1g.5gb"]}"#)
        let slow = try stage.run(
            ["python3", "-c", script, stage.socket, Hex.text(of: message)], as: Stage.root)
        #expect(slow.output == "b'' True\n", "\(slow.output)\(slow.errors)")
        #expect(try stage.isUnharmed())
        #expect(try stage.records("denied").contains { $0["reason"]?.stringValue == "message not finished in time" })
        _ = daemon
    }

    @Test func `unknown methods, interfaces and parameters are named`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=1000", "--limit", "changeBurst=1000"])
        let service = "org.varlink.service."
        let table: [(message: [UInt8], error: String, parameters: JSONValue)] = [
            (Stage.call("Frobnicate"), "\(service)MethodNotFound", ["method": "io.migbroker.Broker.Frobnicate"]),
            (Stage.call("request"), "\(service)MethodNotFound", ["method": "io.migbroker.Broker.request"]),
            (
                Stage.call("Request\u{301}"), "\(service)MethodNotFound",
                ["method": "io.migbroker.Broker.Request\u{301}"]
            ),
            (
                Stage.call("io.migbroker.Brokers.Request"), "\(service)InterfaceNotFound",
                ["interface": "io.migbroker.Brokers"]
            ),
            (
                Stage.call("io.migbroker.BroKer.Request"), "\(service)InterfaceNotFound",
                ["interface": "io.migbroker.BroKer"]
            ),
            (
                Stage.call("io.migbroker.Bro\u{212A}er.Request"), "\(service)InterfaceNotFound",
                ["interface": "io.migbroker.Bro\u{212A}er"]
            ),
            (
                Array(#"{"method":"Request"}"#.utf8) + [0], "\(service)MethodNotFound", ["method": "Request"]
            ),
            (
                Stage.call("org.varlink.service.GetInterfaceDescription", #"{"interface":"org.example"}"#),
                "\(service)InterfaceNotFound", ["interface": "org.example"]
            ),
            (
                Stage.call("org.varlink.service.GetInfo", #"{"a":1}"#), "\(service)InvalidParameter",
                ["parameter": "a"]
            ),
        ]
        for (row, answer) in zip(table, try stage.exchange(table.map(\.message), as: Stage.root)) {
            #expect(answer == .error(row.error, row.parameters), "\(answer)")
        }
        // Every method refuses what it does not declare, and most of all an identity of the caller's own making.
        for field in ["uid", "user\u{301}", "as-user", "onBehalfOf", "PROFILES", "pro\u{17F}iles"] {
            let calls = InterfaceMethod.all.filter { $0.name != "Monitor" }.map { $0.call([field: "0"]) }
            for answer in try stage.exchange(calls, as: Stage.root) {
                #expect(answer.invalidParameter.map { Array($0.utf8) } == Array(field.utf8), "\(field): \(answer)")
            }
        }
        #expect(try stage.isUnharmed())
        _ = daemon
    }

    @Test func `oneway does the change and records it without a reply, and a denial too`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let oneway = InterfaceMethod.named("Request")?.call([:], #","oneway":true"#) ?? []
        #expect(try stage.exchange(oneway, as: Stage.carol, seconds: 1) == .silence)
        #expect(try stage.machine().instances == 0)
        #expect(try stage.records("denied").contains { $0["user"]?.stringValue == "carol" })
        #expect(try stage.exchange(oneway, as: Stage.alice, seconds: 1) == .silence)
        #expect(try stage.leases(of: Stage.alice).count == 1)
        #expect(try stage.records("outcome").contains { $0["user"]?.stringValue == "alice" })
        // The call after a oneway one is answered, and its answer is not taken for the other's.
        let both = oneway + Stage.call("WhoAmI")
        let answer = try stage.exchange(both, as: Stage.alice)
        #expect(answer.reply?["user"]?.stringValue == "alice", "\(answer)")
        _ = daemon
    }

    @Test func `the connection is never given to another protocol`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let calls = InterfaceMethod.all.map { $0.call([:], #","upgrade":true"#) }
        for (method, answer) in zip(InterfaceMethod.all, try stage.exchange(calls, as: Stage.root)) {
            let name = JSONValue.string("io.migbroker.Broker.\(method.name)")
            #expect(answer == .error("org.varlink.service.MethodNotImplemented", ["method": name]), "\(answer)")
        }
        #expect(try stage.isUnharmed())
        _ = daemon
    }

    @Test func `more where it is not offered gets one final answer, and Monitor demands it`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let methods = InterfaceMethod.all.filter { $0.name != "Monitor" }
        let dry = methods.map { method in method.declares("dryRun") ? ["dryRun": "true"] : [:] }
        let calls = zip(methods, dry).map { $0.call($1, #","more":true"#) }
        let plain = zip(methods, dry).map { $0.call($1) }
        let answers = try stage.exchange(calls, as: Stage.root)
        let expected = try stage.exchange(plain, as: Stage.root)
        for (index, method) in methods.enumerated() {
            #expect(answers[index] != .closed && answers[index] != .silence, "\(method.name)")
            #expect(answers[index].error == expected[index].error, "\(method.name): \(answers[index])")
        }
        let monitor = try stage.exchange(Stage.call("Monitor"), as: Stage.root)
        #expect(monitor == .error("org.varlink.service.ExpectedMore", .object([])))
        #expect(try stage.isUnharmed())
        _ = daemon
    }
}

extension InterfaceMethod {
    fileprivate func declares(_ field: String) -> Bool { fields.contains { $0.name == field } }
}
