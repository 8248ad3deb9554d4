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
        for right in reply.rights { table.add("\(right.action)", "by \(right.rules.joined(separator: ", "))") }
        return table
    }

    private static func limits(of reply: WhoAmIReply) -> Table {
        var table = Table(.text(""), .text(""))
        for limit in reply.limits {
            let isMemory = limit.dimension.utf8.elementsEqual("memoryMiB".utf8)
            let amount: SafeText =
                isMemory
                ? "\(memory(limit.used)) of \(memory(limit.maximum)) memory"
                : "\(limit.used) of \(limit.maximum) \(limit.dimension)"
            let shared: SafeText = limit.scope.utf8.elementsEqual("group".utf8) ? ", shared by the group" : ""
            table.add(
                "\(limit.limit)", Table.Cell("\(amount)\(shared)", limit.used >= limit.maximum ? .caution : .plain))
        }
        return table
    }
}
