import API
import JSON
import Linux
import MIG

/// Finds the leases that a person names.
struct LeaseNames {
    /// The caller's own, or those of the one whom he acts for.
    let own: [LeaseInfo]
    private let owner: String?

    /// Leases of somebody else are found among all; `names` that are whole ids need no finding.
    init(_ session: Session, purpose: SafeText, of owner: String? = nil, for names: [String] = []) throws(Failure) {
        self.owner = owner
        guard let owner else {
            let answer: Answer<ListLeasesReply> = try session.call("ListLeases", ListLeasesRequest().json, to: purpose)
            own = answer.reply.leases
            return
        }
        if !names.isEmpty, names.allSatisfy({ LeaseID($0) != nil }) {
            own = []
            return
        }
        let request = ListLeasesRequest(all: true)
        let answer: Answer<ListLeasesReply> = try session.call("ListLeases", request.json, to: purpose)
        own = answer.reply.leases.filter { $0.user.hasBytes(of: owner) }
    }

    /// The whole id for a whole id, or for a beginning that only one of one's own has.
    func id(_ text: String) throws(Failure) -> String {
        if LeaseID(text) != nil { return text }
        guard !text.isEmpty, text.utf8.count < 32, Hex.isLowercase(text, digits: text.utf8.count) else {
            throw Failure(
                .usage, what: "'\(text)' is no lease",
                why: "a lease is 32 hex digits, or the first few of one of yours",
                next: "'migctl leases' shows what is yours")
        }
        let matches = own.filter { $0.id.utf8.starts(with: text.utf8) }
        guard let match = matches.first else {
            let who: SafeText = owner.map { "\($0) has" } ?? "you have"
            throw Failure(
                .notFound, what: "\(who) no lease that begins with '\(text)'",
                next: owner == nil ? "'migctl leases' shows what is yours" : "'migctl leases --all' shows everybody's")
        }
        guard matches.count == 1 else {
            let ids = LeaseTable.shortIDs(matches.map(\.id))
            throw Failure(
                .usage, what: "'\(text)' can be more than one of your leases", why: "\(ids.joined(separator: ", "))",
                next: "give more digits")
        }
        return match.id
    }
}
