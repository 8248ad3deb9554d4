package import JSON
package import Linux

/// What a program offers on its socket. All calls come on the loop's thread, one after another; none may block.
package protocol VarlinkService: AnyObject {
    /// Who made it, and what it is; the interfaces besides `org.varlink.service`.
    var identity: VarlinkServiceIdentity { get }

    /// Answers a call to a method that one of the interfaces declares.
    ///
    /// What is thrown is the reply. Calls with `upgrade` do not come here.
    func answer(_ call: VarlinkCall) throws(VarlinkError) -> VarlinkAnswer

    /// Somebody was turned away, or thrown out; for records and counters.
    func didRefuse(_ refusal: VarlinkRefusal)
}

/// What `GetInfo` tells, and the two errors that the server itself gives in the service's name.
package struct VarlinkServiceIdentity: Sendable {
    package let vendor: String
    package let product: String
    package let version: String
    package let url: String
    package let interfaces: [VarlinkInterface]
    /// What somebody hears who has too many connections, before the new one is closed.
    package let tooManyConnections: VarlinkError
    /// What stands for a reply that is longer than the bounds allow.
    package let replyTooLong: VarlinkError

    package init(
        vendor: String, product: String, version: String, url: String, interfaces: [VarlinkInterface],
        tooManyConnections: VarlinkError, replyTooLong: VarlinkError
    ) {
        self.vendor = vendor
        self.product = product
        self.version = version
        self.url = url
        self.interfaces = interfaces
        self.tooManyConnections = tooManyConnections
        self.replyTooLong = replyTooLong
    }
}

/// How a service answers one call.
package enum VarlinkAnswer {
    /// At once, with a final reply or an error, possibly one made long before.
    case now(VarlinkMessage)
    /// Later, from any thread. The closure is called at once, with what the answer is to be given to.
    case later((VarlinkResponder) -> Void)

    /// At once, with these parameters.
    package static func reply(_ parameters: JSONValue) -> VarlinkAnswer { .now(.reply(parameters)) }
}

/// Somebody whom the server did not serve, or no longer serves.
package enum VarlinkRefusal: Sendable {
    /// The kernel could not say who it is, or says it is nobody.
    case identity(PeerCredentialsError)
    /// He has, or all together have, as many connections as the bounds allow.
    case tooManyConnections(PeerCredentials)
    /// What he did ended his connection.
    case closed(PeerCredentials, connection: UInt64, VarlinkMisconduct)
}

/// Why the server ended a connection that its client had not.
package enum VarlinkMisconduct: Hashable, Sendable, CustomStringConvertible {
    case malformed(MalformedMessage)
    /// A message was begun and not finished in time.
    case slow
    case idle
    /// More replies wait than the bounds allow, or they wait for too long.
    case notReading

    package var description: String {
        switch self {
        case .malformed(let reason): "malformed message: \(reason)"
        case .slow: "message not finished in time"
        case .idle: "idle for too long"
        case .notReading: "replies are not read"
        }
    }
}
