internal import Linux
internal import MIG

extension VarlinkServer {
    func handle(_ connection: Connection, _ readiness: EventLoop.Readiness) {
        if !readiness.isDisjoint(with: .hangUp) { abandon(connection) }
        if readiness.contains(.read) { receive(on: connection) }
        if readiness.contains(.write) { flush(connection) }
        advance(connection)
    }

    func receive(on connection: Connection) {
        attempt(connection) { connection throws(SystemError) in try connection.receive(with: &scratch) }
    }

    func flush(_ connection: Connection) {
        guard connection.isOpen else { return }
        do throws(SystemError) { try connection.flush(now: loop.now) } catch { abandon(connection) }
    }

    /// The client is gone. What he had sent is still carried out, since calls with `oneway` must be, but a stream has
    /// lost its reader, and no reply is sent.
    func abandon(_ connection: Connection) {
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
    func advance(_ connection: Connection) {
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
    func drainKernel(_ connection: Connection) {
        while connection.isOpen, !connection.hasReachedEnd, !connection.input.hasMessage, connection.input.room > 0 {
            receive(on: connection)
        }
    }

    func wait(_ connection: Connection, in phase: Connection.Phase) {
        connection.enter(phase, now: loop.now)
        if let deadline = deadline(of: connection) { armSweep(for: deadline) }
        let wanted = connection.wantedInterest
        guard let token = connection.watch, wanted != connection.interest else { return }
        connection.interest = wanted
        attempt(connection) { _ throws(SystemError) in try loop.change(token, to: wanted) }
    }

    func deadline(of connection: Connection) -> Int64? {
        switch connection.phase {
        case .idle, .sending: connection.phaseStart + Int64(bounds.idleSeconds) * 1_000_000_000
        case .receiving: connection.phaseStart + Int64(bounds.messageSeconds) * 1_000_000_000
        case .busy: nil
        }
    }

    /// One timer serves all connections: it fires at the earliest deadline there was, and looks at all of them.
    func armSweep(for deadline: Int64) {
        if let sweep {
            guard deadline < sweep.deadline else { return }
            loop.cancel(sweep.timer)
        }
        sweep = (deadline, loop.schedule(at: deadline) { [self] in sweepConnections() })
    }

    func sweepConnections() {
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
