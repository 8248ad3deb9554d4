import API
import MIG

/// Leases as they are listed everywhere.
enum LeaseTable {
    /// One row a lease; whose it is only where that is not clear.
    static func make(_ leases: [LeaseInfo], showsUsers: Bool, calendar: Calendar = Calendar()) -> Table {
        var table = Table(
            .text("LEASE"), .optional("NAME"), .optional("USER"), .text("PROFILE"), .number("GPU"), .text("UUID"),
            .optional("STATE"), .text("UNTIL"))
        let short = shortIDs(leases.map(\.id))
        for (lease, id) in zip(leases, short) {
            let isEnding = !lease.state.utf8.elementsEqual("active".utf8)
            table.add(
                "\(id)", Table.Cell(lease.name), Table.Cell(showsUsers ? lease.user : nil), "\(lease.profile)",
                lease.gpu.index < 0 ? "?" : "\(lease.gpu.index)", Table.Cell(uuids(lease)),
                isEnding ? Table.Cell("\(lease.state)", .caution) : "", "\(calendar.moment(lease.expires))")
        }
        return table
    }

    /// The UUID that CUDA takes, and how many more there are.
    private static func uuids(_ lease: LeaseInfo) -> SafeText {
        guard let first = lease.uuid else { return "none yet" }
        return lease.uuids.count > 1 ? "\(first) and \(lease.uuids.count - 1) more" : "\(first)"
    }

    /// The shortest beginnings, eight digits at least, by which the ids can still be told apart.
    static func shortIDs(_ ids: [String]) -> [String] {
        let longest = ids.map(\.utf8.count).max() ?? 0
        let length = (8..<max(longest, 9)).first { length in
            Set(ids.map { Array($0.utf8.prefix(length)) }).count == Set(ids.map { Array($0.utf8) }).count
        }
        return ids.map { String($0.prefix(length ?? longest)) }
    }
}
