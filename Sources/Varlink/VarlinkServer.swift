internal import JSON
package import Linux
package import MIG

/// Serves one service on one socket: one thread, one event loop, a state machine for each connection.
///
/// A client can make it do no more than the bounds say, and cannot make others wait: connections are counted by user
/// and all together, messages have a size and a time, users are served in turn, one message each, and the next call of
/// a connection is not started before the last reply of the one before has left.
package final class VarlinkServer {
    /// Reaches a running server from other threads.
    package struct Control: Sendable {
        fileprivate let queue: LoopQueue<VarlinkResponder.Post>
        fileprivate let drainRequest: LoopQueue<Int>

        /// Takes no more connections and calls, waits at most so long for answers under way, then lets `run` return.
        package func drain(seconds: Int) { drainRequest.post(seconds) }
    }

    let loop: EventLoop
    let listener: UnixListener
    let service: any VarlinkService
    let bounds: Bounds
    let limits: JSONLimits
    let builtIn: ServiceInterface
    /// For other threads.
    package let control: Control

    var listening: EventLoop.Token?
    var connections: [UInt64: Connection] = [:]
    var count: ConnectionCount
    var queue = FairQueue<Connection>()
    var scratch = [UInt8](repeating: 0, count: 64 << 10)
    var lastNumber: UInt64 = 0
    var sweep: (deadline: Int64, timer: EventLoop.Token)?
    var isDraining = false

    /// Messages served between two looks at the sockets, and how long one goes on with them, so that newcomers are
    /// seen soon however much each message makes one do.
    static let messagesPerTurn = 16
    static let turnLength: Int64 = 2_000_000
    static let acceptsPerEvent = 16
    /// For the next try after the process ran out of descriptors or memory; those who wait stay in the backlog.
    static let acceptPause: Int64 = 100_000_000

    /// Starts nothing yet; the socket's backlog holds whoever comes before `run`.
    package init(
        listener: consuming UnixListener, service: any VarlinkService, bounds: Bounds, loop: EventLoop
    ) throws(SystemError) {
        self.loop = loop
        self.listener = listener
        self.service = service
        self.bounds = bounds
        limits = JSONLimits(
            bytes: bounds.callBytes, depth: bounds.depth, keysPerObject: bounds.keysPerObject,
            stringBytes: bounds.stringBytes)
        builtIn = ServiceInterface(service.identity)
        control = Control(queue: try LoopQueue(), drainRequest: try LoopQueue())
        count = ConnectionCount(bounds: bounds)
    }

    /// Serves on this thread until `Control.drain` has done its work, or the loop is stopped.
    package func run() throws(SystemError) {
        let posts = try control.queue.attach(to: loop) { [self] in receive($0) }
        let requests = try control.drainRequest.attach(to: loop) { [self] in drain(seconds: $0) }
        try listen()
        loop.turn = { [self] in serveTurn() }
        defer {
            loop.turn = { false }
            stopListening()
            loop.forget(posts)
            loop.forget(requests)
        }
        try loop.run()
    }
}

// MARK: - Calls

extension VarlinkServer {
    /// Serves the messages whose turn it is.
    ///
    /// - Returns: whether more of them wait.
    func serveTurn() -> Bool {
        let end = Clock.monotonic() + Self.turnLength
        for _ in 0..<Self.messagesPerTurn where Clock.monotonic() < end {
            guard let connection = queue.pop() else { return false }
            connection.isQueued = false
            guard connection.isOpen else { continue }
            if !isDraining, let message = connection.input.takeMessage() { serve(message, of: connection) }
            advance(connection)
        }
        return !queue.isEmpty
    }

    func serve(_ message: [UInt8], of connection: Connection) {
        let header: CallHeader
        do throws(MalformedMessage) {
            header = try CallHeader(message, limits: limits)
        } catch {
            return close(connection, for: .malformed(error))
        }
        let call = VarlinkCall(
            method: header.method, parameters: header.parameters, mode: header.mode, caller: connection.peer,
            connection: connection.id)
        switch answer(call) {
        case .now(let message):
            send(message, answering: header.mode, on: connection)
        case .later(let start):
            let number = nextNumber()
            let pending = PendingAnswer(capacity: bounds.outputBytes)
            connection.call = Connection.Call(number: number, mode: header.mode, answer: pending)
            if connection.isAbandoned { pending.close() }
            start(
                VarlinkResponder(
                    pending, connection: connection.id, call: number, wantsMore: header.mode == .more,
                    queue: control.queue))
        }
    }

    func answer(_ call: VarlinkCall) -> VarlinkAnswer {
        do throws(VarlinkError) {
            if let message = try builtIn.answer(call) { return .now(message) }
            return try service.answer(call)
        } catch {
            return .now(.error(error))
        }
    }

    func send(
        _ message: VarlinkMessage, answering mode: VarlinkCall.Mode, on connection: Connection,
        of answer: PendingAnswer? = nil
    ) {
        guard mode != .oneway, !connection.isAbandoned else {
            answer?.release(message.bytes.count)
            return
        }
        let fits = message.bytes.count <= bounds.replyBytes + 1
        connection.enqueue(fits ? message : .error(service.identity.replyTooLong), of: fits ? answer : nil)
        if !fits { answer?.release(message.bytes.count) }
        flush(connection)
    }

    /// Takes what another thread answered; the connection, or the call, may be long gone.
    func receive(_ post: VarlinkResponder.Post) {
        guard let connection = connections[post.connection], let call = connection.call, call.number == post.call
        else { return }
        switch post.content {
        case .partial(let message):
            send(message, answering: call.mode, on: connection, of: call.answer)
        case .final(let message):
            connection.call = nil
            send(message, answering: call.mode, on: connection)
        case .dropped:
            return close(connection)
        }
        advance(connection)
    }
}

// MARK: - The end

extension VarlinkServer {
    func drain(seconds: Int) {
        guard !isDraining else { return }
        isDraining = true
        stopListening()
        for connection in connections.values {
            // A stream has no end of its own to wait for.
            if connection.call?.mode == .more { close(connection) } else { advance(connection) }
        }
        if connections.isEmpty { return loop.stop() }
        _ = loop.schedule(at: loop.now + Int64(seconds) * 1_000_000_000) { [self] in
            for connection in connections.values { close(connection) }
        }
    }
}
