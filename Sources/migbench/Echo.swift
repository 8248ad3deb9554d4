import Linux

/// The floor of every call: whoever sends a message gets a fixed answer.
///
/// Like the broker it is a process of its own with an event loop on one thread, and asks the kernel who connects. It
/// parses nothing, decides nothing and keeps nothing.
enum Echo {
    /// The hidden verb by which this program becomes the echo: `--echo SOCKET ANSWER`.
    static let verb = "--echo"

    /// Starts it, and returns when it listens.
    static func start(_ stage: Stage, named name: String, answer: [UInt8]) throws(BenchmarkError) -> RunningEcho {
        let path = "\(stage.directory)/\(name)"
        let program = try BenchmarkError.from { () throws(SystemError) in
            try Files.write("\(path).answer", answer)
            return try CurrentProcess.executable()
        }
        let running = try RunningProgram(program, [verb, path, "\(path).answer"], log: "\(stage.directory)/log")
        while !isListening(at: path) {
            guard try !running.hasFinished() else { throw .unexpected("the echo ended at once") }
            Clock.sleep(milliseconds: 1)
        }
        return RunningEcho(path: path, program: running)
    }

    private static func isListening(at path: String) -> Bool {
        do throws(SystemError) {
            _ = try UnixStream(connectingTo: path, milliseconds: 1000)
            return true
        } catch {
            return false
        }
    }

    /// Serves until it is told to end.
    static func serve(at path: String, answerFrom file: String) throws(SystemError) {
        let signals = try Signals([Signals.terminate, Signals.interrupt, Signals.hangUp])
        _ = try UnixListener.removeStale(at: path)
        let listener = try UnixListener(at: path, mode: 0o600)
        let server = EchoServer(loop: try EventLoop(), answer: try Files.read(file))
        _ = try server.loop.watch(signals.descriptor, for: .read) { _ in server.loop.stop() }
        _ = try server.loop.watch(listener.descriptor, for: .read) { _ in
            // Who cannot be let in finds his connection closed, and says so.
            if let stream = try? listener.accept() { try? server.admit(stream) }
        }
        try server.loop.run()
    }
}

/// An echo that was started.
struct RunningEcho {
    let path: String
    fileprivate let program: RunningProgram
    var pid: Int32 { program.pid }

    func stop() throws(BenchmarkError) { try program.stop(seconds: 10) }
}

/// All that the echo knows.
private final class EchoServer {
    let loop: EventLoop
    private let answer: [UInt8]
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    private final class Client {
        let stream: UnixStream
        var token: EventLoop.Token?

        init(_ stream: consuming UnixStream) { self.stream = stream }
    }

    init(loop: EventLoop, answer: [UInt8]) {
        self.loop = loop
        self.answer = answer
    }

    func admit(_ stream: consuming UnixStream) throws(SystemError) {
        _ = try PeerCredentials.user(of: stream)
        let client = Client(stream)
        client.token = try loop.watch(client.stream.descriptor, for: .read) { [self] _ in
            if (try? reply(to: client)) != true, let token = client.token { loop.forget(token) }
        }
    }

    /// - Returns: false where the client is gone. Its messages are short and its answers fit the socket's buffer.
    private func reply(to client: Client) throws(SystemError) -> Bool {
        guard let count = try client.stream.receive(into: &buffer, upTo: buffer.count) else { return true }
        guard count > 0 else { return false }
        guard buffer[count - 1] == 0 else { return true }
        return try client.stream.send(answer, from: 0) == answer.count
    }
}
