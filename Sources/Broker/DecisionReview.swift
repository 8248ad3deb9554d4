package import Audit
internal import Linux
internal import MIG
package import Policy

/// Comes to the decisions on record again: each from its own question, from what was in use by the log until then, and by
/// the policy whose hash it bears.
package struct DecisionReview {
    /// A decision on record beside the same one as it comes out now.
    package struct Finding: Sendable {
        package let entry: AuditEntry
        /// Nil where it could not be come to again, and `obstacle` says why.
        package let decision: Decision?
        package let obstacle: String?

        /// Whether both are the same, made by the same rules and limits; nil where there is nothing to compare.
        package var agrees: Bool? {
            guard let decision else { return nil }
            let record = entry.record
            guard decision.isAllowed == (record.decision == .allow) else { return false }
            let made = decision.isAllowed ? decision.rules + decision.limits : decision.denial?.reason.names ?? []
            // The rule that let somebody act for another is told with the rest.
            let told = Set(record.rules)
            guard made.count <= AuditFormat.listLength, record.rules.count < AuditFormat.listLength else {
                return Set(made).isSuperset(of: told) || record.caller.onBehalfOf != nil
            }
            return record.caller.onBehalfOf == nil ? told == Set(made) : told.isSuperset(of: made)
        }
    }

    private let inventory: Inventory
    private let policy: (String) -> PolicySet?
    private var policies: [String: PolicySet] = [:]
    private var replay = Replay()
    /// Where the log begins later than with its first record: that, in whose boot leases may run that are not in it.
    private var beginning: AuditEntry?
    private var hasBegun = false

    /// `inventory` is the machine, whose GPUs are taken to be those of the time; `policy` finds one by its hash.
    package init(_ inventory: Inventory, policy: @escaping (String) -> PolicySet?) {
        self.inventory = inventory
        self.policy = policy
    }

    /// Takes the next record of the log, from its first on.
    ///
    /// - Returns: what became of the decision on it, where it bears one and `isWanted`.
    package mutating func take(_ entry: AuditEntry, isWanted: Bool) -> Finding? {
        if !hasBegun, entry.seq > 1 { beginning = entry }
        hasBegun = true
        defer { replay.take(entry) }
        guard isWanted, !entry.record.question.isEmpty else { return nil }
        return examine(entry)
    }

    private mutating func examine(_ entry: AuditEntry) -> Finding {
        let record = entry.record
        func obstacle(_ text: String) -> Finding { Finding(entry: entry, decision: nil, obstacle: text) }
        guard let hash = record.policy, let set = find(hash) else {
            return obstacle("its policy is not in the archive, or cannot be loaded any more")
        }
        guard let user = record.caller.onBehalfOf ?? record.caller.uid else { return obstacle("it names no user") }
        let name = record.caller.onBehalfOf == nil ? record.caller.user : record.caller.onBehalfOfUser
        let asker = Question.Asker(
            user: user, name: name, groups: record.caller.groups,
            origin: record.caller.origin.flatMap(Origin.init(rawValue:)) ?? .unknown)
        guard let question = Question(words: record.question, asker: asker, gpus: inventory.entries.map(\.gpu)) else {
            return obstacle("its question cannot be read, or is about a GPU that is not there any more")
        }
        let use = use(without: record)
        let decision = set.decide(question.query, use: use, now: question.now)
        let finding = Finding(entry: entry, decision: decision, obstacle: nil)
        // No lease outlives a boot. What more use could only deny again is not in doubt either.
        guard let beginning, beginning.stamp.boot.utf8.elementsEqual(entry.stamp.boot.utf8),
            decision.isAllowed || finding.agrees == false
        else { return finding }
        let most = set.decide(question.query, use: use + everything(of: asker), now: question.now)
        guard most.isAllowed != decision.isAllowed || most.limits != decision.limits else { return finding }
        return obstacle(
            "it depends on what was in use, and the log begins with record \(beginning.seq): leases of before are not known"
        )
    }

    /// More than one user could use of the machine.
    private func everything(of asker: Question.Asker) -> [UseEntry] {
        let part = UseEntry(user: asker.user, groups: asker.groups, slices: SliceCount(8), memoryMiB: 1 << 30)
        return Array(repeating: part, count: 8 * max(1, inventory.entries.count))
    }

    private mutating func find(_ hash: String) -> PolicySet? {
        if let known = policies[hash] { return known }
        let set = policy(hash)
        policies[hash] = set
        return set
    }

    /// Leases, and what other changes under way had been promised.
    private func use(without record: AuditRecord) -> [UseEntry] {
        let leases = replay.leases.values.map { lease in
            entry(lease.user, lease.groups, lease.profile, on: lease.gpu)
        }
        let promised = replay.unfinished.compactMap { change -> UseEntry? in
            guard change.kind == .creation, change.intent.op != record.op, let profile = change.intent.profile,
                let gpu = change.intent.gpu, let user = change.intent.caller.onBehalfOf ?? change.intent.caller.uid
            else { return nil }
            return entry(user, change.intent.caller.groups, profile, on: gpu)
        }
        return leases + promised
    }

    private func entry(_ user: UserID, _ groups: [GroupID], _ profile: String, on gpu: GPUUUID) -> UseEntry {
        let known = inventory.entry(gpu)?.profiles.first { $0.name.utf8.elementsEqual(profile.utf8) }
        return UseEntry(
            user: user, groups: groups, slices: known?.slices ?? SliceCount(0), memoryMiB: known?.memoryMiB ?? 0)
    }
}

