import Glibc
import JSON
import Linux
import MIG
import TestSupport
import Testing
import Varlink

@Suite struct ServerBoundsTests {
    @Test func `a call may be as long as the bound and no longer`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        let text = Wire.echo("a")
        let padding = String(repeating: " ", count: 65536 - text.utf8.count)
        #expect(try wire.ask(text + padding) == Wire.echoed("a"))
        try? wire.say(text + padding + " ")  // the server may close while we still send
        #expect(try wire.isClosed())
        #expect(server.record.refusals == ["closed: malformed message: longer than allowed"])
    }

    @Test func `a stream without end is cut at the bound`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        #expect(throws: (any Error).self) {
            for _ in 0..<1000 { try wire.send([UInt8](repeating: UInt8(ascii: "["), count: 10_000)) }
        }
        #expect(server.record.refusals == ["closed: malformed message: longer than allowed"])
    }

    static let tooMuch = [
        "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":"
            + String(repeating: "[", count: 15) + String(repeating: "]", count: 15) + "}}",
        String(repeating: "[", count: 60_000),
        String(repeating: "{\"a\":", count: 10_000),
        Wire.echo(String(repeating: "x", count: 4097)),
        "{\"method\":\"org.example.test.Echo\",\"parameters\":{"
            + (0..<65).map { "\"k\($0)\":0" }.joined(separator: ",") + "}}",
    ]

    @Test(arguments: tooMuch)
    func `what is nested, long or wide beyond the bounds closes the connection`(message: String) throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.say(message)
        #expect(try wire.isClosed())
        #expect(server.record.executed.isEmpty)
    }

    @Test func `a message begun and not finished is cut off, however slowly it goes on`() throws {
        let server = try TestServer { $0.messageSeconds = 1 }
        let wire = try server.wire()
        let drip = Array(Wire.echo("a").utf8)
        #expect(throws: (any Error).self) {
            for index in 0..<2000 {
                try wire.send([drip[index % 10]])
                Clock.sleep(milliseconds: 10)
            }
        }
        #expect(server.record.refusals == ["closed: message not finished in time"])
    }

    @Test func `a connection that says nothing is closed`() throws {
        let server = try TestServer { $0.idleSeconds = 1 }
        #expect(try server.wire().isClosed())
        #expect(server.record.refusals == ["closed: idle for too long"])
    }

    @Test func `a connection that waits for its answer is not idle`() throws {
        let server = try TestServer {
            $0.idleSeconds = 1
            $0.messageSeconds = 1
        }
        let wire = try server.wire()
        try wire.say(CallModeTests.call("Keep"))
        let responder = try server.record.takeResponder()
        #expect(try server.wire().isClosed())
        Clock.sleep(milliseconds: 500)
        responder.finish(.reply(["text": "at last"]))
        #expect(try wire.hear() == Wire.echoed("at last"))
    }

    @Test func `a client that does not read its replies is cut off`() throws {
        let server = try TestServer { $0.idleSeconds = 1 }
        let wire = try server.wire()
        try wire.say(CallModeTests.call("Big", "{\"bytes\":3000000}"), Wire.echo("never"))
        try eventually("the client is cut off") { !server.record.refusals.isEmpty }
        #expect(server.record.refusals == ["closed: replies are not read"])
        #expect(server.record.executed.count == 1)
    }

    @Test func `a stream to a client that does not read holds no more than the bound`() throws {
        let server = try TestServer { $0.outputBytes = 100_000 }
        let wire = try server.wire()
        try wire.say(CallModeTests.call("Keep", "{}", ",\"more\":true"))
        let responder = try server.record.takeResponder()
        let message = VarlinkMessage.partial(["text": .string(String(repeating: "x", count: 10_000))])
        var count = 0
        while count < 1000, responder.send(message) { count += 1 }
        // The bound, and what the kernel itself keeps for a socket.
        #expect((9..<200).contains(count))
        #expect(responder.isOpen)
        for _ in 0..<count { #expect(try wire.hear()?.utf8.count == message.bytes.count - 1) }
        #expect(responder.isDrained(in: 20_000))
        #expect(responder.send(message))
        responder.finish(.reply([:]))
        #expect(try wire.hear()?.hasSuffix("\"continues\":true}") == true)
        #expect(try wire.hear() == "{\"parameters\":{}}")
    }

    @Test func `a long stream arrives whole at a slow reader`() throws {
        let server = try TestServer { $0.outputBytes = 1000 }
        let client = try server.client()
        var expected: Int64 = 0
        try client.callMore("org.example.test.Count", ["to": 5000]) { reply in
            expected += 1
            #expect(reply["number"]?.integerValue == expected)
            return true
        }
        #expect(expected == 5000)
    }

    @Test func `a reply longer than the bound becomes an error`() throws {
        let server = try TestServer { $0.replyBytes = 1000 }
        let wire = try server.wire()
        #expect(try wire.ask(CallModeTests.call("Big", "{\"bytes\":900}"))?.utf8.count == 926)
        let refusal = "{\"error\":\"org.example.test.ReplyTooLong\",\"parameters\":{}}"
        #expect(try wire.ask(CallModeTests.call("Big", "{\"bytes\":1000}")) == refusal)
    }

    @Test func `the largest reply arrives whole`() throws {
        let server = try TestServer()
        let reply = try server.client().call("org.example.test.Big", ["bytes": 1_000_000])
        #expect(reply["text"]?.stringValue?.utf8.count == 1_000_000)
    }

    @Test func `the thirty-third connection of a user is told why, then closed`() throws {
        let server = try TestServer()
        var wires: [Wire] = []
        for _ in 0..<32 {
            let wire = try server.wire()
            #expect(try wire.ask(Wire.echo("in")) == Wire.echoed("in"))
            wires.append(wire)
        }
        let refused = try server.wire()
        #expect(try refused.hear() == "{\"error\":\"org.example.test.TooManyConnections\",\"parameters\":{}}")
        #expect(try refused.isClosed())
        #expect(server.record.refusals == ["connections: \(CurrentProcess.user)"])
        #expect(try wires[0].ask(Wire.echo("still in")) == Wire.echoed("still in"))
        wires.removeLast()
        try eventually("there is room for another") {
            try server.wire().ask(Wire.echo("in")) == Wire.echoed("in")
        }
    }

    @Test func `a client hears that there are too many of him whatever he was about to say`() throws {
        let server = try TestServer { $0.connectionsPerUser = 1 }
        let first = try server.client()
        _ = try first.call("org.example.test.Echo", ["text": "in"])
        for _ in 0..<50 {
            let second = try server.client()
            #expect(throws: VarlinkClientError.remote(VarlinkError("org.example.test.TooManyConnections"))) {
                try second.call("org.example.test.Echo", ["text": "out"])
            }
        }
    }

    @Test func `one client's flood of calls does not keep another from being served`() throws {
        let server = try TestServer()
        let flood = try server.wire()
        let message = Array(Wire.echo("x", ",\"oneway\":true").utf8) + [0]
        let burst = (0..<800).flatMap { _ in message }
        let other = try server.wire()
        for _ in 0..<20 {
            try flood.send(burst)
            #expect(try other.ask(Wire.echo("me")) == Wire.echoed("me"))
        }
        try eventually("the flood was served too") { server.record.executed.count == 20 * 801 }
    }

    @Test func `a drain lets answers under way be given, and takes no more calls`() throws {
        let server = try TestServer()
        let busy = try server.wire()
        try busy.say(CallModeTests.call("Keep"), Wire.echo("too late"))
        let idle = try server.wire()
        #expect(try idle.ask(Wire.echo("a")) == Wire.echoed("a"))
        let responder = try server.record.takeResponder()
        server.drain(seconds: 20)
        #expect(try idle.isClosed())
        responder.finish(.reply(["text": "kept"]))
        #expect(try busy.hear() == Wire.echoed("kept"))
        #expect(try busy.isClosed())
        try eventually("the server has ended") { server.record.hasEnded }
        #expect(server.record.executed == ["Keep {}", "Echo {\"text\":\"a\"}"])
    }

    @Test func `a drain does not wait for answers that do not come`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.say(CallModeTests.call("Keep"))
        let responder = try server.record.takeResponder()
        server.drain(seconds: 0)
        #expect(try wire.isClosed())
        try eventually("the server has ended") { server.record.hasEnded }
        #expect(!responder.isOpen)
        responder.finish(.reply([:]))
    }
}
