import Glibc
import JSON
import Linux
import MIG
import Synchronization
import TestSupport
import Varlink

/// A real server on a real socket, on a thread of its own, gone with its owner.
final class TestServer: Sendable {
    let path: String
    let record = ServiceRecord()
    private let directory: Home
    private let thread: Mutex<Thread?>
    private let control: VarlinkServer.Control

    private final class Home: Sendable {
        let directory: TemporaryDirectory
        init() throws { directory = try TemporaryDirectory() }
    }

    init(_ adjust: (inout Bounds) -> Void = { _ in }) throws {
        var bounds = Bounds()
        adjust(&bounds)
        directory = try Home()
        let path = directory.directory.path("socket")
        let started = Mailbox<Result<VarlinkServer.Control, SystemError>>(capacity: 1)
        let thread = try Thread(named: "test-server") { [bounds, record] in
            do throws(SystemError) {
                let listener = try UnixListener(at: path, mode: 0o666)
                let server = try VarlinkServer(
                    listener: listener, service: TestService(record), bounds: bounds, loop: EventLoop())
                _ = started.send(.success(server.control))
                try server.run()
                record.noteEnd()
            } catch {
                _ = started.send(.failure(error))
            }
        }
        self.path = path
        self.thread = Mutex(consume thread)
        guard let result = started.receive(milliseconds: 10_000) else { throw TestFailure("the server does not start") }
        control = try result.get()
    }

    deinit { stop() }

    /// Drains, and waits for the server's thread.
    func stop(seconds: Int = 0) {
        control.drain(seconds: seconds)
        thread.withLock { slot in
            if let thread = slot.take() { thread.join() }
        }
    }

    func drain(seconds: Int) { control.drain(seconds: seconds) }

    func client() throws(VarlinkClientError) -> VarlinkClient {
        try VarlinkClient(path: path, server: CurrentProcess.user)
    }

    func wire() throws -> Wire { try Wire(path) }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What a service did, for tests on other threads to look at.
final class ServiceRecord: Sendable {
    private struct State {
        var executed: [String] = []
        var refusals: [String] = []
        var responders: [VarlinkResponder] = []
        var hasEnded = false
    }

    private let state = Mutex(State())

    var executed: [String] { state.withLock { $0.executed } }
    var refusals: [String] { state.withLock { $0.refusals } }
    var hasEnded: Bool { state.withLock { $0.hasEnded } }
    var kept: [VarlinkResponder] { state.withLock { $0.responders } }

    func execute(_ what: String) { state.withLock { $0.executed.append(what) } }
    func refuse(_ what: String) { state.withLock { $0.refusals.append(what) } }
    func keep(_ responder: VarlinkResponder) { state.withLock { $0.responders.append(responder) } }
    func noteEnd() { state.withLock { $0.hasEnded = true } }

    /// Takes the oldest responder that a `Keep` call left behind.
    func takeResponder() throws -> VarlinkResponder {
        try eventually("a call waits for its answer") { !kept.isEmpty }
        return state.withLock { $0.responders.removeFirst() }
    }
}

/// Waits until something holds; fails after twenty seconds.
func eventually(_ what: String, _ holds: () throws -> Bool) throws {
    for _ in 0..<4000 {
        if try holds() { return }
        Clock.sleep(milliseconds: 5)
    }
    throw TestFailure("not in twenty seconds: \(what)")
}

/// One method for each way to answer.
final class TestService: VarlinkService {
    private let record: ServiceRecord

    init(_ record: ServiceRecord) { self.record = record }

    static let interface = VarlinkInterface(
        """
        # An interface for tests.
        interface org.example.test

        # Answers with what it was given.
        method Echo(text: string) -> (text: string)

        # Answers with who asks, by the kernel's word.
        method WhoAmI() -> (uid: int, gid: int, groups: []int, pid: int)

        # Counts up. [Requires 'more' flag]
        method Count(to: int) -> (number: int)

        # Answers when the test wants it.
        method Keep(text: string) -> (text: string)

        # Forgets to answer.
        method Forget() -> ()

        # A reply of many bytes.
        method Big(bytes: int) -> (text: string)

        # Always fails.
        method Fail() -> ()

        error Failed (reason: string)
        error TooManyConnections ()
        error ReplyTooLong ()

        """)

    let identity = VarlinkServiceIdentity(
        vendor: "Example", product: "Test", version: "1", url: "https://example.org", interfaces: [interface],
        tooManyConnections: VarlinkError("org.example.test.TooManyConnections"),
        replyTooLong: VarlinkError("org.example.test.ReplyTooLong"))

    func answer(_ call: VarlinkCall) throws(VarlinkError) -> VarlinkAnswer {
        record.execute("\(call.member) \(call.parameters.text())")
        do throws(JSONShapeError) {
            return try answer(call, JSONObjectReader(call.parameters, nullIsAbsent: true))
        } catch {
            throw VarlinkError(error)
        }
    }

