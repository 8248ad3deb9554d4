import API
import Linux

extension Verb {
    static let whoami = Verb(
        name: "whoami",
        usage: [""],
        summary: "Show who you are to the broker, what you may do and what is left of your limits",
        run: { options, session throws(Failure) in
            try Arguments(options, of: "whoami").none()
            let answer: Answer<WhoAmIReply> = try session.call("WhoAmI", to: "ask who you are")
            try session.show(answer) { reply throws(Failure) in
                if session.isQuiet { return try session.output.line("\(reply.uid)") }
                try session.output.table(facts(of: reply))
                try section("RIGHTS", rights(of: reply), none: "you have no rights here", in: session)
                try section("LIMITS", limits(of: reply), none: nil, in: session)
            }
            return .ok
        })

    private static func section(
        _ title: SafeText, _ table: Table, none: SafeText?, in session: Session
    ) throws(Failure) {
        if table.isEmpty {
            if let none { session.output.talk(none) }
            return
        }
        try session.output.line("")
        try session.output.line(title, .heading)
        try session.output.table(table)
    }

    private static func facts(of reply: WhoAmIReply) -> Table {
        var table = Table(.text(""), .text(""))
        table.add("user", reply.user.map { "\($0) (\(reply.uid))" } ?? "\(reply.uid), unknown to this machine")
        let groups = reply.groups.map { group -> SafeText in group.name.map { "\($0)" } ?? "\(group.gid)" }
        table.add("groups", Table.Cell(SafeText.joined(groups, separator: ", ")))
        table.add("from", "\(reply.origin)")
        let isEnforced = reply.isolation.utf8.elementsEqual("enforced".utf8)
        table.add("isolation", Table.Cell("\(reply.isolation)", isEnforced ? .good : .caution))
        table.add("policy", reply.policy.map { "\($0.prefix(16))" } ?? Table.Cell("none: every change is denied", .bad))
        return table
    }

    private static func rights(of reply: WhoAmIReply) -> Table {
        var table = Table(.text(""), .text(""))
        for right in reply.rights {
            let rules = RuleList(right.rules, hours: right.hours.map { ($0.rule, $0.during) })
            table.add("\(right.action)", Table.Cell("by \(rules.text)"))
        }
        return table
    }

    /// One row a limit, however much it counts.
    private static func limits(of reply: WhoAmIReply) -> Table {
        var table = Table(.text(""), .text(""))
        var rest = reply.limits[...]
        while let first = rest.first {
            let same = rest.prefix { $0.limit.utf8.elementsEqual(first.limit.utf8) }
            rest = rest.dropFirst(same.count)
            let isGroup = first.scope.utf8.elementsEqual("group".utf8)
            let amounts = SafeText.joined(same.map(amount), separator: ", ")
            table.add(
                "\(first.limit)",
                Table.Cell(
                    isGroup ? "\(amounts), by the whole group" : amounts,
                    same.contains { $0.used >= $0.maximum } ? .caution : .plain))
        }
        return table
    }

    private static func amount(of limit: LimitUse) -> SafeText {
        limit.dimension.utf8.elementsEqual("memoryMiB".utf8)
            ? "\(memory(limit.used)) of \(memory(limit.maximum)) memory"
            : "\(limit.used) of \(limit.maximum) \(limit.dimension)"
    }
}
