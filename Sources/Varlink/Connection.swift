internal import Linux
internal import MIG

/// One client as the server sees him: what he has sent, what waits to be sent to him, and the call being answered.
///
/// Belongs to the loop's thread. Does its own reading and writing; what happens next is the server's to decide.
final class Connection {
    /// What the connection waits for, which says how long it may.
    enum Phase: Hashable {
        /// The first byte of a message.
        case idle
        /// The rest of a message.
        case receiving
        /// Its turn, or the answer to its call.
        case busy
        /// The client, to read.
        case sending
    }

    /// A call whose answer is still to come.
    struct Call {
        let number: UInt64
        let mode: VarlinkCall.Mode
        let answer: PendingAnswer
    }

    let id: UInt64
    let peer: PeerCredentials
    let stream: UnixStream
    var watch: EventLoop.Token?
    var interest: EventLoop.Readiness = .read
    var input: MessageBuffer
    var call: Call?
    var isQueued = false
    var isOpen = true
    /// The client will send nothing more.
    var hasReachedEnd = false
    /// The client will not read any more either.
    var isAbandoned = false
    private(set) var phase = Phase.idle
    private(set) var phaseStart: Int64
    private var output: [Chunk] = []
    /// Of the first chunk.
    private var sent = 0

    private struct Chunk {
        let bytes: [UInt8]
        let answer: PendingAnswer?
    }

    init(id: UInt64, peer: PeerCredentials, stream: consuming UnixStream, longestCall: Int, now: Int64) {
        self.id = id
        self.peer = peer
        self.stream = stream
        input = MessageBuffer(longest: longestCall)
        phaseStart = now
    }

    var hasOutput: Bool { !output.isEmpty }

    /// What the connection is to be watched for now.
    var wantedInterest: EventLoop.Readiness {
        var wanted: EventLoop.Readiness = []
        if !hasReachedEnd && input.room > 0 { wanted.insert(.read) }
        if hasOutput { wanted.insert(.write) }
        return wanted
    }

    /// Time counts from the start of a phase, not of its continuation.
    func enter(_ phase: Phase, now: Int64) {
        guard phase != self.phase else { return }
        self.phase = phase
        phaseStart = now
    }

    /// Takes in what has come, as far as there is room for it.
    func receive(with scratch: inout [UInt8]) throws(SystemError) {
        guard !hasReachedEnd, input.room > 0 else { return }
        guard let count = try stream.receive(into: &scratch, upTo: input.room) else {
            // Of a client that is gone there is nothing to wait for.
            hasReachedEnd = isAbandoned
            return
        }
        if count == 0 { hasReachedEnd = true } else { input.append(scratch[..<count]) }
    }

    /// Queues a message; one of a stream is counted off when it has left.
    func enqueue(_ message: VarlinkMessage, of answer: PendingAnswer? = nil) {
        output.append(Chunk(bytes: message.bytes, answer: answer))
    }

    /// Sends as much as the client takes.
    func flush(now: Int64) throws(SystemError) {
        while let chunk = output.first {
            guard let count = try stream.send(chunk.bytes, from: sent) else { return }
            sent += count
            phaseStart = now
            guard sent == chunk.bytes.count else { continue }
            sent = 0
            chunk.answer?.release(chunk.bytes.count)
            output.removeFirst()
        }
    }

    /// Nobody will read what is queued.
    func dropOutput() {
        for chunk in output { chunk.answer?.release(chunk.bytes.count) }
        output = []
        sent = 0
    }
}
