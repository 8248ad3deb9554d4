import API
import Audit
import JSON
import Linux
import MIG

extension Verb {
    static let auditUsage = Verb(
        name: "audit usage",
        usage: ["[options]", "FILE... [options]"],
        summary: "Add up what leases took of the machine",
        details: [
            "  FILE             segments, oldest first, or a directory of them: read here, without the broker",
            AuditSelection.sinceLine,
            "  --until TIME     before then",
            "  --user NAME      of this user's leases alone, by name or uid",
            "  --by KIND        by user, group or profile; else all three",
            "",
            "Counts each lease from the record of its making to that of its end, whatever ended it, as far as that lies in",
            "the period; one that still runs counts up to the period's end (of FILEs, to their last record). Instance,",
            "slice and GiB hours are what its profile's name says, times its hours: 3g.20gb is 3 slices and 20 GiB. A lease",
            "counts in full for every group by whose right it was made, so groups may add up to more than the total; '-'",
            "is of no group, or made before the log begins; as a user, of an owner whom no record names. Of leases made",
            "before the log begins only those count that a later record tells of. Without the right audit.read you are",
            "told of your own leases. Exit status 10 if a FILE has lines that are no records.",
        ],
        options: ["--since": .value, "--until": .value, "--user": .value, "--by": .value],
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "audit usage")
            let (since, until) = try AuditSelection.period(arguments)
            let kind = try arguments.value("--by", expected: "user, group or profile") { UsageKind($0) }
            let user = options.value("--user")
            var isWhole = true
            let reply: QueryUsageReply
            if arguments.list.isEmpty {
                let request = QueryUsageRequest(
                    user: user, since: since?.text(fractionDigits: 9), until: until?.text(fractionDigits: 9))
                let answer: Answer<QueryUsageReply> = try session.call(
                    "QueryUsage", request.json, to: "add up what was used", milliseconds: 600_000)
                reply = answer.reply
            } else {
                var usage = AuditUsage(since: since, until: until, owner: user.map(AuditFilter.User.init))
                let log = try AuditFiles.reader(arguments.list)
                let ends = try AuditFiles.ends(log)
                usage.begin(with: ends.first)
                isWhole = try AuditFiles.read(log, AuditUsage.filter, in: session) { entry, _ in
                    usage.take(entry)
                    return true
                }
                reply = QueryUsageReply(usage.report(now: ends.last?.stamp.time ?? Clock.wall()))
            }
            if session.globals.isJSON {
                try session.output.json(reply.json)
            } else {
                try show(reply, by: kind, in: session)
            }
            return isWhole ? .ok : .checkFailed
        })

    private static func show(_ reply: QueryUsageReply, by kind: UsageKind?, in session: Session) throws(Failure) {
        let calendar = Calendar()
        session.output.talk(
            "\(reply.since.map { "from \(calendar.stamp($0))" } ?? "from the log's beginning") to \(calendar.stamp(reply.until))"
        )
        if let begins = reply.begins {
            session.output.error(
                "the log begins at \(calendar.stamp(begins)): of leases made before, only those count that a later record tells of",
                .caution)
        }
        for shown in UsageKind.allCases where kind == nil || kind == shown {
            var table = Table(
                .text(shown.title), .number("LEASES"), .number("INSTANCE-HOURS"), .number("SLICE-HOURS"),
                .number("GIB-HOURS"))
            for row in shown.rows(of: reply) { table.add(row, named: shown.name(of: row)) }
            if shown != .group || kind == .group { table.add(reply.total, named: "total") }
            try session.output.table(table)
            if kind == nil, shown != .profile { try session.output.line("") }
        }
    }
}

/// By what use is added up.
private enum UsageKind: CaseIterable {
    case user, group, profile

    init?(_ word: String) {
        let kinds: [(String, UsageKind)] = [("user", .user), ("group", .group), ("profile", .profile)]
        guard let kind = kinds.first(where: { $0.0.hasBytes(of: word) }) else { return nil }
        self = kind.1
    }

    var title: String {
        switch self {
        case .user: "USER"
        case .group: "GROUP"
        case .profile: "PROFILE"
        }
    }

    func rows(of reply: QueryUsageReply) -> [UsageInfo] {
        switch self {
        case .user: reply.users
        case .group: reply.groups
        case .profile: reply.profiles
        }
    }

    /// Records hold gids: what the group is called is what this host calls it.
    func name(of row: UsageInfo) -> SafeText {
        switch self {
        case .user: return SafeText(row.user ?? row.uid.map { String($0) } ?? "-")
        case .profile: return SafeText(row.profile ?? "-")
        case .group:
            guard let gid = row.gid.flatMap(UInt32.init(exactly:)) else { return "-" }
            if case .found(let group) = UserDatabase.group(GroupID(gid)) { return SafeText(group.name) }
            return "\(gid)"
        }
    }
}

extension Table {
    fileprivate mutating func add(_ row: UsageInfo, named name: SafeText) {
        add(
            Cell(name), "\(row.leases)", "\(Self.hours(row.instanceSeconds))", "\(Self.hours(row.sliceSeconds))",
            "\(Self.hours(row.memoryGiBSeconds))")
    }

    /// Hours with two digits of the fraction, rounded.
    private static func hours(_ seconds: Int) -> String {
        let (whole, rest) = seconds.quotientAndRemainder(dividingBy: 3600)
        let hundredths = (rest * 100 + 1800) / 3600
        let (hours, digits) = hundredths == 100 ? (whole + 1, 0) : (whole, hundredths)
        return "\(hours).\(digits < 10 ? "0" : "")\(digits)"
    }
}

extension QueryUsageReply {
    fileprivate init(_ report: AuditUsageReport) {
        self.init(
            since: report.since?.description, until: report.until.description,
            begins: report.begins?.description, total: UsageInfo(report.total),
            users: report.users.map(UsageInfo.init), groups: report.groups.map(UsageInfo.init),
            profiles: report.profiles.map(UsageInfo.init))
    }
}

extension UsageInfo {
    fileprivate init(_ row: AuditUsageReport.Row) {
        self.init(
            uid: row.user.map { Int($0.rawValue) }, user: row.name, gid: row.group.map { Int($0.rawValue) },
            profile: row.profile, leases: row.leases, instanceSeconds: row.instanceSeconds,
            sliceSeconds: row.sliceSeconds, memoryGiBSeconds: row.memoryGiBSeconds)
    }
}
