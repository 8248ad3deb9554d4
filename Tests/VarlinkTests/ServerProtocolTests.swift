import JSON
import Linux
import MIG
import Testing
import Varlink

@Suite struct ServerProtocolTests {
    static let malformed = [
        "", " ", "x", "null", "[]", "\"x\"", "1", "{", "{}", "{\"method\":}",
        "[{\"method\":\"org.example.test.Echo\"}]",
        "{\"method\":null}", "{\"method\":1}", "{\"method\":[]}", "{\"parameters\":{}}",
        Wire.echo("a", ",\"oneway\":1"), Wire.echo("a", ",\"more\":\"true\""), Wire.echo("a", ",\"upgrade\":[]"),
        Wire.echo("a", ",\"oneway\":0"), Wire.echo("a", ",\"more\":{}"),
        Wire.echo("a", ",\"oneway\":true,\"more\":true"), Wire.echo("a", ",\"oneway\":true,\"upgrade\":true"),
        Wire.echo("a", ",\"more\":true,\"upgrade\":true"),
        Wire.echo("a", ",\"more\":true,\"oneway\":true,\"upgrade\":true"),
        Wire.echo("a", ",\"extra\":1"), Wire.echo("a", ",\"Method\":\"x\""), Wire.echo("a", ",\"\":1"),
        Wire.echo("a", ",\"continues\":true"), Wire.echo("a", ",\"error\":\"x\""), Wire.echo("a", "} "),
        Wire.echo("a") + "x",
        Wire.echo("a", ",\"method\":\"org.example.test.Fail\""),
        Wire.echo("a", ",\"\\u006dethod\":\"org.example.test.Fail\""),
        Wire.echo("a", ",\"parameters\":{}"), Wire.echo("a", ",\"x.y\":1,\"x.y\":2"),
        Wire.echo("a", ",\"more\":false,\"more\":false"),
        "{\"method\":\"org.example.test.Echo\",\"parameters\":[]}",
        "{\"method\":\"org.example.test.Echo\",\"parameters\":\"\"}",
        "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"a\",\"text\":\"b\"}}",
        "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"a\",\"t\\u0065xt\":\"b\"}}",
        "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"a\",\"o\":{\"p\":[{\"q\":1,\"q\":1}]}}}",
        "\u{FEFF}" + Wire.echo("a"), Wire.echo("\\ud800"), Wire.echo("\\u0000"), Wire.echo("a\nb"),
        Wire.echo("a", ",\"x.y\":01"), Wire.echo("a", ",\"x.y\":[1,]"), "// a\n" + Wire.echo("a"),
    ]

