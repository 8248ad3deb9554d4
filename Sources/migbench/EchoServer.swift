import Linux

/// The floor of every call: whoever sends a message gets a fixed answer, one connection at a time.
///
/// It knows no user beyond asking the kernel for him once, parses nothing and keeps nothing. Its thread lives as long
/// as the process.
final class EchoServer: Sendable {
    let path: String
    private let listener: UnixListener
    private let answer: [UInt8]

    /// Listens at once; the answer ends with the NUL that ends every message.
    init(at path: String, answer: [UInt8]) throws(BenchmarkError) {
        self.path = path
        self.answer = answer
        listener = try BenchmarkError.from { () throws(SystemError) in try UnixListener(at: path, mode: 0o600) }
        try BenchmarkError.from { () throws(SystemError) in try Thread(named: "echo") { [self] in run() } }.detach()
    }

    private func run() {
        while true {
            do throws(SystemError) {
                _ = try listener.waitForConnection(deadline: nil)
                guard let stream = try listener.accept() else { continue }
                _ = try PeerCredentials.user(of: stream)
                var exchange = MessageExchange(stream)
                while try exchange.receive() { try exchange.send(answer) }
            } catch {
                // The client at the other end is this program: it finds its connection closed, and says so.
                continue
            }
        }
    }
}

/// Whole messages over a stream, and nothing done to them: both ends of the floor.
struct MessageExchange: ~Copyable {
    private let stream: UnixStream
    private var buffer = [UInt8](repeating: 0, count: 4 << 10)
    private static let patience: Int64 = 10_000_000_000

    init(_ stream: consuming UnixStream) { self.stream = stream }

    init(connectingTo path: String) throws(SystemError) {
        stream = try UnixStream(connectingTo: path, milliseconds: 10_000)
    }

    func send(_ message: [UInt8]) throws(SystemError) {
        var sent = 0
        while sent < message.count {
            if let count = try stream.send(message, from: sent) {
                sent += count
            } else if try !stream.waitUntil(.write, deadline: Clock.monotonic() + Self.patience) {
                throw SystemError("send", .timedOut)
            }
        }
    }

    /// Takes in one message, of which `received` is the last part.
    ///
    /// - Returns: false where the other end is gone.
    mutating func receive(_ received: (ArraySlice<UInt8>) -> Void = { _ in }) throws(SystemError) -> Bool {
        while true {
            guard try stream.waitUntil(.read, deadline: Clock.monotonic() + Self.patience) else {
                throw SystemError("recv", .timedOut)
            }
            guard let count = try stream.receive(into: &buffer, upTo: buffer.count) else { continue }
            guard count > 0 else { return false }
            received(buffer[..<count])
            if buffer[count - 1] == 0 { return true }
        }
    }

    /// Sends a message and waits for its answer.
    mutating func call(_ message: [UInt8]) throws(BenchmarkError) {
        let isAnswered = try BenchmarkError.from { () throws(SystemError) in
            try send(message)
            return try receive()
        }
        guard isAnswered else { throw .unexpected("a connection ended before the answer") }
    }
}
