package import Linux
internal import MIG
internal import Nodes
package import Policy

/// Who makes a call, over which connection and from which process, by which method; all of it from the kernel.
package struct CallContext: Sendable {
    package let principal: Principal
    /// Counts up with each connection since the daemon's start; ties the records of one connection together.
    package let connection: Int64
    /// The method's name without the interface.
    package let method: String
    /// A record asks it what the process is; of a change that must be known when the call arrives, for the process may
    /// be gone when the record is made.
    package let peer: PeerCredentials
    /// Whom the caller acts for: then that one's rights, limits and leases count. Nil is himself. Whether he may, the pipeline
    /// asks.
    package var onBehalfOf: Principal?

    package init(principal: Principal, connection: Int64, method: String, peer: PeerCredentials) {
        self.principal = principal
        self.connection = connection
        self.method = method
        self.peer = peer
    }
}

extension CallContext {
    /// Whose rights, limits and leases count.
    var owner: Principal { onBehalfOf ?? principal }

    /// The owner as the kernel holds him against a node's mode and list.
    var caller: Nodes.Caller { Nodes.Caller(user: owner.user, groups: owner.peerGroups) }

    /// What is asked for, in words that tell a call for another from one for oneself.
    func asked(_ words: String, key: String?) -> Records.Asked {
        Records.Asked(onBehalfOf.map { "\(words) for \($0.name ?? $0.user.description)" } ?? words, key: key)
    }
}
