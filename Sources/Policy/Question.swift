package import MIG

/// A query as the audit log keeps it: everything that the decision looked at, but who asked and what was in use.
///
/// Both of those are in the log already, so with the policy of the time the same decision can be come to again.
package struct Question: Hashable, Sendable {
    package let query: Query
    /// By which the hours of rules were judged; nil where the clock was not trusted.
    package let now: Timestamp?

    /// Takes what was asked, and when.
    package init(_ query: Query, now: Timestamp?) {
        self.query = query
        self.now = now
    }

    /// Who asked, as far as a record tells it.
    package struct Asker: Sendable {
        package let user: UserID
        package let name: String?
        /// His groups that the policy mentions.
        package let groups: [GroupID]
        package let origin: Origin

        /// Takes the fields of a record.
        package init(user: UserID, name: String?, groups: [GroupID], origin: Origin) {
            self.user = user
            self.name = name
            self.groups = groups
            self.origin = origin
        }
    }

    private enum Key {
        static let duration = "for="
        static let renewals = "renewals="
        static let isolation = "isolation="
        static let now = "at="
        static let unconfirmed = "unconfirmed="
        static let gpus = "gpus="
    }

    /// GPUs that one word names: a record's strings are short.
    private static let gpusInWord = 6

    /// One word for each thing, the action first: `request`, `gpus=UUID+UUID`, then `2*1g.5gb:1:4864@0+1` for two demands of
    /// one slice and 4864 MiB each, with the positions of the GPUs that could serve them.
    package var words: [String] {
        var words = [query.action.rawValue]
        if let duration = query.duration { words.append("\(Key.duration)\(duration.seconds)") }
        if query.renewals > 0 { words.append("\(Key.renewals)\(query.renewals)") }
        words.append(Key.isolation + query.isolation.rawValue)
        words.append("\(Key.now)\(now.map { String($0.secondsSinceEpoch) } ?? "?")")
        let unconfirmed = query.principal.memberships.filter { !$0.isConfirmed }.map(\.group.description)
        for start in stride(from: 0, to: min(unconfirmed.count, 60), by: 20) {
            let part = unconfirmed[start..<min(start + 20, unconfirmed.count)]
            words.append(Key.unconfirmed + part.joined(separator: "+"))
        }
        let gpus = query.target.gpus
        for start in stride(from: 0, to: gpus.count, by: Self.gpusInWord) {
            let part = gpus[start..<min(start + Self.gpusInWord, gpus.count)]
            words.append(Key.gpus + part.map(\.uuid.description).joined(separator: "+"))
        }
        if case .instances(let demands) = query.target { words += Self.words(demands, gpus) }
        return words
    }

    private static func words(_ demands: [Demand], _ gpus: [GPU]) -> [String] {
        var counted: [(demand: Demand, count: Int)] = []
        for demand in demands {
            if counted.last?.demand == demand {
                counted[counted.count - 1].count += 1
            } else {
                counted.append((demand, 1))
            }
        }
        return counted.map { demand, count in
            let places = demand.candidates.compactMap { candidate in
                gpus.firstIndex { $0.uuid == candidate.uuid }.map(String.init)
            }
            return "\(count)*\(demand.profile):\(demand.slices.rawValue):\(demand.memoryMiB)@"
                + places.joined(separator: "+")
        }
    }

    /// Reads what `words` wrote; nil where it is anything else, or names a GPU that is not among those given.
    package init?(words: [String], asker: Asker, gpus known: [GPU]) {
        guard let first = words.first, let action = Action(word: first) else { return nil }
        var reader = Reader()
        for word in words.dropFirst() {
            guard reader.take(word, known) else { return nil }
        }
        // Whoever has a group on one side only is told from who has it on both, and that is all that counts.
        let databaseGroups = Set(asker.groups).subtracting(reader.unconfirmed)
        let principal = Principal(
            user: asker.user, name: asker.name, primaryGroup: asker.groups.first ?? GroupID(UInt32.max),
            peerGroups: Set(asker.groups), databaseGroups: databaseGroups, origin: asker.origin)
        let target: Target =
            switch action.subject {
            case .broker: .broker
            case .gpu: .gpus(reader.gpus)
            case .instance: .instances(reader.demands)
            }
        query = Query(
            principal: principal, action: action, target: target, duration: reader.duration, renewals: reader.renewals,
            isolation: reader.isolation)
        now = reader.now
    }

    private struct Reader {
        var duration: TimeSpan?
        var renewals = 0
        var isolation = Isolation.advisory
        var now: Timestamp?
        var unconfirmed: Set<GroupID> = []
        var gpus: [GPU] = []
        var demands: [Demand] = []

        /// A demand names GPUs by their place, so it comes after all of them.
        mutating func take(_ word: String, _ known: [GPU]) -> Bool {
            if let text = word.after(Key.duration) {
                guard let seconds = Decimal.value(of: text) else { return false }
                duration = TimeSpan(seconds: seconds)
            } else if let text = word.after(Key.renewals) {
                guard let count = Decimal.value(of: text) else { return false }
                renewals = count
            } else if let text = word.after(Key.isolation) {
                guard let isolation = Isolation(rawValue: text) else { return false }
                self.isolation = isolation
            } else if let text = word.after(Key.now) {
                let seconds = Decimal.value(of: text)
                guard seconds != nil || text.utf8.elementsEqual("?".utf8) else { return false }
                now = seconds.map { Timestamp(secondsSinceEpoch: Int64($0)) }
            } else if let text = word.after(Key.unconfirmed) {
                for part in text.parts(between: "+") {
                    guard let number = Decimal.value(of: part).flatMap(UInt32.init(exactly:)) else { return false }
                    unconfirmed.insert(GroupID(number))
                }
            } else if let text = word.after(Key.gpus) {
                for part in text.parts(between: "+") {
                    guard let gpu = known.first(where: { $0.uuid.description.utf8.elementsEqual(part.utf8) }) else {
                        return false
                    }
                    gpus.append(gpu)
                }
            } else {
                return takeDemands(word)
            }
            return true
        }

        private mutating func takeDemands(_ word: String) -> Bool {
            let halves = word.parts(between: "@")
            guard halves.count == 2 else { return false }
            let counted = halves[0].parts(between: "*")
            guard counted.count == 2, let count = Decimal.value(of: counted[0]), (1...64).contains(count) else {
                return false
            }
            let parts = counted[1].parts(between: ":")
            guard parts.count == 3, let slices = Decimal.value(of: parts[1]), let memory = Decimal.value(of: parts[2])
            else { return false }
            var candidates: [GPU] = []
            for place in halves[1].parts(between: "+") where !place.isEmpty {
                guard let position = Decimal.value(of: place), gpus.indices.contains(position) else { return false }
                candidates.append(gpus[position])
            }
            let demand = Demand(
                profile: parts[0], slices: SliceCount(slices), memoryMiB: memory, candidates: candidates)
            demands += Array(repeating: demand, count: count)
            return true
        }
    }
}

extension PolicySet {
    /// The groups of someone that the policy mentions anywhere, ascending: those that a question's asker is known by.
    package func mentioned(of principal: Principal) -> [GroupID] { index.naming(principal).groups }
}

extension Target {
    /// Every GPU that comes into question, each once.
    fileprivate var gpus: [GPU] {
        switch self {
        case .broker: []
        case .gpus(let gpus): gpus
        case .instances(let demands):
            demands.reduce(into: []) { gpus, demand in
                gpus += demand.candidates.filter { candidate in !gpus.contains { $0.uuid == candidate.uuid } }
            }
        }
    }
}

extension String {
    /// What follows a beginning; nil where it does not begin so.
    fileprivate func after(_ beginning: String) -> String? {
        guard utf8.starts(with: beginning.utf8) else { return nil }
        return String(decoding: utf8.dropFirst(beginning.utf8.count), as: UTF8.self)
    }

    fileprivate func parts(between separator: Character) -> [String] {
        guard let byte = separator.asciiValue else { return [self] }
        return utf8.split(separator: byte, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }
}
