internal import Linux
internal import MIG

extension VarlinkServer {
    func listen() throws(SystemError) {
        guard listening == nil, !isDraining else { return }
        listening = try loop.watch(listener.descriptor, for: .read) { [self] _ in acceptSome() }
    }

    func stopListening() {
        if let token = listening { loop.forget(token) }
        listening = nil
    }

    func acceptSome() {
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

    func resumeListening() {
        do throws(SystemError) { try listen() } catch {
            service.didRefuse(.identity(.failed(error)))
            _ = loop.schedule(at: loop.now + Self.acceptPause) { [self] in resumeListening() }
        }
    }

    func admit(_ stream: consuming UnixStream) {
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
    func turnAway(_ stream: borrowing UnixStream) {
        _ = try? stream.send(VarlinkMessage.error(service.identity.tooManyConnections).bytes, from: 0)
    }

    /// Runs a step that the kernel may refuse, which means that the client is lost.
    func attempt(_ connection: Connection, _ step: (Connection) throws(SystemError) -> Void) {
        guard connection.isOpen else { return }
        do throws(SystemError) { try step(connection) } catch { close(connection) }
    }

    func close(_ connection: Connection, for misconduct: VarlinkMisconduct? = nil) {
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

    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }
}