    @Test(arguments: malformed)
    func `a malformed message closes its connection and is not carried out`(message: String) throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.say(message, Wire.echo("after"))
        #expect(try wire.isClosed())
        #expect(server.record.executed.isEmpty)
        #expect(server.record.refusals.count == 1)
        #expect(server.record.refusals.first?.hasPrefix("closed: malformed message: ") == true)
        #expect(try server.wire().ask(Wire.echo("others go on")) == Wire.echoed("others go on"))
    }

    @Test func `bytes that are not UTF-8 close the connection`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.send(
            Array("{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"".utf8) + [
                0xFF, 0x22, 0x7D, 0x7D, 0,
            ])
        #expect(try wire.isClosed())
    }

    static let harmless = [
        Wire.echo("a"), Wire.echo("a", ",\"oneway\":false"),
        Wire.echo("a", ",\"oneway\":false,\"more\":false,\"upgrade\":false"),
        Wire.echo("a", ",\"oneway\":null,\"more\":null,\"upgrade\":null"),
        Wire.echo("a", ",\"io.vendor.key\":{\"x\":[1]}"),
        Wire.echo("a", ",\"a.\":1,\".\":2"), " \n\t" + Wire.echo("a") + "\r\n ", Wire.echo("a", ",\"more\":true"),
        "{\"parameters\":{\"text\":\"a\"},\"\\u006dethod\":\"org.example.test.Echo\"}",
    ]

    @Test(arguments: harmless)
    func `what the specification allows is answered`(message: String) throws {
        let server = try TestServer()
        #expect(try server.wire().ask(message) == Wire.echoed("a"))
    }

    @Test(arguments: ["", ",\"parameters\":null", ",\"parameters\":{}"])
    func `no parameters, null and an empty object are the same`(parameters: String) throws {
        let server = try TestServer()
        let reply = try server.wire().ask("{\"method\":\"org.varlink.service.GetInfo\"\(parameters)}")
        #expect(reply?.hasPrefix("{\"parameters\":{\"vendor\":\"Example\"") == true)
    }

    static let errors = [
        ("org.example.test.Nothing", "MethodNotFound", "{\"method\":\"org.example.test.Nothing\"}"),
        ("org.example.test.echo", "MethodNotFound", "{\"method\":\"org.example.test.echo\"}"),
        ("org.example.test.", "MethodNotFound", "{\"method\":\"org.example.test.\"}"),
        ("Echo", "MethodNotFound", "{\"method\":\"Echo\"}"),
        ("", "MethodNotFound", "{\"method\":\"\"}"),
        ("org.example.none.Echo", "InterfaceNotFound", "{\"interface\":\"org.example.none\"}"),
        (".Echo", "InterfaceNotFound", "{\"interface\":\"\"}"),
        ("org.varlink.service.Nothing", "MethodNotFound", "{\"method\":\"org.varlink.service.Nothing\"}"),
        ("org.varlink.service.GetInterfaceDescription", "InvalidParameter", "{\"parameter\":\"interface\"}"),
        ("org.example.test.Echo", "InvalidParameter", "{\"parameter\":\"text\"}"),
    ]

    @Test(arguments: errors)
    func `what does not exist gets the standard error, and the connection stays`(
        method: String, error: String, parameters: String
    ) throws {
        let server = try TestServer()
        let wire = try server.wire()
        let expected = "{\"error\":\"org.varlink.service.\(error)\",\"parameters\":\(parameters)}"
        #expect(try wire.ask("{\"method\":\"\(method)\"}") == expected)
        #expect(try wire.ask(Wire.echo("still here")) == Wire.echoed("still here"))
    }

    @Test func `a method that no interface declares never reaches the service`() throws {
        let server = try TestServer()
        _ = try server.wire().ask("{\"method\":\"org.example.test.Undeclared\"}")
        #expect(server.record.executed.isEmpty)
    }

    @Test func `the service tells its interfaces and their texts`() throws {
        let server = try TestServer()
        let client = try server.client()
        let info = try client.call("org.varlink.service.GetInfo")
        #expect(info["interfaces"] == ["org.varlink.service", "org.example.test"])
        #expect(info.objectValue?.map(\.key) == ["vendor", "product", "version", "url", "interfaces"])
        for name in ["org.varlink.service", "org.example.test"] {
            let reply = try client.call("org.varlink.service.GetInterfaceDescription", ["interface": .string(name)])
            let text = try #require(reply["description"]?.stringValue)
            #expect(text.contains("interface \(name)\n") && !text.utf8.contains(0x0D))
        }
        #expect(throws: VarlinkClientError.remote(.interfaceNotFound("org.example.none"))) {
            try client.call("org.varlink.service.GetInterfaceDescription", ["interface": "org.example.none"])
        }
        #expect(throws: VarlinkClientError.remote(.invalidParameter("extra"))) {
            try client.call("org.varlink.service.GetInfo", ["extra": 1])
        }
    }

    @Test func `a hundred calls sent at once are answered in order`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.send((0..<100).flatMap { Array(Wire.echo("\($0)").utf8) + [0] })
        for number in 0..<100 { #expect(try wire.hear() == Wire.echoed("\(number)")) }
    }

    @Test func `calls in single bytes and calls in one piece are the same`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        for byte in Array(Wire.echo("a").utf8) + [0] { try wire.send([byte]) }
        #expect(try wire.hear() == Wire.echoed("a"))
        let two = Array(Wire.echo("b").utf8) + [0] + Array(Wire.echo("c").utf8)
        try wire.send(two)
        #expect(try wire.hear() == Wire.echoed("b"))
        try wire.send([0])
        #expect(try wire.hear() == Wire.echoed("c"))
    }

    @Test func `a client that sends no more still gets its replies`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.say(Wire.echo("a"), Wire.echo("b"), "{\"method\":\"org.example.test.Keep\"}", Wire.echo("c"))
        wire.finishSending()
        #expect(try wire.hear() == Wire.echoed("a"))
        #expect(try wire.hear() == Wire.echoed("b"))
        try server.record.takeResponder().finish(.reply(["text": "kept"]))
        #expect(try wire.hear() == Wire.echoed("kept"))
        #expect(try wire.hear() == Wire.echoed("c"))
        #expect(try wire.isClosed())
        #expect(server.record.refusals.isEmpty)
    }

    @Test func `half a message before the end is not carried out`() throws {
        let server = try TestServer()
        let wire = try server.wire()
        try wire.send(Array(Wire.echo("a").utf8))
        wire.finishSending()
        #expect(try wire.isClosed())
        #expect(server.record.executed.isEmpty)
    }
}
