import Linux

/// Whole messages over a stream, and nothing done to them: what the least client does.
struct MessageExchange: ~Copyable {
    private let stream: UnixStream
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)
    private static let patience: Int64 = 10_000_000_000

    init(connectingTo path: String) throws(SystemError) {
        stream = try UnixStream(connectingTo: path, milliseconds: 10_000)
    }

    /// Sends a message and waits for its answer.
    mutating func call(_ message: [UInt8]) throws(BenchmarkError) {
        let isAnswered = try BenchmarkError.from { () throws(SystemError) in
            try send(message)
            return try receive()
        }
        guard isAnswered else { throw .unexpected("a connection ended before the answer") }
    }

    private func send(_ message: [UInt8]) throws(SystemError) {
        var sent = 0
        while sent < message.count {
            if let count = try stream.send(message, from: sent) {
                sent += count
            } else if try !stream.waitUntil(.write, deadline: Clock.monotonic() + Self.patience) {
                throw SystemError("send", .timedOut)
            }
        }
    }

    /// Takes in one message; false where the other end is gone.
    private mutating func receive() throws(SystemError) -> Bool {
        while true {
            guard try stream.waitUntil(.read, deadline: Clock.monotonic() + Self.patience) else {
                throw SystemError("recv", .timedOut)
            }
            guard let count = try stream.receive(into: &buffer, upTo: buffer.count) else { continue }
            guard count > 0 else { return false }
            if buffer[count - 1] == 0 { return true }
        }
    }
}

/// A connection that actions share.
final class KeptConnection {
    private var exchange: MessageExchange

    init(to path: String) throws(BenchmarkError) {
        exchange = try BenchmarkError.from { () throws(SystemError) in try MessageExchange(connectingTo: path) }
    }

    func call(_ message: [UInt8]) throws(BenchmarkError) { try exchange.call(message) }
}
