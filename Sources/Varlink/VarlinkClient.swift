package import JSON
package import Linux
package import MIG

/// Why a client got no answer, or no good one.
package enum VarlinkClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nobody listens there, or nobody may connect.
    case unreachable(SystemError)
    /// Somebody listens who is not who he should be; nothing was sent to him.
    case wrongServer(found: UserID, expected: UserID)
    /// The connection ended before the answer did; whether the call was carried out is not known.
    case connectionLost
    /// The answer did not come in time; whether the call was carried out is not known.
    case timedOut
    /// The service answered with an error.
    case remote(VarlinkError)
    /// What came is no Varlink reply.
    case malformed(MalformedMessage)

    package var description: String {
        switch self {
        case .unreachable(let error): error.description
        case .wrongServer(let found, let expected): "the server runs as uid \(found), not \(expected)"
        case .connectionLost: "the connection ended before the answer"
        case .timedOut: "no answer in time"
        case .remote(let error): error.description
        case .malformed(let reason): "malformed answer: \(reason)"
        }
    }
}

/// A connection to a service, for programs that wait for each answer.
///
/// The kernel tells the server who opened it, once and for all: it must not be shared with other users' processes.
/// After any error but `remote` it is of no more use.
package final class VarlinkClient {
    private let stream: UnixStream
    private var input = MessageBuffer(longest: JSONLimits.reply.bytes)
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)
    private var isUsable = true

    /// Connects, and makes sure that the listener is this user's before anything is sent: in a place that others can
    /// write to anybody may listen. The kernel knows who, from the time of `listen(2)`.
    package init(
        path: String, server expected: UserID = .root, milliseconds: Int = 10_000
    ) throws(VarlinkClientError) {
        let found: UserID
        do throws(SystemError) {
            stream = try UnixStream(connectingTo: path, milliseconds: milliseconds)
            found = try PeerCredentials.user(of: stream)
        } catch {
            throw .unreachable(error)
        }
        guard found == expected else { throw .wrongServer(found: found, expected: expected) }
    }

    /// Calls a method and waits for its answer; nil waits for ever.
    package func call(
        _ method: String, _ parameters: JSONValue = .object([]), milliseconds: Int? = 60_000
    ) throws(VarlinkClientError) -> JSONValue {
        let deadline = Self.deadline(in: milliseconds)
        try send(.call(method, parameters, .single), until: deadline)
        let reply = try nextReply(until: deadline)
        guard !reply.continues else { throw fail(.malformed(.unexpectedContinuation)) }
        return reply.parameters
    }

    /// Calls a method and takes its answers one by one, the last included; false ends the connection early.
    ///
    /// The time is for each answer, not for all; nil waits for ever.
    package func callMore(
        _ method: String, _ parameters: JSONValue = .object([]), milliseconds: Int? = 60_000,
        each: (JSONValue) -> Bool
    ) throws(VarlinkClientError) {
        try send(.call(method, parameters, .more), until: Self.deadline(in: milliseconds))
        while true {
            let reply = try nextReply(until: Self.deadline(in: milliseconds))
            let goesOn = each(reply.parameters)
            guard reply.continues else { return }
            guard goesOn else { return leave() }
        }
    }

    /// Calls a method without waiting for anything; not even an error comes back.
    package func callOneway(
        _ method: String, _ parameters: JSONValue = .object([]), milliseconds: Int? = 60_000
    ) throws(VarlinkClientError) {
        try send(.call(method, parameters, .oneway), until: Self.deadline(in: milliseconds))
    }

    private static func deadline(in milliseconds: Int?) -> Int64? {
        milliseconds.map { Clock.monotonic() + Int64($0) * 1_000_000 }
    }

    private func send(_ message: VarlinkMessage, until deadline: Int64?) throws(VarlinkClientError) {
        guard isUsable else { throw .connectionLost }
        var sent = 0
        do throws(SystemError) {
            while sent < message.bytes.count {
                if let count = try stream.send(message.bytes, from: sent) {
                    sent += count
                } else if try !stream.waitUntil(.write, deadline: deadline) {
                    break
                }
            }
        } catch  where error.code == .brokenPipe || error.code == .connectionReset {
            // A server that turns somebody away says why before it closes: that is still to be read.
            return
        } catch {
            throw fail(.connectionLost)
        }
        if sent < message.bytes.count { throw fail(.timedOut) }
    }

    private func nextReply(until deadline: Int64?) throws(VarlinkClientError) -> Reply {
        let message = try nextMessage(until: deadline)
        let reply: Reply
        do throws(MalformedMessage) {
            reply = try Reply(message)
        } catch {
            throw fail(.malformed(error))
        }
        if let error = reply.error { throw .remote(VarlinkError(error, reply.parameters)) }
        return reply
    }

    private func nextMessage(until deadline: Int64?) throws(VarlinkClientError) -> [UInt8] {
        while true {
            if let message = input.takeMessage() { return message }
            guard !input.isOverlong else { throw fail(.malformed(.overlong)) }
            guard try receive(until: deadline) else { throw fail(.timedOut) }
        }
    }

    private func receive(until deadline: Int64?) throws(VarlinkClientError) -> Bool {
        let count: Int?
        do throws(SystemError) {
            count = try stream.receive(into: &scratch, upTo: input.room)
            if count == nil { return try stream.waitUntil(.read, deadline: deadline) }
        } catch {
            throw fail(.connectionLost)
        }
        guard let count, count > 0 else { throw fail(.connectionLost) }
        input.append(scratch[..<count])
        return true
    }

    private func fail(_ error: VarlinkClientError) -> VarlinkClientError {
        leave()
        return error
    }

    /// An answer that was not read whole would be taken for the next call's.
    private func leave() {
        isUsable = false
        stream.disconnect()
    }
}

/// A decoded reply.
private struct Reply {
    let parameters: JSONValue
    let continues: Bool
    let error: String?

    init(_ message: [UInt8]) throws(MalformedMessage) {
        var parameters = JSONValue.object([])
        var continues = false
        var error: String?
        for member in try MalformedMessage.members(of: message, limits: .reply) {
            let isRight: Bool
            switch member.key {
            case _ where member.key.utf8.contains(UInt8(ascii: ".")):
                continue  // a vendor's own, to be ignored
            case let key where key.hasBytes(of: "parameters"):
                isRight = member.value.isNull || member.value.objectValue != nil
                if !member.value.isNull { parameters = member.value }
            case let key where key.hasBytes(of: "continues"):
                isRight = member.value.isNull || member.value.boolValue != nil
                continues = member.value.boolValue ?? false
            case let key where key.hasBytes(of: "error"):
                isRight = member.value.isNull || member.value.stringValue != nil
                error = member.value.stringValue
            default:
                throw .unknownKey(member.key)
            }
            guard isRight else { throw .wrongType(member.key) }
        }
        self.parameters = parameters
        self.continues = continues
        self.error = error
    }
}
