import JSON
import Linux
import Testing
import Varlink

/// The flags oneway, more and upgrade, and answers that come later.
@Suite struct CallModeTests {
    static func call(_ member: String, _ parameters: String = "{}", _ flags: String = "") -> String {
        "{\"method\":\"org.example.test.\(member)\",\"parameters\":\(parameters)\(flags)}"
    }

    @Test(arguments: [
        ("Echo", "{\"text\":\"x\"}"), ("Echo", "{}"), ("Fail", "{}"), ("Count", "{\"to\":3}"), ("Nothing", "{}"),
        ("Big", "{\"bytes\":5000000}"),
    ])
    func `a call with oneway gets no reply, not even an error`(member: String, parameters: String) throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.say(Self.call(member, parameters, ",\"oneway\":true"), Wire.echo("next"))
        #expect(try wire.hear() == Wire.echoed("next"))
        let expected = member == "Nothing" ? 1 : 2
        #expect(server.record.executed.count == expected)
    }

    @Test func `calls with oneway are carried out though the client has gone`() throws {
        let server = try TestServer()
        do {
            let wire = try server.wire()
            for number in 0..<50 { try wire.say(Wire.echo("\(number)", ",\"oneway\":true")) }
        }
        try eventually("all were carried out") { server.record.executed.count == 50 }
        #expect(server.record.executed == (0..<50).map { "Echo {\"text\":\"\($0)\"}" })
    }

    @Test func `calls with oneway behind one with a reply are carried out though the client has gone`() throws {
        let server = try TestServer()
        do {
            let wire = try server.wire()
            try wire.say(Self.call("Keep"), Wire.echo("last", ",\"oneway\":true"))
            try eventually("the first is under way") { !server.record.kept.isEmpty }
        }
        let responder = try server.record.takeResponder()
        try eventually("the client's leaving is seen") { !responder.isOpen }
        responder.finish(.reply(["text": "nobody hears"]))
        try eventually("the last was carried out") { server.record.executed.count == 2 }
    }

    @Test func `a call with oneway is over before the next one starts`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.say(Self.call("Keep", "{}", ",\"oneway\":true"), Wire.echo("next"))
        let responder = try server.record.takeResponder()
        #expect(server.record.executed == ["Keep {}"])
        responder.finish(.reply(["text": "nobody hears"]))
        #expect(try wire.hear() == Wire.echoed("next"))
    }

    @Test func `a call with more gets all its replies, the last without continues`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.say(Self.call("Count", "{\"to\":3}", ",\"more\":true"), Wire.echo("next"))
        #expect(try wire.hear() == "{\"parameters\":{\"number\":1},\"continues\":true}")
        #expect(try wire.hear() == "{\"parameters\":{\"number\":2},\"continues\":true}")
        #expect(try wire.hear() == "{\"parameters\":{\"number\":3}}")
        #expect(try wire.hear() == Wire.echoed("next"))
    }

    @Test func `a method that streams refuses a call without more`() throws {
        let server = try TestServer()
        let reply = try server.wire().ask(Self.call("Count", "{\"to\":3}"))
        #expect(reply == "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}")
    }

    @Test(arguments: ["Echo", "Count", "Keep", "Fail"])
    func `an upgrade is refused and the connection stays Varlink`(member: String) throws {
        let server = try TestServer()
        let wire = try server.wire()
        let reply = try wire.ask(Self.call(member, "{}", ",\"upgrade\":true"))
        #expect(
            reply
                == "{\"error\":\"org.varlink.service.MethodNotImplemented\",\"parameters\":"
                + "{\"method\":\"org.example.test.\(member)\"}}")
        #expect(try wire.ask(Wire.echo("still here")) == Wire.echoed("still here"))
        #expect(server.record.executed == ["Echo {\"text\":\"still here\"}"])
    }

    @Test func `a mix of all modes sent at once gets exactly its replies, in order`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        var expected: [String] = []
        var messages: [UInt8] = []
        for number in 0..<100 {
            let message: String
            switch number % 4 {
            case 0:
                message = Wire.echo("\(number)")
                expected.append(Wire.echoed("\(number)"))
            case 1: message = Wire.echo("\(number)", ",\"oneway\":true")
            case 2:
                message = Self.call("Count", "{\"to\":2}", ",\"more\":true")
                expected += ["{\"parameters\":{\"number\":1},\"continues\":true}", "{\"parameters\":{\"number\":2}}"]
            default:
                message = Self.call("Fail", "{}", ",\"upgrade\":true")
                expected.append(
                    "{\"error\":\"org.varlink.service.MethodNotImplemented\",\"parameters\":"
                        + "{\"method\":\"org.example.test.Fail\"}}")
            }
            messages += Array(message.utf8) + [0]
        }
        try wire.send(messages)
        for reply in expected { #expect(try wire.hear() == reply) }
        wire.finishSending()
        #expect(try wire.isClosed())
    }

    @Test func `the next call is not started before the last reply`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.say(Self.call("Keep", "{}", ",\"more\":true"), Wire.echo("next"))
        let responder = try server.record.takeResponder()
        #expect(responder.send(.partial(["text": "1"])))
        #expect(try wire.hear() == "{\"parameters\":{\"text\":\"1\"},\"continues\":true}")
        // Another connection shows that the server is not merely slow.
        #expect(try server.wire().ask(Wire.echo("other")) == Wire.echoed("other"))
        #expect(server.record.executed == ["Keep {}", "Echo {\"text\":\"other\"}"])
        responder.finish(.error(VarlinkError("org.example.test.Failed", ["reason": "enough"])))
        #expect(try wire.hear() == "{\"error\":\"org.example.test.Failed\",\"parameters\":{\"reason\":\"enough\"}}")
        #expect(try wire.hear() == Wire.echoed("next"))
    }

    @Test func `a stream learns that its client has gone`() throws {
        let server = try TestServer()
        let responder: VarlinkResponder
        do {
            let wire = try server.wire()
            try wire.say(Self.call("Keep", "{}", ",\"more\":true"))
            responder = try server.record.takeResponder()
            #expect(responder.isOpen)
        }
        try eventually("the stream is told") { !responder.isOpen }
        #expect(!responder.send(.partial(["text": "nobody hears"])))
        #expect(!responder.isDrained(in: 10))
        responder.finish(.reply([:]))
    }

    @Test func `an answer that was forgotten closes the connection instead of leaving it waiting`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.say(Self.call("Forget"))
        #expect(try wire.isClosed())
    }

    @Test func `an answer may come from another thread before the first one has returned`() throws {
        let server = try TestServer()
        let client = try server.client()
        for _ in 0..<200 {
            var numbers: [Int64] = []
            try client.callMore("org.example.test.Count", ["to": 3]) { reply in
                numbers.append(reply["number"]?.integerValue ?? -1)
                return true
            }
            #expect(numbers == [1, 2, 3])
        }
    }
}
