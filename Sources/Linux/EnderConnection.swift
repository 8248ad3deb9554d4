internal import MIG

/// A connection to the service that ends processes, with questions asked one after another.
package struct EnderConnection: ~Copyable, Sendable {
    private let stream: UnixStream
    private let path: String
    private let milliseconds: Int

    /// Connects to a listener of root's; anybody else's is `EPERM`. Neither this nor a question takes longer than so many
    /// milliseconds.
    package init(to path: String, milliseconds: Int) throws(SystemError) {
        let stream = try UnixStream(connectingTo: path, milliseconds: milliseconds)
        guard try PeerCredentials.user(of: stream) == .root else { throw SystemError("connect", .notPermitted, path) }
        self.stream = stream
        self.path = path
        self.milliseconds = milliseconds
    }

    /// Asks, and waits for the answer.
    package func ask(_ question: EnderQuestion) throws(SystemError) -> EnderAnswer {
        let deadline = Clock.monotonic() + Int64(milliseconds) * 1_000_000
        guard try stream.sendWhole(question.bytes, deadline: deadline) else {
            throw SystemError("send", .timedOut, path)
        }
        let bytes: [UInt8]
        switch try stream.receiveWhole(EnderAnswer.length, deadline: deadline) {
        case .message(let whole): bytes = whole
        case .end: throw SystemError("recv", .connectionReset, path)
        case .timedOut: throw SystemError("recv", .timedOut, path)
        }
        guard let answer = EnderAnswer(bytes) else { throw SystemError("recv", .invalid, path) }
        return answer
    }
}

/// What comes of waiting for a message of a known length.
package enum ReceivedMessage: Hashable, Sendable {
    case message([UInt8])
    /// The peer will send no more; a message that had begun is not told.
    case end
    case timedOut
}

extension UnixStream {
    /// Waits for exactly so many bytes, until a moment of `Clock.monotonic`.
    package func receiveWhole(_ count: Int, deadline: Int64) throws(SystemError) -> ReceivedMessage {
        var whole: [UInt8] = []
        while whole.count < count {
            var part = [UInt8](repeating: 0, count: count - whole.count)
            if let got = try receive(into: &part, upTo: part.count) {
                if got == 0 { return .end }
                whole += part.prefix(got)
            } else if try !waitUntil(.read, deadline: deadline) {
                return .timedOut
            }
        }
        return .message(whole)
    }

    /// Sends all bytes, until a moment of `Clock.monotonic`.
    ///
    /// - Returns: false where the peer did not take them in time.
    package func sendWhole(_ bytes: [UInt8], deadline: Int64) throws(SystemError) -> Bool {
        var start = 0
        while start < bytes.count {
            if let sent = try send(bytes, from: start) {
                start += sent
            } else if try !waitUntil(.write, deadline: deadline) {
                return false
            }
        }
        return true
    }
}
