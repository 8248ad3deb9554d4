import JSON
import Linux
import MIG
import Policy

extension Verb {
    static let policyShow = Verb(
        name: "policy show",
        usage: ["[--effective USER]"],
        summary: "Show the policy files, or what they come to for one user, without the broker",
        details: [
            "  --effective USER   the user's rights and limits, by his groups in the user database",
            "",
            "Reads /etc/migbroker/policy.json and policy.d below --root; -q prints the policy's hash alone.",
        ],
        options: ["--effective": .value],
        run: { options, session throws(Failure) in
            try Arguments(options, of: "policy show").none()
            let policy = try load(PolicySource.below(session.globals.root))
            if session.isQuiet {
                try session.output.line("\(policy.hash)")
            } else if let name = options.value("--effective") {
                try EffectivePolicy(policy, of: try principal(name)).show(in: session)
            } else {
                try show(policy, in: session)
            }
            return .ok
        })

    private static func load(_ source: PolicySource) throws(Failure) -> PolicySet {
        do throws(PolicyErrors) {
            return try PolicySet.load(from: source)
        } catch {
            throw Failure(
                .checkFailed, what: "the policy cannot be loaded",
                why: error.diagnostics.first.map { "\($0)" },
                next: "'migctl policy check' shows everything that is wrong")
        }
    }

    private static func show(_ policy: PolicySet, in session: Session) throws(Failure) {
        if session.globals.isJSON {
            let files = policy.files.map { file -> JSONValue in
                ["path": .string(file.path), "text": .string(String(decoding: file.bytes, as: UTF8.self))]
            }
            return try session.output.json(["policy": .string(policy.hash), "files": .array(files)])
        }
        for file in policy.files {
            try session.output.line("// \(file.path)", .faint)
            for line in file.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
                try session.output.line("\(String(decoding: line, as: UTF8.self).replacingTabs)")
            }
        }
    }

    /// The user as he would be after logging in on the host.
    private static func principal(_ name: String) throws(Failure) -> Principal {
        func failed(_ code: Errno) -> Failure {
            Failure(.failed, what: "cannot look up \(name)", why: "the user database failed: \(code)")
        }
        let answer = Decimal.value(of: name).flatMap(UInt32.init(exactly:)).map { UserDatabase.user(UserID($0)) }
        switch answer ?? UserDatabase.user(named: name) {
        case .unknown: throw Failure(.notFound, what: "no such user: \(name)")
        case .failed(let code): throw failed(code)
        case .found(let user):
            switch UserDatabase.groups(of: user) {
            case .unknown: throw Failure(.notFound, what: "no such user: \(name)")
            case .failed(let code): throw failed(code)
            case .found(let groups):
                return Principal(
                    user: user.uid, name: user.name, primaryGroup: user.group, peerGroups: groups,
                    databaseGroups: groups, origin: .host)
            }
        }
    }
}

/// What a policy comes to for one user.
private struct EffectivePolicy {
    private let rights: [Right]
    private let limits: [LimitStatus]
    private let policy: PolicySet

    init(_ policy: PolicySet, of principal: Principal) {
        self.policy = policy
        // As enforced, so that nothing a rule gives is left out; `whoami` knows how things are.
        rights = policy.rights(of: principal, isolation: .enforced)
        limits = policy.limits(on: principal, use: [])
    }

    func show(in session: Session) throws(Failure) {
        if session.globals.isJSON { return try session.output.json(json) }
        var table = Table(.text("RIGHT"), .text("RULE"), .optional("ONLY"))
        for right in rights {
            for rule in right.rules {
                table.add("\(right.action.rawValue)", "\(rule)", Table.Cell(scope(of: rule, for: right.action)))
            }
            for rule in right.exceptions {
                table.add("\(right.action.rawValue)", "\(rule) denies", Table.Cell(scope(of: rule, for: right.action)))
            }
        }
        try session.output.table(table)
        if rights.isEmpty { session.output.talk("no rights at all") }
        guard !limits.isEmpty else { return }
        if !rights.isEmpty { try session.output.line("") }
        var limitTable = Table(.text("LIMIT"), .text("SCOPE"), .text("AT MOST"))
        for limit in limits { limitTable.add("\(limit.id)", "\(limit.scope.rawValue)", "\(text(of: limit))") }
        try session.output.table(limitTable)
    }

