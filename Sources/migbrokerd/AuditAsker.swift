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

    private(set) var principal: Principal
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
        case .id(let id)?, .own(let id, _)?: id == principal.user
        case .name(let name)?: principal.name?.hasBytes(of: name) == true
        }
    }

    /// Whose records he is shown who asks for those of a user, or of nobody in particular.
    func owner(_ user: String?) -> AuditFilter.User? {
        seesAll ? user.map(AuditFilter.User.init) : .own(principal.user, name: principal.name)
    }

    /// The same asker as the user database knows him now; what he was promised stays the question.
    func known(by entry: Identities.Entry) -> AuditAsker {
        var asker = self
        asker.principal = Principal(
            user: principal.user, name: entry.name, primaryGroup: principal.primaryGroup,
            peerGroups: principal.peerGroups, databaseGroups: entry.groups, origin: principal.origin)
        return asker
    }

    /// What tells of somebody else's session, groups and rights; who he is and what he did to the asker stays.
    private static let others: Set<String> = [
        "conn", "gid", "groups", "groupCount", "pid", "comm", "cgroup", "loginuid", "session", "origin", "rules",
        "question", "params", "key",
    ]

    /// A line of the log as it is for him to see: whole, but where somebody else acted for him or on what is his.
    func shown(_ line: [UInt8]) -> JSONValue? {
        // A line that the reader let pass is a record.
        guard let record = try? JSONParser.parse(line, limits: .record) else { return nil }
        guard !seesAll, record["uid"]?.integerValue != Int64(principal.user.rawValue) else { return record }
        return .object((record.objectValue ?? []).filter { !Self.others.contains($0.key) })
    }

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
