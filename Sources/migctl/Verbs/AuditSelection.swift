import API
import Audit
import JSON
import Linux
import MIG

/// The options by which records are chosen, for the broker's log and for files alike.
struct AuditSelection {
    static let options: [String: Options.Kind] = [
        "--user": .value, "--uid": .value, "--group": .value, "--operation": .value, "--method": .value,
        "--gpu": .value, "--profile": .value, "--lease": .value, "--result": .value, "--type": .value,
        "--since": .value, "--until": .value, "--limit": .value,
    ]

    static let details = [
        "  --user NAME      of this user, by name or uid: his own acts, and those on his behalf",
        "  --uid N          of this uid",
        "  --group NAME     decided by a right of this group, by name or gid, or by callers whose primary group it is",
        "  --operation ID   of this operation, or of those whose ids begin so",
        "  --lease ID       of this lease, or of those whose ids begin so",
        "  --method NAME    of this method, such as Request",
        "  --gpu SEL        of this GPU: index, UUID, PCI id or model:GLOB",
        "  --profile NAME   of this profile, such as 3g.20gb",
        "  --result WORD    ended so: \(results.joined(separator: ", "))",
        "  --type TYPE,...  of these types: \(types.prefix(6).joined(separator: ", ")),",
        "                   \(types.dropFirst(6).prefix(7).joined(separator: ", ")),",
        "                   \(types.dropFirst(13).joined(separator: ", "))",
        sinceLine,
        "  --until TIME     before then",
        "  --limit N        so many at most",
    ]

    /// How times are given, for the help.
    static let sinceLine =
        "  --since TIME     from then on: '2026-11-23 14:05', 14:05:30, RFC 3339, or 2h for so long ago"

    private static let results = ["ok", "failed", "undone", "left-behind", "pending"]
    private static let types = AuditRecordType.allCases.map(\.rawValue)

    let limit: Int?
    private let user: String?
    private let group: GroupID?
    private let operation: String?
    private let lease: String?
    private let method: String?
    private let gpu: String?
    private let profile: String?
    private let result: AuditResult?
    private let chosenTypes: [AuditRecordType]
    private let since: Timestamp?
    private let until: Timestamp?

    init(_ arguments: Arguments) throws(Failure) {
        let options = arguments.options
        let uid = try arguments.value("--uid", expected: "a number") {
            Decimal.value(of: $0).flatMap(UInt32.init(exactly:))
        }
        if uid != nil, options.has("--user") { try arguments.conflict("--user", "--uid") }
        user = uid.map { String($0) } ?? options.value("--user")
        group = try options.value("--group").map { (name) throws(Failure) in try Self.group(name) }
        operation = try Self.beginning("--operation", "an operation's", arguments)
        lease = try Self.beginning("--lease", "a lease's", arguments)
        method = options.value("--method")
        gpu = try arguments.value("--gpu", expected: "an index, a UUID or its beginning, a PCI id or model:GLOB") {
            text in
            GPUSelector(text) != nil || Self.isUUIDBeginning(text) ? text : nil
        }
        profile = options.value("--profile")
        result = try arguments.value("--result", expected: "one of \(Self.results.joined(separator: ", "))") { word in
            Self.results.contains { $0.hasBytes(of: word) } ? AuditResult(rawValue: word) : nil
        }
        chosenTypes =
            try arguments.value("--type", expected: "types of records, separated by commas") { text in
                let words = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
                let types = words.compactMap { word in AuditRecordType.allCases.first { $0.rawValue.hasBytes(of: word) }
                }
                return types.count == words.count ? types : nil
            } ?? []
        (since, until) = try Self.period(arguments)
        limit = try arguments.number("--limit", in: 1...1_000_000_000)
    }

    /// The question for the broker.
    var request: QueryAuditRequest {
        var request = QueryAuditRequest()
        request.user = user
        request.group = group.map { Int($0.rawValue) }
        request.operation = operation
        request.lease = lease
        request.method = method
        request.gpu = gpu
        request.profile = profile
        request.result = result?.rawValue
        request.types = chosenTypes.isEmpty ? nil : chosenTypes.map(\.rawValue)
        request.since = since?.text(fractionDigits: 9)
        request.until = until?.text(fractionDigits: 9)
        request.limit = limit
        return request
    }

    /// The same for files, in which GPUs have no index and no name.
    func filter() throws(Failure) -> AuditFilter {
        var filter = AuditFilter()
        filter.user = user.map(AuditFilter.User.init)
        filter.group = group
        filter.operation = operation
        filter.lease = lease
        filter.method = method
        if let gpu, !Self.isUUIDBeginning(gpu) {
            throw Failure(.usage, what: "records name a GPU by its UUID: '\(gpu)' is none", next: "give --gpu GPU-...")
        }
        filter.gpus = gpu.map { [$0] } ?? []
        filter.profile = profile
        filter.result = result
        filter.types = Set(chosenTypes)
        filter.since = since
        filter.until = until
        return filter
    }

    /// `--since` and `--until`.
    static func period(_ arguments: Arguments) throws(Failure) -> (Timestamp?, Timestamp?) {
        let now = Clock.wall()
        func time(_ name: String) throws(Failure) -> Timestamp? {
            try arguments.value(name, expected: "a time such as '2026-11-23 14:05', 14:05:30, RFC 3339 or 2h") {
                LocalTime.moment($0, now: now)
            }
        }
        return (try time("--since"), try time("--until"))
    }

    private static func beginning(_ option: String, _ whose: String, _ arguments: Arguments) throws(Failure) -> String?
    {
        try arguments.value(option, expected: "the hex digits of \(whose) id") { text in
            (1...32).contains(text.utf8.count) && Hex.isLowercase(text, digits: text.utf8.count) ? text : nil
        }
    }

    private static func isUUIDBeginning(_ text: String) -> Bool {
        text.utf8.starts(with: "GPU-".utf8)
            && text.utf8.dropFirst(4).allSatisfy { $0 == UInt8(ascii: "-") || Hex.isDigit($0) }
    }

    /// Records hold gids; a name is what this host has for one.
    private static func group(_ name: String) throws(Failure) -> GroupID {
        if let gid = Decimal.value(of: name).flatMap(UInt32.init(exactly:)) { return GroupID(gid) }
        switch UserDatabase.group(named: name) {
        case .found(let group): return group.gid
        case .unknown: throw Failure(.notFound, what: "this host has no group '\(name)'", next: "give its gid")
        case .failed(let code):
            throw Failure(.failed, what: "group '\(name)' could not be looked up", why: SafeText(code.message))
        }
    }
}
