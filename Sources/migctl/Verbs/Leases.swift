import API
import JSON
import Linux
import MIG

/// Finds the leases that a person names.
struct LeaseNames {
    /// The caller's own.
    let own: [LeaseInfo]

    init(_ session: Session, purpose: SafeText) throws(Failure) {
        let answer: Answer<ListLeasesReply> = try session.call("ListLeases", ListLeasesRequest().json, to: purpose)
        own = answer.reply.leases
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
            throw Failure(
                .notFound, what: "you have no lease that begins with '\(text)'",
                next: "'migctl leases' shows what is yours")
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
