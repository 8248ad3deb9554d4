import Linux

/// Clients that each wait for an answer and ask again at once, all on this thread: what a server gets through.
///
/// It does even less for each answer than the echo does, so whatever it asks is what is measured.
final class Load {
    private static let warmUp: Int64 = 50_000_000

    private final class Client {
        let stream: UnixStream

        init(_ path: String) throws(SystemError) { stream = try UnixStream(connectingTo: path, milliseconds: 10_000) }
    }

    private let loop: EventLoop
    private let message: [UInt8]
    private var clients: [Client] = []
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)
    private var answers: Int64 = 0
    private var isBroken = false

    private init(_ path: String, _ message: [UInt8], connections: Int) throws(SystemError) {
        loop = try EventLoop()
        self.message = message
        for _ in 0..<connections {
            let client = try Client(path)
            clients.append(client)
            _ = try loop.watch(client.stream.descriptor, for: .read) { [self] _ in goOn(client) }
        }
    }

    /// Answers a second that a server gives over so many connections.
    static func rate(
        of path: String, _ message: [UInt8], connections: Int, milliseconds: Int64
    ) throws(BenchmarkError) -> Int64 {
        try BenchmarkError.from { () throws(SystemError) in
            try Load(path, message, connections: connections).rate(milliseconds: milliseconds)
        }
    }

    private func rate(milliseconds: Int64) throws(SystemError) -> Int64 {
        let begin = Clock.monotonic() + Self.warmUp
        _ = loop.schedule(at: begin) { [self] in
            answers = 0
            let start = loop.now
            _ = loop.schedule(at: start + milliseconds * 1_000_000) { [self] in
                answers = answers * 1_000_000_000 / max(1, loop.now - start)
                loop.stop()
            }
        }
        for client in clients { ask(client) }
        try loop.run()
        guard !isBroken else { throw SystemError("recv", .connectionReset) }
        return answers
    }

    private func goOn(_ client: Client) {
        guard let count = try? client.stream.receive(into: &buffer, upTo: buffer.count), count > 0 else {
            return giveUp()
        }
        guard buffer[count - 1] == 0 else { return }
        answers += 1
        ask(client)
    }

    /// One message fits the buffer of a socket on which nothing waits.
    private func ask(_ client: Client) {
        if (try? client.stream.send(message, from: 0)) != message.count { giveUp() }
    }

    private func giveUp() {
        isBroken = true
        loop.stop()
    }
}