    /// What narrows a rule; nothing where nothing does.
    private func scope(of rule: String, for action: Action) -> SafeText {
        guard let scope = policy.scope(ofRule: rule, for: action) else { return "" }
        var parts: [SafeText] = []
        if !scope.gpus.isEmpty { parts.append("GPU \(scope.gpus.joined(separator: ", "))") }
        if !scope.profiles.isEmpty { parts.append("\(scope.profiles.joined(separator: ", "))") }
        if let from = scope.from { parts.append("from \(from.rawValue)") }
        if let during = scope.during { parts.append("\(during)") }
        if scope.requiresIsolation { parts.append("where isolation is enforced") }
        return SafeText.joined(parts, separator: "; ")
    }

    private func scopes(of rules: [String], for action: Action) -> JSONValue {
        .array(
            rules.compactMap { rule -> JSONValue? in
                guard let scope = policy.scope(ofRule: rule, for: action) else { return nil }
                var members: [JSONValue.Member] = [.init("rule", .string(rule))]
                if !scope.gpus.isEmpty { members.append(.init("gpus", .array(scope.gpus.map(JSONValue.string)))) }
                if !scope.profiles.isEmpty {
                    members.append(.init("profiles", .array(scope.profiles.map(JSONValue.string))))
                }
                if let from = scope.from { members.append(.init("from", .string(from.rawValue))) }
                if let during = scope.during { members.append(.init("during", .string(during))) }
                if scope.requiresIsolation { members.append(.init("requireIsolation", .bool(true))) }
                return members.count > 1 ? .object(members) : nil
            })
    }

    private func text(of limit: LimitStatus) -> String {
        var parts = limit.amounts.map { amount in
            amount.dimension == .memory
                ? "\(memory(amount.max)) memory" : "\(amount.max) \(amount.dimension.rawValue)"
        }
        if let span = limit.leaseMax { parts.append("\(Calendar.span(span.seconds)) a lease") }
        if let span = limit.leaseDefault { parts.append("\(Calendar.span(span.seconds)) by default") }
        if let count = limit.renewals { parts.append(counted(count, "renewal")) }
        if limit.killsOnExpiry { parts.append("processes killed at its end") }
        return parts.joined(separator: ", ")
    }

    private var json: JSONValue {
        let rights = self.rights.map { right -> JSONValue in
            [
                "action": .string(right.action.rawValue), "rules": .array(right.rules.map(JSONValue.string)),
                "exceptions": .array(right.exceptions.map(JSONValue.string)),
                "hours": .array(right.hours.map { ["rule": .string($0.rule), "during": .string($0.during)] }),
                "scopes": scopes(of: right.rules + right.exceptions, for: right.action),
            ]
        }
        let limits = self.limits.map { limit -> JSONValue in
            var members: [JSONValue.Member] = [
                .init("limit", .string(limit.id)), .init("scope", .string(limit.scope.rawValue)),
            ]
            members += limit.amounts.map { .init($0.dimension.rawValue, .integer($0.max)) }
            if let span = limit.leaseDefault { members.append(.init("leaseDefaultSeconds", .integer(span.seconds))) }
            if let span = limit.leaseMax { members.append(.init("leaseMaxSeconds", .integer(span.seconds))) }
            if let count = limit.renewals { members.append(.init("renewals", .integer(count))) }
            if limit.killsOnExpiry { members.append(.init("onExpiry", "kill")) }
            return .object(members)
        }
        return ["rights": .array(rights), "limits": .array(limits)]
    }
}

extension String {
    /// Tabs as blanks: they are as much at home in a text file as they are unwelcome elsewhere.
    fileprivate var replacingTabs: String {
        split(separator: "\t", omittingEmptySubsequences: false).joined(separator: "    ")
    }
}