    private func answer(
        _ call: VarlinkCall, _ reader: JSONObjectReader
    ) throws(JSONShapeError) -> VarlinkAnswer {
        var parameters = reader
        switch call.member {
        case "Echo":
            let text = try parameters.string("text")
            try parameters.finish()
            return .reply(["text": .string(text)])
        case "WhoAmI":
            return .reply(Self.describe(call.caller))
        case "Count":
            let last = try parameters.integer("to", in: 1...1_000_000)
            guard call.mode == .more else { return .now(.error(.expectedMore)) }
            return .later { responder in Self.count(to: last, responder) }
        case "Keep":
            return .later { [record] responder in record.keep(responder) }
        case "Forget":
            return .later { _ in }
        case "Big":
            let count = try parameters.integer("bytes", in: 0...16_000_000)
            return .reply(["text": .string(String(repeating: "x", count: Int(count)))])
        default:
            return .now(.error(VarlinkError("org.example.test.Failed", ["reason": "as asked"])))
        }
    }

    private static func describe(_ caller: PeerCredentials) -> JSONValue {
        [
            "uid": .integer(caller.user.rawValue), "gid": .integer(caller.group.rawValue),
            "groups": .array(caller.groups.sorted().map { .integer($0.rawValue) }), "pid": .integer(caller.pid),
        ]
    }

    private static func count(to last: Int64, _ responder: VarlinkResponder) {
        do {
            try Thread(named: "counter") {
                for number in 1..<last {
                    while !responder.send(.partial(["number": .integer(number)])) {
                        guard responder.isDrained(in: 20_000) else { break }
                    }
                }
                responder.finish(.reply(["number": .integer(last)]))
            }.detach()
        } catch {
            responder.finish(.error(VarlinkError("org.example.test.Failed", ["reason": .string(error.description)])))
        }
    }

    func didRefuse(_ refusal: VarlinkRefusal) {
        switch refusal {
        case .identity(let error): record.refuse("identity: \(error)")
        case .tooManyConnections(let peer): record.refuse("connections: \(peer.user)")
        case .closed(_, _, let misconduct): record.refuse("closed: \(misconduct)")
        }
    }
}

extension VarlinkResponder {
    /// Waits so many milliseconds for all that was sent to leave.
    ///
    /// - Returns: whether it did, and somebody still waits for more.
    func isDrained(in milliseconds: Int) -> Bool {
        let drained = Mailbox<Bool>(capacity: 1)
        whenDrained { _ = drained.send(true) }
        return drained.receive(milliseconds: milliseconds) == true && isOpen
    }
}

/// A client that says exactly the bytes it is told to.
final class Wire {
    let stream: UnixStream
    private var received: [UInt8] = []

    init(_ path: String) throws { stream = try UnixStream(connectingTo: path, milliseconds: 5000) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            if let count = try stream.send(bytes, from: sent) {
                sent += count
            } else if try !stream.waitUntil(.write, deadline: Clock.monotonic() + 20_000_000_000) {
                throw TestFailure("the server does not read")
            }
        }
    }

    /// Sends texts, each with its NUL.
    func say(_ messages: String...) throws { try send(messages.flatMap { Array($0.utf8) + [0] }) }

    /// The next message without its NUL, or nil when the server has closed the connection.
    func hear() throws -> String? {
        while true {
            if let end = received.firstIndex(of: 0) {
                defer { received.removeFirst(end + 1) }
                return String(decoding: received[..<end], as: UTF8.self)
            }
            var buffer = [UInt8](repeating: 0, count: 65536)
            do {
                guard let count = try stream.receive(into: &buffer, upTo: buffer.count) else {
                    guard try stream.waitUntil(.read, deadline: Clock.monotonic() + 20_000_000_000) else {
                        throw TestFailure("the server says nothing")
                    }
                    continue
                }
                guard count > 0 else { return nil }
                received += buffer[..<count]
            } catch let error as SystemError where error.code == .connectionReset {
                return nil
            }
        }
    }

    /// One call and its reply.
    func ask(_ message: String) throws -> String? {
        try say(message)
        return try hear()
    }

    /// Says that nothing more will come, and still listens.
    func finishSending() { shutdown(stream.descriptor.raw, Int32(SHUT_WR)) }

    /// Whether the server has closed the connection without another word.
    func isClosed() throws -> Bool { try hear() == nil }

    static func echo(_ text: String, _ flags: String = "") -> String {
        "{\"method\":\"org.example.test.Echo\",\"parameters\":{\"text\":\"\(text)\"}\(flags)}"
    }

    static func echoed(_ text: String) -> String { "{\"parameters\":{\"text\":\"\(text)\"}}" }
}
