package import Linux
internal import MIG
package import Policy

/// Who makes a call, over which connection and from which process, by which method; all of it from the kernel.
package struct CallContext: Sendable {
    package let principal: Principal
    /// Counts up with each connection since the daemon's start; ties the records of one connection together.
    package let connection: Int64
    /// The method's name without the interface.
    package let method: String
    package let pid: Int32
    /// Nil where the process was gone before it could be looked at.
    package let process: PeerProcess?

    package init(principal: Principal, connection: Int64, method: String, pid: Int32, process: PeerProcess?) {
        self.principal = principal
        self.connection = connection
        self.method = method
        self.pid = pid
        self.process = process
    }
}
