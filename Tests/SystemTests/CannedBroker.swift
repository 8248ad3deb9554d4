import API
import JSON
import Linux
import MIG
import Synchronization
import TestSupport
import Varlink

/// A Varlink server under the broker's interface that answers each method with what a test gave it: for what a client
/// makes of answers that the real broker gives rarely, or never.
final class CannedBroker: Sendable {
    let socket: String
    private let directory: Home
    private let thread: Mutex<Thread?>
    private let control: VarlinkServer.Control

    private final class Home: Sendable {
        let directory: TemporaryDirectory
        init() throws { directory = try TemporaryDirectory() }
    }

    enum Answer: Sendable {
        case reply(JSONValue)
        case error(String, JSONValue)
    }

    init(_ answers: [String: Answer]) throws {
        directory = try Home()
        let path = directory.directory.path("socket")
        let started = Mailbox<Result<VarlinkServer.Control, SystemError>>(capacity: 1)
        let thread = try Thread(named: "canned-broker") {
            do throws(SystemError) {
                let server = try VarlinkServer(
                    listener: try UnixListener(at: path, mode: 0o666), service: CannedService(answers),
                    bounds: Bounds(), loop: EventLoop())
                _ = started.send(.success(server.control))
                try server.run()
            } catch {
                _ = started.send(.failure(error))
            }
        }
        socket = path
        self.thread = Mutex(consume thread)
        guard let result = started.receive(milliseconds: 10_000) else {
            throw StageError(what: "the server does not start")
        }
        control = try result.get()
    }

    deinit {
        control.drain(seconds: 0)
        thread.withLock { slot in
            if let thread = slot.take() { thread.join() }
        }
    }

    /// Runs the real client against these answers.
    func migctl(_ arguments: [String], environment: [String] = ["TZ=UTC"]) throws -> Command {
        try Command.run(
            BuiltProducts.path(of: "migctl"), ["--socket", socket] + arguments,
            environment: [Command.defaultPath] + environment)
    }
}

private final class CannedService: VarlinkService {
    private let answers: [String: CannedBroker.Answer]

    init(_ answers: [String: CannedBroker.Answer]) { self.answers = answers }

    let identity = VarlinkServiceIdentity(
        vendor: "test", product: "test", version: "0", url: "https://example.org",
        interfaces: [VarlinkInterface(BrokerInterface.description)],
        tooManyConnections: VarlinkError(BrokerInterface.qualified("TooManyRequests"), ["message": ""]),
        replyTooLong: VarlinkError(BrokerInterface.qualified("DriverError"), ["message": ""]))

    func answer(_ call: VarlinkCall) throws(VarlinkError) -> VarlinkAnswer {
        switch answers[call.member] {
        case .reply(let parameters)?: return .reply(parameters)
        case .error(let name, let parameters)?: throw VarlinkError(name, parameters)
        case nil: throw .methodNotImplemented(call.method)
        }
    }

    func didRefuse(_ refusal: VarlinkRefusal) {}
}
