import Linux
import TestSupport
import Testing
import Varlink

/// The PyPI package `varlink`, unmodified, as somebody else's word on what a Varlink service is.
@Suite(.enabled(if: PythonClient.interpreter != nil, "needs a python with the package varlink (MIGBROKER_PYTHON)"))
struct PythonClientTests {
    static func run(_ program: String, _ server: TestServer) throws -> String {
        let preamble = """
            import json, sys, varlink
            client = varlink.Client("unix:" + sys.argv[1])

            """
        let interpreter = try #require(PythonClient.interpreter)
        let result = try Command.run(interpreter, ["-c", preamble + program, server.path])
        try #require(result.code == 0, "\(result.errors)")
        return result.output
    }

    @Test func `it lists the interfaces`() throws {
        let program = """
            client.get_interfaces()
            info = client.info
            print(info["vendor"], info["product"], info["version"], info["url"], *info["interfaces"])
            """
        let expected = "Example Test 1 https://example.org org.varlink.service org.example.test\n"
        #expect(try Self.run(program, TestServer()) == expected)
    }

    @Test func `it parses each interface's text`() throws {
        let program = """
            for name in ["org.varlink.service", "org.example.test"]:
                members = client.get_interface(name).members
                print(*[m for m in members])
            """
        let output = try Self.run(program, TestServer())
        #expect(output.contains("GetInfo GetInterfaceDescription InterfaceNotFound MethodNotFound"))
        #expect(output.contains("Echo WhoAmI Count Keep Forget Big Fail Failed TooManyConnections ReplyTooLong"))
    }

    @Test func `it calls methods, streams and errors`() throws {
        let program = """
            with client.open("org.example.test") as c:
                print(c.Echo("é\\u202e\\U0001d11e")["text"] == "é\\u202e\\U0001d11e")
                print([r["number"] for r in c.Count(3, _more=True)])
                for call in [lambda: c.Fail(), lambda: c.Count(3), lambda: c.Count(0)]:
                    try:
                        call()
                    except varlink.VarlinkError as e:
                        print(e.error(), json.dumps(e.parameters()))
                c.Echo("unheard", _oneway=True)
                print(c.Echo("heard")["text"])
            """
        let output = try Self.run(program, TestServer())
        #expect(
            output == """
                True
                [1, 2, 3]
                org.example.test.Failed {"reason": "as asked"}
                org.varlink.service.ExpectedMore {}
                org.varlink.service.InvalidParameter {"parameter": "to"}
                heard

                """)
    }

    @Test func `it is told of methods and interfaces that do not exist`() throws {
        let program = """
            import socket
            for method in ["org.example.test.None", "org.example.none.Echo"]:
                s = socket.socket(socket.AF_UNIX)
                s.connect(sys.argv[1])
                s.sendall(json.dumps({"method": method}).encode() + b"\\0")
                reply = json.loads(s.recv(65536)[:-1])
                print(varlink.VarlinkError.new(reply).error())
            """
        let output = try Self.run(program, TestServer())
        #expect(output == "org.varlink.service.MethodNotFound\norg.varlink.service.InterfaceNotFound\n")
    }
}

enum PythonClient {
    /// The first python that has the package, or nil.
    static let interpreter: String? = {
        let candidates = [CurrentProcess.environment("MIGBROKER_PYTHON"), "python3"].compactMap { $0 }
        // A candidate that cannot be run is one that is not there.
        return candidates.first { (try? Command.run($0, ["-c", "import varlink"]))?.code == 0 }
    }()
}
