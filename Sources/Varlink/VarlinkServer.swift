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

    private let loop: EventLoop
    private let listener: UnixListener
    private let service: any VarlinkService
    private let bounds: Bounds
    private let limits: JSONLimits
    private let builtIn: ServiceInterface
    /// For other threads.
    package let control: Control

    private var listening: EventLoop.Token?
    private var connections: [UInt64: Connection] = [:]
    private var count: ConnectionCount
    private var queue = FairQueue<Connection>()
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)
    private var lastNumber: UInt64 = 0
    private var sweep: (deadline: Int64, timer: EventLoop.Token)?
    private var isDraining = false

    /// Messages served between two looks at the sockets, so that newcomers are seen soon.
    private static let messagesPerTurn = 16
    private static let acceptsPerEvent = 16
    /// For the next try after the process ran out of descriptors or memory; those who wait stay in the backlog.
    private static let acceptPause: Int64 = 100_000_000

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

// MARK: - Coming and going

extension VarlinkServer {
    private func listen() throws(SystemError) {
        guard listening == nil, !isDraining else { return }
        listening = try loop.watch(listener.descriptor, for: .read) { [self] _ in acceptSome() }
    }

    private func stopListening() {
        if let token = listening { loop.forget(token) }
        listening = nil
    }

    private func acceptSome() {
        for _ in 0..<Self.acceptsPerEvent {
            do throws(SystemError) {
                guard let stream = try listener.accept() else { return }
                admit(stream)
            } catch {
                // The waiting connection would wake the loop again at once, and for as long as nothing is freed.
                stopListening()
                service.didRefuse(.identity(.failed(error)))
                _ = loop.schedule(at: loop.now + Self.acceptPause) { [self] in resumeListening() }
                return
            }
        }
    }

    private func resumeListening() {
        do throws(SystemError) { try listen() } catch {
            service.didRefuse(.identity(.failed(error)))
            _ = loop.schedule(at: loop.now + Self.acceptPause) { [self] in resumeListening() }
        }
    }

    private func admit(_ stream: consuming UnixStream) {
        let peer: PeerCredentials
        do throws(PeerCredentialsError) {
            peer = try PeerCredentials(of: stream)
        } catch {
            service.didRefuse(.identity(error))
            return
        }
        guard count.add(peer.user) else {
            turnAway(stream)
            service.didRefuse(.tooManyConnections(peer))
            return
        }
        let connection = Connection(
            id: nextNumber(), peer: peer, stream: stream, longestCall: bounds.callBytes, now: loop.now)
        connections[connection.id] = connection
        attempt(connection) { connection throws(SystemError) in
            connection.watch = try loop.watch(connection.stream.descriptor, for: .read) { [self] readiness in
                handle(connection, readiness)
            }
        }
        advance(connection)
    }

    /// A new socket has room for one short message; should it not, closing says the same, only less clearly.
    private func turnAway(_ stream: borrowing UnixStream) {
        _ = try? stream.send(VarlinkMessage.error(service.identity.tooManyConnections).bytes, from: 0)
    }

    /// Runs a step that the kernel may refuse, which means that the client is lost.
    private func attempt(_ connection: Connection, _ step: (Connection) throws(SystemError) -> Void) {
        guard connection.isOpen else { return }
        do throws(SystemError) { try step(connection) } catch { close(connection) }
    }

    private func close(_ connection: Connection, for misconduct: VarlinkMisconduct? = nil) {
        guard connection.isOpen else { return }
        connection.isOpen = false
        if let token = connection.watch { loop.forget(token) }
        connection.watch = nil
        connection.call?.answer.close()
        connection.dropOutput()
        connections[connection.id] = nil
        count.remove(connection.peer.user)
        if let misconduct { service.didRefuse(.closed(connection.peer, connection: connection.id, misconduct)) }
        if isDraining && connections.isEmpty { loop.stop() }
    }

    private func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }
}

// MARK: - One connection's life

extension VarlinkServer {
    private func handle(_ connection: Connection, _ readiness: EventLoop.Readiness) {
        if !readiness.isDisjoint(with: .hangUp) { abandon(connection) }
        if readiness.contains(.read) { receive(on: connection) }
        if readiness.contains(.write) { flush(connection) }
        advance(connection)
    }

    private func receive(on connection: Connection) {
        attempt(connection) { connection throws(SystemError) in try connection.receive(with: &scratch) }
    }