extension Broker {
    /// Reviews the decision that a record bears or, where it bears none, the decision that its operation began with. Nil
    /// where there is no such record. Blocks, for it reads the log from its beginning.
    package func review(_ seq: Int64) throws(AuditReplayError) -> DecisionReview.Finding? {
        let reader = AuditReader(try segments())
        let found = try review(seq, reader)
        guard let record = found?.entry.record, record.question.isEmpty, let operation = record.op else { return found }
        var filter = AuditFilter()
        filter.operation = operation.description
        filter.types = [.intent, .denied]
        var first: Int64?
        try read(reader, filter) { entry in
            // An operation has an intent for each of the things that it is about.
            guard entry.record.mayBeAboutSame(as: record) else { return true }
            first = entry.seq
            return false
        }
        guard let first else { return found }
        return try review(first, reader)
    }

    private func review(
        _ seq: Int64, _ reader: AuditReader
    ) throws(AuditReplayError) -> DecisionReview.Finding? {
        var review = DecisionReview(snapshot.inventory, policy: archivedPolicy)
        var finding: DecisionReview.Finding?
        try read(reader, AuditFilter()) { entry in
            let isWanted = entry.seq == seq
            let found = review.take(entry, isWanted: isWanted)
            if isWanted {
                finding = found ?? .init(entry: entry, decision: nil, obstacle: "it bears no decision of the policy")
            }
            return entry.seq < seq
        }
        return finding
    }

    private func read(
        _ reader: AuditReader, _ filter: AuditFilter, _ body: (AuditEntry) -> Bool
    ) throws(AuditReplayError) {
        do throws(SystemError) {
            _ = try reader.read(filter) { entry, _ in body(entry) }
        } catch {
            throw .system(error)
        }
    }
}

extension AuditRecord {
    /// Whether both name the same lease, GPU and instances, as far as both name them.
    fileprivate func mayBeAboutSame(as other: AuditRecord) -> Bool {
        func agree<Value: Equatable>(_ one: Value?, _ another: Value?) -> Bool {
            one == nil || another == nil || one == another
        }
        return agree(lease, other.lease) && agree(gpu, other.gpu) && agree(gi, other.gi) && agree(ci, other.ci)
    }
}
