import Audit
import Broker
import JSON
import MIG
import Policy
import Varlink

/// Who asks about the audit log, and how much of it is for him to see.
struct AuditAsker: Sendable {
    /// Of the log, before somebody else's question has its turn.
    static let bytesAtOnce = 1 << 20

    let principal: Principal
    /// Whether others' records are for him to see; without that he is told of his own alone.
    let seesAll: Bool
    private let broker: Broker

    init(_ principal: Principal, _ broker: Broker) {
        self.principal = principal
        self.broker = broker
        seesAll = (try? broker.permits(.readAudit, to: principal)) != nil
    }

    var user: UserID { principal.user }

    /// Whether a user by number or name, or nobody in particular, is himself.
    func isMeant(by user: String?) -> Bool {
        switch user.map(AuditFilter.User.init) {
        case nil: true
        case .id(let id)?: id == principal.user
        case .name(let name)?: principal.name?.hasBytes(of: name) == true
        }
    }

    /// Whose records he is shown who asks for those of a user, or of nobody in particular.
    func owner(_ user: String?) -> AuditFilter.User? { seesAll ? user.map(AuditFilter.User.init) : .id(principal.user) }

    /// Whether the policy in force now would still show him what he is being shown; for answers without an end.
    func mayStillAsk() -> Bool {
        (try? broker.permits(seesAll ? .readAudit : .readOwn, to: principal)) != nil
    }

    /// A moment as the wire has it.
    static func time(_ text: String?, _ field: String) throws(VarlinkError) -> Timestamp? {
        guard let text else { return nil }
        guard let time = Timestamp(text) else { throw .invalidParameter(field) }
        return time
    }
}
