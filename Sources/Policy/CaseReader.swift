import JSON
import Linux
import MIG

/// Reads a file of cases: JSON with `//` comments, like the policy.
struct CaseReader {
    struct Problem: Error {
        let problem: PolicyProblem
        let offset: Int

        init(_ problem: PolicyProblem, at offset: Int) {
            self.problem = problem
            self.offset = offset
        }

        init(_ error: JSONShapeError) { self.init(.shape(error), at: error.offset) }
    }

    /// What the file calls users and groups, over what the system does.
    private(set) var names: NameResolver
    private var gpus: [GPU] = []
    private let list: [JSONValue]

    private static let ids = 0...Int64(UInt32.max) - 1
    /// A Monday at noon, where a case does not say when.
    private static let usualTime = "2026-01-05T12:00:00Z"
    private static let machine = ["NVIDIA A100-SXM4-40GB"]

    init(_ bytes: [UInt8], _ system: NameResolver) throws(Problem) {
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONParser.parse(bytes, limits: .policy)
        } catch {
            throw Problem(.syntax(error.problem), at: error.offset)
        }
        var object = try Self.shaped { () throws(JSONShapeError) in try JSONObjectReader(value) }
        let version = try Self.shaped { () throws(JSONShapeError) in try object.integer("version") }
        guard version == 1 else { throw Problem(.unknownVersion(version), at: value["version"]?.offset ?? 0) }
        let users = try Self.numbers("users", of: value, &object)
        let groups = try Self.numbers("groups", of: value, &object)
        names = NameResolver(
            user: { name in users[Array(name.utf8)].map { .found(UserID($0)) } ?? system.user(name) },
            group: { name in groups[Array(name.utf8)].map { .found(GroupID($0)) } ?? system.group(name) },
            zone: system.zone)
        let models = try Self.shaped { () throws(JSONShapeError) in try object.optionalStrings("gpus") } ?? Self.machine
        list = try Self.shaped { () throws(JSONShapeError) in try object.array("cases") }
        try Self.shaped { () throws(JSONShapeError) in try object.finish() }
        gpus = models.enumerated().compactMap(Self.gpu)
    }

    mutating func cases() throws(Problem) -> [PolicyCases.Case] {
        var cases: [PolicyCases.Case] = []
        for (index, value) in list.enumerated() {
            var object = try Self.shaped { () throws(JSONShapeError) in
                try JSONObjectReader(value, path: "cases[\(index)]")
            }
            cases.append(try one(value, &object))
            try Self.shaped { () throws(JSONShapeError) in try object.finish() }
        }
        return cases
    }

    private func one(_ value: JSONValue, _ object: inout JSONObjectReader) throws(Problem) -> PolicyCases.Case {
        let name = try Self.shaped { () throws(JSONShapeError) in try object.string("name") }
        let query = try query(value, &object)
        let now = try text("at", of: value, &object, "a time such as \(Self.usualTime)", Timestamp.init)
        let use = try uses(&object)
        let answers = ["allow": true, "deny": false]
        guard let isAllowed = try text("expect", of: value, &object, #""allow" or "deny""#, { answers[$0] }) else {
            throw Problem(object.missing("expect"))
        }
        func sorted(_ ids: [String]?) -> [String]? { ids?.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }
        return PolicyCases.Case(
            name: name, place: SourcePlace(file: 0, offset: value.offset), query: query, use: use,
            now: now ?? Timestamp(Self.usualTime) ?? Timestamp(secondsSinceEpoch: 0), isAllowed: isAllowed,
            rules: sorted(try Self.shaped { () throws(JSONShapeError) in try object.optionalStrings("rules") }),
            limits: sorted(try Self.shaped { () throws(JSONShapeError) in try object.optionalStrings("limits") }))
    }

    // MARK: The question

    private func query(_ value: JSONValue, _ object: inout JSONObjectReader) throws(Problem) -> Query {
        let principal = try principal(value, &object)
        guard let action = try text("action", of: value, &object, "an action", { Action(word: $0) }) else {
            throw Problem(object.missing("action"))
        }
        return Query(
            principal: principal, action: action, target: try target(of: action, value, &object),
            duration: try text("for", of: value, &object, "a time such as 8h", TimeSpan.init),
            renewals: Int(
                try Self.shaped { () throws(JSONShapeError) in
                    try object.optionalInteger("renewals", in: 0...1_000_000)
                } ?? 0),
            isolation: try text(
                "isolation", of: value, &object, #""advisory" or "enforced""#, Isolation.init(rawValue:)) ?? .advisory)
    }

    /// Groups of the caller are his in both places that a rule looks at.
    private func principal(_ value: JSONValue, _ object: inout JSONObjectReader) throws(Problem) -> Principal {
        guard let user = object.take("user") else { throw Problem(object.missing("user")) }
        let groups = try Set(numbers(.group, "groups", &object).map(GroupID.init))
        let number = try number(.user, user)
        let origin = try text("from", of: value, &object, #""host", "container" or "unknown""#, Origin.init(rawValue:))
        return Principal(
            user: UserID(number), name: user.stringValue ?? "\(number)",
            primaryGroup: groups.min() ?? GroupID(UInt32.max),
            peerGroups: groups, databaseGroups: groups, origin: origin ?? .host)
    }

    private func target(
        of action: Action, _ value: JSONValue, _ object: inout JSONObjectReader
    ) throws(Problem) -> Target {
        let selectors = try Self.shaped { () throws(JSONShapeError) in try object.optionalStrings("gpus") }
        let profiles = try Self.shaped { () throws(JSONShapeError) in try object.optionalStrings("profiles") }
        let chosen = try selectors.map { (texts) throws(Problem) in
            try gpus(texts, at: value["gpus"]?.offset ?? value.offset)
        }
        switch action.subject {
        case .broker: return .broker
        case .gpu: return .gpus(chosen ?? gpus)
        case .instance:
            guard let profiles else { throw Problem(object.missing("profiles")) }
            var demands: [Demand] = []
            for profile in profiles {
                demands.append(
                    try demand(profile, at: value["profiles"]?.offset ?? value.offset, on: chosen ?? gpus))
            }
            return .instances(demands)
        }
    }

    private func gpus(_ texts: [String], at offset: Int) throws(Problem) -> [GPU] {
        var selectors: [GPUSelector] = []
        for text in texts {
            guard let selector = GPUSelector(text) else { throw Problem(.badGPU(text), at: offset) }
            guard gpus.contains(where: selector.matches) else { throw Problem(.noSuchGPU(text), at: offset) }
            selectors.append(selector)
        }
        return gpus.filter { gpu in selectors.contains { $0.matches(gpu) } }
    }

    /// Slices and memory are those that the name tells; what a GPU really gives is a little less memory.
    private func demand(_ profile: String, at offset: Int, on candidates: [GPU]) throws(Problem) -> Demand {
        let numbers = profile.utf8.split { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            .compactMap { Decimal.value(of: String(decoding: $0, as: UTF8.self)) }
        guard ProfileName.hasForm(Array(profile.utf8)), numbers.count == 2 else {
            throw Problem(.badProfile(profile), at: offset)
        }
        return Demand(
            profile: profile, slices: SliceCount(numbers[0]), memoryMiB: numbers[1] << 10, candidates: candidates)
    }

    private func uses(_ object: inout JSONObjectReader) throws(Problem) -> [UseEntry] {
        let path = object.path(of: "use")
        let elements = try Self.shaped { () throws(JSONShapeError) in try object.optionalArray("use") } ?? []
        var entries: [UseEntry] = []
        for (index, value) in elements.enumerated() {
            var use = try Self.shaped { () throws(JSONShapeError) in
                try JSONObjectReader(value, path: "\(path)[\(index)]")
            }
            guard let user = use.take("user") else { throw Problem(use.missing("user")) }
            let number = try number(.user, user)
            let groups = try numbers(.group, "groups", &use).map(GroupID.init)
            let profiles = try Self.shaped { () throws(JSONShapeError) in try use.optionalStrings("profiles") } ?? []
            for profile in profiles {
                let demand = try demand(profile, at: value["profiles"]?.offset ?? value.offset, on: [])
                entries.append(
                    UseEntry(
                        user: UserID(number), groups: groups, slices: demand.slices, memoryMiB: demand.memoryMiB))
            }
            try Self.shaped { () throws(JSONShapeError) in try use.finish() }
        }
        return entries
    }

    // MARK: Parts

    private static func gpu(_ index: Int, _ model: String) -> GPU? {
        let digits = String(index)
        let tail = String(repeating: "0", count: 12 - digits.utf8.count) + digits
        guard index < 32, let uuid = GPUUUID("GPU-00000000-0000-4000-8000-\(tail)") else { return nil }
        return GPU(
            index: index, uuid: uuid, pci: PCIAddress(domain: 0, bus: UInt8(index + 1), device: 0), minor: index,
            name: model, memoryMiB: 0, mode: MIGMode(isEnabled: true, isPendingEnabled: true))
    }

    /// The text of a key, read by `read`; nil where it is absent.
    private func text<Value>(
        _ key: String, of value: JSONValue, _ object: inout JSONObjectReader, _ what: String,
        _ read: (String) -> Value?
    ) throws(Problem) -> Value? {
        guard let given = object.take(key) else { return nil }
        guard let text = given.stringValue, let found = read(text) else {
            throw Problem(object.expected(what, key, given))
        }
        return found
    }

    private func numbers(
        _ kind: PolicyProblem.NameKind, _ key: String, _ object: inout JSONObjectReader
    ) throws(Problem) -> [UInt32] {
        var numbers: [UInt32] = []
        for value in try Self.shaped({ () throws(JSONShapeError) in try object.optionalArray(key) }) ?? [] {
            numbers.append(try number(kind, value))
        }
        return numbers
    }

    private func number(_ kind: PolicyProblem.NameKind, _ value: JSONValue) throws(Problem) -> UInt32 {
        if let number = value.integerValue, Self.ids.contains(number) { return UInt32(number) }
        guard let name = value.stringValue else { throw Problem(.badNumber(kind), at: value.offset) }
        let answer: NameResolver.Answer<UInt32> =
            switch kind {
            case .user: names.user(name).map(\.rawValue)
            case .group: names.group(name).map(\.rawValue)
            }
        switch answer {
        case .found(let number): return number
        case .unknown: throw Problem(.unknownName(kind, name), at: value.offset)
        case .failed(let code): throw Problem(.lookupFailed(kind, name, code), at: value.offset)
        }
    }

    /// Names and their numbers; by their bytes, since as Strings they would equal their canonical equivalents.
    private static func numbers(
        _ key: String, of value: JSONValue, _ object: inout JSONObjectReader
    ) throws(Problem) -> [[UInt8]: UInt32] {
        guard var list = try shaped({ () throws(JSONShapeError) in try object.optionalObject(key) }) else { return [:] }
        var numbers: [[UInt8]: UInt32] = [:]
        for member in value[key]?.objectValue ?? [] {
            numbers[Array(member.key.utf8)] = UInt32(
                try shaped { () throws(JSONShapeError) in try list.integer(member.key, in: ids) })
        }
        return numbers
    }

    private static func shaped<Value>(_ body: () throws(JSONShapeError) -> Value) throws(Problem) -> Value {
        do throws(JSONShapeError) {
            return try body()
        } catch {
            throw Problem(error)
        }
    }
}
