internal import JSON
package import MIG

/// What leases used of the machine in a period, added up from the records of their making and their end.
///
/// A lease runs from the outcome that made it to its `lease-end`, whatever brought that about: release, expiry, recovery,
/// or that its instance was lost. One that runs still is counted up to the period's end. Its length is taken from the
/// clock that nobody can set, and where the machine was started anew in between from the wall clock. Of a lease that was
/// made before the log begins, any record that bears its making's time tells since when, and its end the owner.
package struct AuditUsage: Sendable {
    /// Sums of what leases took, in microseconds.
    package struct Amount: Hashable, Sendable {
        package private(set) var leases = 0
        package private(set) var instances: Int64 = 0
        package private(set) var slices: Int64 = 0
        /// Of memory as the profile's name has it: 5 for `1g.5gb`.
        package private(set) var gibibytes: Int64 = 0

        fileprivate mutating func add(_ microseconds: Int64, _ size: ProfileSize) {
            leases += 1
            instances = instances.addingClamped(microseconds)
            slices = slices.addingClamped(microseconds.multipliedClamped(by: size.slices))
            gibibytes = gibibytes.addingClamped(microseconds.multipliedClamped(by: size.gibibytes))
        }
    }

    /// One that runs as far as the log was read.
    private struct Running: Sendable {
        /// Nil where no record says who it is.
        var user: UserID?
        let groups: [GroupID]
        let profile: String
        let began: AuditStamp
    }

    /// Lets the records pass that say anything about it.
    package static let filter: AuditFilter = {
        var filter = AuditFilter()
        filter.types = [.start, .intent, .outcome, .leaseEnd, .revoke]
        return filter
    }()

    private let since: Timestamp?
    private var until: Timestamp
    private let owner: AuditFilter.User?
    /// The log's first record, or the first that was taken.
    private var first: AuditEntry?
    /// Of the first record of another boot than that of `first`: what is older than the log has ended by then.
    private var restarted: Timestamp?
    private var running: [LeaseID: Running] = [:]
    /// Leases from before the log's beginning whose end is in it: no later record makes them run again.
    private var endedOld: Set<LeaseID> = []

    private(set) var total = Amount()
    /// Nil is nobody that a record names.
    private(set) var users: [UserID?: Amount] = [:]
    /// Nil is no group: leases that a right of the user himself allowed, or of whose making there is no record.
    private(set) var groups: [GroupID?: Amount] = [:]
    /// By the bytes of the name.
    private(set) var profiles: [[UInt8]: Amount] = [:]
    /// As the last record had them.
    private(set) var names: [UserID: String] = [:]

    /// Of one owner or of all; nothing is counted before `since` or from `until` on.
    package init(since: Timestamp?, until: Timestamp?, owner: AuditFilter.User? = nil) {
        self.since = since
        self.until = until ?? Timestamp(nanosecondsSinceEpoch: .max)
        self.owner = owner
    }

    /// Begins with the log's first record, whatever its type; without it, with the first that is taken.
    package mutating func begin(with entry: AuditEntry?) { first = first ?? entry }

    /// Takes the next record of the log; those that `filter` does not let pass are passed over.
    package mutating func take(_ entry: AuditEntry) {
        let record = entry.record
        begin(with: entry)
        if restarted == nil, let first, !first.stamp.boot.utf8.elementsEqual(entry.stamp.boot.utf8) {
            restarted = entry.stamp.time
        }
        guard let lease = record.lease else { return }
        switch record.type {
        case .outcome where record.result == .ok && Self.makesLeases(record.method):
            // Who acts for another makes that one's lease.
            guard let user = record.caller.onBehalfOf ?? record.caller.uid, let profile = record.profile,
                record.created != nil
            else { return }
            name(user, by: record.caller)
            running[lease] = Running(
                user: user, groups: record.caller.groups, profile: profile, began: entry.stamp)
        case .leaseEnd:
            learn(lease, entry)
            if isOld(record) { endedOld.insert(lease) }
            if let known = running.removeValue(forKey: lease) {
                count(known, length: Self.length(from: known.began, to: entry.stamp))
            }
        // What made no lease tells of none.
        case .intent, .outcome: if !Self.makesLeases(record.method) { learn(lease, entry) }
        default: learn(lease, entry)
        }
    }

    /// Counts those that run still, up to the end of the period, which is now at the latest.
    ///
    /// - Returns: what was counted, to the period's end.
    package mutating func report(now: Timestamp) -> AuditUsageReport {
        until = min(until, now)
        for lease in running.values { count(lease, length: .max) }
        running = [:]
        return AuditUsageReport(self, since: since, until: until, begins: unknownBefore)
    }

    private static func makesLeases(_ method: String?) -> Bool {
        guard let method else { return false }
        return ["Request", "CreateGPUInstances"].contains { $0.hasBytes(of: method) }
    }

    /// When the log begins, where leases that are not in it may have run in the period.
    private var unknownBefore: Timestamp? {
        guard let first, first.seq > 1 else { return nil }
        if let since, let restarted, restarted <= since { return nil }
        return first.stamp.time
    }

    /// Takes in what a record tells of a lease that is older than the log.
    private mutating func learn(_ lease: LeaseID, _ entry: AuditEntry) {
        let record = entry.record
        // Any other lease has ended already, or never was.
        guard let created = record.created, let profile = record.profile, isOld(record), !endedOld.contains(lease)
        else { return }
        let began = AuditStamp(boot: "", time: created, monotonicNs: 0)
        var known = running[lease] ?? Running(user: nil, groups: [], profile: profile, began: began)
        if known.user == nil, let user = Self.owner(record) {
            known.user = user
            name(user, by: record.caller)
        }
        running[lease] = known
    }

    private func isOld(_ record: AuditRecord) -> Bool {
        guard let created = record.created, let first else { return false }
        return created < first.stamp.time
    }

    /// The lease's owner, where a record of another act than its making says who that is: an admin may have done it.
    private static func owner(_ record: AuditRecord) -> UserID? {
        if record.type == .leaseEnd || record.caller.uid == nil { return record.caller.onBehalfOf }
        guard record.question.first?.hasSuffix(".own") ?? false else { return nil }
        return record.caller.onBehalfOf ?? record.caller.uid
    }

    private mutating func name(_ user: UserID, by caller: AuditCaller) {
        if let name = caller.onBehalfOf == nil ? caller.user : caller.onBehalfOfUser { names[user] = name }
    }

    /// In microseconds.
    private static func length(from began: AuditStamp, to ended: AuditStamp) -> Int64 {
        let isOneBoot = began.boot.utf8.elementsEqual(ended.boot.utf8)
        return isOneBoot
            ? max(0, ended.monotonicNs.subtractingClamped(began.monotonicNs)) / 1000
            : max(0, microseconds(ended.time) - microseconds(began.time))
    }

    private mutating func count(_ lease: Running, length: Int64) {
        guard isWanted(lease.user) else { return }
        let began = Self.microseconds(lease.began.time)
        let from = max(began, since.map(Self.microseconds) ?? .min)
        let to = min(began.addingClamped(length), Self.microseconds(until))
        guard from < to else { return }
        let size = ProfileSize(lease.profile)
        total.add(to - from, size)
        users[lease.user, default: Amount()].add(to - from, size)
        profiles[Array(lease.profile.utf8), default: Amount()].add(to - from, size)
        for group in lease.groups { groups[group, default: Amount()].add(to - from, size) }
        if lease.groups.isEmpty { groups[nil, default: Amount()].add(to - from, size) }
    }

    private func isWanted(_ user: UserID?) -> Bool {
        guard let user else { return owner == nil }
        return switch owner {
        case nil: true
        case .id(let id)?: user == id
        case .own(let id, let name)?:
            user == id && (name.flatMap { name in names[user].map { $0.hasBytes(of: name) } } ?? true)
        case .name(let name)?: names[user]?.hasBytes(of: name) ?? false
        }
    }

    private static func microseconds(_ time: Timestamp) -> Int64 { time.nanosecondsSinceEpoch.floorDivided(by: 1000) }
}

extension Int64 {
    // A log is a file: what it says must not bring down who reads it.
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    fileprivate func subtractingClamped(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }

    fileprivate func multipliedClamped(by other: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
