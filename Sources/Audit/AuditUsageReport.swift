package import MIG

/// The use of a period in rows, as it is told to people and programs.
package struct AuditUsageReport: Sendable {
    /// What one user, group or profile used. A row of groups without a gid is of leases that no group's right allowed,
    /// a row of users without a uid of leases from before the log's beginning whose owner no record names.
    package struct Row: Sendable {
        package var user: UserID?
        package var name: String?
        package var group: GroupID?
        package var profile: String?
        package let leases: Int
        package let instanceSeconds: Int
        package let sliceSeconds: Int
        package let memoryGiBSeconds: Int

        init(_ amount: AuditUsage.Amount) {
            leases = amount.leases
            instanceSeconds = Int(amount.instances / 1_000_000)
            sliceSeconds = Int(amount.slices / 1_000_000)
            memoryGiBSeconds = Int(amount.gibibytes / 1_000_000)
        }
    }

    package let since: Timestamp?
    package let until: Timestamp
    /// When the log begins, where earlier records were removed and leases that are not in it may have run in the period.
    package let begins: Timestamp?
    package let total: Row
    /// By uid, by gid and by name.
    package let users: [Row]
    package let groups: [Row]
    package let profiles: [Row]

    init(_ usage: AuditUsage, since: Timestamp?, until: Timestamp, begins: Timestamp?) {
        self.since = since
        self.until = until
        self.begins = begins
        total = Row(usage.total)
        users = usage.users.sorted { ($0.key?.rawValue ?? .max) < ($1.key?.rawValue ?? .max) }.map { user, amount in
            var row = Row(amount)
            row.user = user
            row.name = user.flatMap { usage.names[$0] }
            return row
        }
        groups = usage.groups.sorted { ($0.key?.rawValue ?? .max) < ($1.key?.rawValue ?? .max) }.map { group, amount in
            var row = Row(amount)
            row.group = group
            return row
        }
        profiles = usage.profiles.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { profile, amount in
            var row = Row(amount)
            row.profile = String(decoding: profile, as: UTF8.self)
            return row
        }
    }
}

/// What a GPU instance's profile takes, as its name tells: `3g.20gb` three slices and 20 GiB.
struct ProfileSize: Hashable, Sendable {
    let slices: Int64
    let gibibytes: Int64

    /// Zero of a name that tells nothing.
    init(_ name: String) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        slices = parts.first.flatMap { Self.number($0, before: "g") } ?? 0
        // A variant is told after the memory: `1g.5gb+me`.
        let memory = parts.dropFirst().first?.split(separator: "+").first
        gibibytes = memory.flatMap { Self.number($0, before: "gb") } ?? 0
    }

    private static func number(_ text: Substring, before unit: String) -> Int64? {
        guard text.hasSuffix(unit) else { return nil }
        return Decimal.value(of: String(text.dropLast(unit.utf8.count))).map(Int64.init)
    }
}
