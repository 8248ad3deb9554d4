import Glibc
import JSON
import Linux
import MIG
import TestSupport
import Testing
import Varlink

@Suite struct ClientTests {
    /// A server that says exactly these bytes to its one client, and keeps the connection or ends it.
    @discardableResult static func answer<Result>(
        with bytes: [UInt8], thenClose: Bool = false, _ body: (VarlinkClient) throws -> Result
    ) throws -> Result {
        let directory = try TemporaryDirectory()
        let path = directory.path("socket")
        let done = Mailbox<Bool>(capacity: 1)
        let listening = Mailbox<Bool>(capacity: 1)
        try Thread(named: "answerer") {
            do {
                let listener = try UnixListener(at: path, mode: 0o600)
                _ = listening.send(true)
                let stream = try accept(listener)
                try send(bytes, to: stream)
                if thenClose { stream.disconnect() }
                _ = done.receive(milliseconds: 30_000)
            } catch {
                // What was not sent is what the client then misses.
                listening.close()
            }
        }.detach()
        defer { done.close() }
        try #require(listening.receive(milliseconds: 20_000) == true)
        return try body(VarlinkClient(path: path, server: CurrentProcess.user))
    }

    private static func accept(_ listener: borrowing UnixListener) throws -> UnixStream {
        for _ in 0..<2000 {
            if let stream = try listener.accept() { return stream }
            Clock.sleep(milliseconds: 5)
        }
        throw TestFailure("no client comes")
    }

    private static func send(_ bytes: [UInt8], to stream: borrowing UnixStream) throws {
        var sent = 0
        while sent < bytes.count {
            if let count = try stream.send(bytes, from: sent) {
                sent += count
            } else {
                _ = try stream.waitUntil(.write, deadline: Clock.monotonic() + 20_000_000_000)
            }
        }
    }

    static let malformed = [
        "{", "[]", "1", "{\"parameters\":1}", "{\"parameters\":[]}", "{\"error\":1}", "{\"continues\":\"yes\"}",
        "{\"extra\":1}", "{\"parameters\":{\"a\":1,\"a\":2}}", "{\"parameters\":{},\"parameters\":{}}", "",
        "{\"parameters\":{\"a\":\"\\ud800\"}}", "{\"parameters\":{}} x", "{\"continues\":true,\"parameters\":{}}",
    ]

    @Test(arguments: malformed)
    func `a malformed answer is refused, and the connection with it`(text: String) throws {
        try Self.answer(with: Array(text.utf8) + [0]) { client in
            let error = #expect(throws: VarlinkClientError.self) { try client.call("a.b.C") }
            guard case .malformed = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(throws: VarlinkClientError.connectionLost) { try client.call("a.b.C") }
        }
    }

    @Test(arguments: [
        ("{}", "{}"), ("{\"parameters\":null}", "{}"), ("{\"parameters\":{\"a\":1}}", "{\"a\":1}"),
        ("{\"parameters\":{\"a\":1},\"error\":null,\"continues\":null}", "{\"a\":1}"),
        ("{\"io.vendor.x\":[1],\"parameters\":{}}", "{}"), ("{\"continues\":false}", "{}"),
    ])
    func `what the specification allows is understood`(text: String, parameters: String) throws {
        let reply = try Self.answer(with: Array(text.utf8) + [0]) { try $0.call("a.b.C") }
        #expect(reply.text() == parameters)
    }

    @Test func `an error keeps its name and its fields`() throws {
        try Self.answer(with: Array("{\"error\":\"a.b.No\",\"parameters\":{\"why\":\"x\"}}".utf8) + [0]) { client in
            #expect(throws: VarlinkClientError.remote(VarlinkError("a.b.No", ["why": "x"]))) {
                try client.call("a.b.C")
            }
        }
    }

    @Test(arguments: ["", "{\"parameters\":{}"])
    func `a connection that ends before the answer is lost`(text: String) throws {
        try Self.answer(with: Array(text.utf8), thenClose: true) { client in
            #expect(throws: VarlinkClientError.connectionLost) { try client.call("a.b.C") }
        }
    }

    @Test(arguments: ["", "{\"parameters\":{}"])
    func `an answer that does not come in time is not waited for`(text: String) throws {
        try Self.answer(with: Array(text.utf8)) { client in
            #expect(throws: VarlinkClientError.timedOut) { try client.call("a.b.C", milliseconds: 50) }
            #expect(throws: VarlinkClientError.connectionLost) { try client.call("a.b.C") }
        }
    }

    @Test func `an answer without end is cut off`() throws {
        try Self.answer(with: [UInt8](repeating: 0x20, count: (4 << 20) + 2)) { client in
            #expect(throws: VarlinkClientError.malformed(.overlong)) { try client.call("a.b.C") }
        }
    }

    @Test func `an answer that is all there is read though the server has gone`() throws {
        let reply = try Self.answer(with: Array("{\"parameters\":{\"a\":1}}".utf8) + [0], thenClose: true) { client in
            Clock.sleep(milliseconds: 50)
            return try client.call("a.b.C")
        }
        #expect(reply["a"] == 1)
    }

    @Test func `a listener of another user is refused before anything is sent`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("socket")
        let listener = try UnixListener(at: path, mode: 0o600)
        let other = UserID(CurrentProcess.user.rawValue + 1)
        #expect(throws: VarlinkClientError.wrongServer(found: CurrentProcess.user, expected: other)) {
            try VarlinkClient(path: path, server: other)
        }
        guard let stream = try listener.accept() else { throw TestFailure("the client was not there") }
        var buffer = [UInt8](repeating: 0, count: 10)
        let count = try stream.receive(into: &buffer, upTo: 10)
        #expect(count == 0)
    }

    @Test(arguments: ["absent", "file", "stale", String(repeating: "x", count: 200), ""])
    func `where nobody listens there is a clear error`(name: String) throws {
        let directory = try TemporaryDirectory()
        let path = name.isEmpty ? "" : directory.path(name)
        if name == "file" { try Files.write(path, []) }
        if name == "stale" { _ = try UnixListener(at: path, mode: 0o600) }
        let error = #expect(throws: VarlinkClientError.self) {
            try VarlinkClient(path: path, server: CurrentProcess.user)
        }
        guard case .unreachable = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `a client takes as many answers as it wants`() throws {
        let server = try TestServer()
        let client = try server.client()
        var numbers: [Int64] = []
        try client.callMore("org.example.test.Count", ["to": 1000]) { reply in
            numbers.append(reply["number"]?.integerValue ?? -1)
            return numbers.count < 3
        }
        #expect(numbers == [1, 2, 3])
        #expect(throws: VarlinkClientError.connectionLost) { try client.call("org.example.test.Echo", ["text": "x"]) }
    }

    @Test func `an error leaves the connection usable`() throws {
        let server = try TestServer()
        let client = try server.client()
        #expect(throws: VarlinkClientError.remote(.expectedMore)) {
            try client.call("org.example.test.Count", ["to": 2])
        }
        try client.callOneway("org.example.test.Echo", ["text": "unheard"])
        #expect(try client.call("org.example.test.Echo", ["text": "x"]) == ["text": "x"])
    }
}