    private func flush(_ connection: Connection) {
        guard connection.isOpen else { return }
        do throws(SystemError) { try connection.flush(now: loop.now) } catch { abandon(connection) }
    }

    /// The client is gone. What he had sent is still carried out, since calls with `oneway` must be, but a stream has
    /// lost its reader, and no reply is sent.
    private func abandon(_ connection: Connection) {
        guard connection.isOpen, !connection.isAbandoned else { return }
        connection.isAbandoned = true
        connection.dropOutput()
        connection.call?.answer.close()
        if connection.call?.mode == .more { connection.call = nil }
        // The kernel reports a hang-up for as long as one watches.
        if let token = connection.watch { loop.forget(token) }
        connection.watch = nil
    }

    /// Decides what a connection does next; called after whatever may have changed it.
    private func advance(_ connection: Connection) {
        while connection.isOpen {
            if connection.isAbandoned, !connection.input.hasMessage { drainKernel(connection) }
            guard connection.isOpen else { return }
            if connection.hasOutput { return wait(connection, in: .sending) }
            if connection.call != nil || connection.isQueued { return wait(connection, in: .busy) }
            if isDraining { return close(connection) }
            if connection.input.hasMessage {
                connection.isQueued = true
                queue.push(connection, for: connection.peer.user)
                continue
            }
            if connection.input.isOverlong { return close(connection, for: .malformed(.overlong)) }
            if connection.hasReachedEnd { return close(connection) }
            return wait(connection, in: connection.input.isEmpty ? .idle : .receiving)
        }
    }

    /// What a vanished client has left in the kernel; nothing is ever added to it.
    private func drainKernel(_ connection: Connection) {
        while connection.isOpen, !connection.hasReachedEnd, !connection.input.hasMessage, connection.input.room > 0 {
            receive(on: connection)
        }
    }

    private func wait(_ connection: Connection, in phase: Connection.Phase) {
        connection.enter(phase, now: loop.now)
        if let deadline = deadline(of: connection) { armSweep(for: deadline) }
        let wanted = connection.wantedInterest
        guard let token = connection.watch, wanted != connection.interest else { return }
        connection.interest = wanted
        attempt(connection) { _ throws(SystemError) in try loop.change(token, to: wanted) }
    }

    private func deadline(of connection: Connection) -> Int64? {
        switch connection.phase {
        case .idle, .sending: connection.phaseStart + Int64(bounds.idleSeconds) * 1_000_000_000
        case .receiving: connection.phaseStart + Int64(bounds.messageSeconds) * 1_000_000_000
        case .busy: nil
        }
    }

    /// One timer serves all connections: it fires at the earliest deadline there was, and looks at all of them.
    private func armSweep(for deadline: Int64) {
        if let sweep {
            guard deadline < sweep.deadline else { return }
            loop.cancel(sweep.timer)
        }
        sweep = (deadline, loop.schedule(at: deadline) { [self] in sweepConnections() })
    }

    private func sweepConnections() {
        sweep = nil
        for connection in connections.values {
            guard let deadline = deadline(of: connection) else { continue }
            guard deadline <= loop.now else {
                armSweep(for: deadline)
                continue
            }
            switch connection.phase {
            case .idle: close(connection, for: .idle)
            case .receiving: close(connection, for: .slow)
            case .sending: close(connection, for: .notReading)
            case .busy: break
            }
        }
    }
}

// MARK: - Calls

extension VarlinkServer {
    /// Serves the messages whose turn it is.
    ///
    /// - Returns: whether more of them wait.
    private func serveTurn() -> Bool {
        for _ in 0..<Self.messagesPerTurn {
            guard let connection = queue.pop() else { return false }
            connection.isQueued = false
            guard connection.isOpen else { continue }
            if !isDraining, let message = connection.input.takeMessage() { serve(message, of: connection) }
            advance(connection)
        }
        return !queue.isEmpty
    }

    private func serve(_ message: [UInt8], of connection: Connection) {
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

    private func answer(_ call: VarlinkCall) -> VarlinkAnswer {
        do throws(VarlinkError) {
            if let message = try builtIn.answer(call) { return .now(message) }
            return try service.answer(call)
        } catch {
            return .now(.error(error))
        }
    }

    private func send(
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
    private func receive(_ post: VarlinkResponder.Post) {
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
    private func drain(seconds: Int) {
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
