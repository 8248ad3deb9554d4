import API
import JSON
import Linux
import MIG

extension Verb {
    static let auditShow = Verb(
        name: "audit show",
        usage: ["[options]"],
        summary: "Show the record of changes and refusals",
        details: [
            "  --user NAME      of this user, by name or uid",
            "  --operation ID   of this operation, or of those whose ids begin so",
            "  --method NAME    of this method, such as Request",
            "  --gpu SEL        of this GPU: index, UUID, PCI id or model:GLOB",
            "  --since TIME     from then on: '2026-11-23 14:05', 14:05, RFC 3339, or 2h for so long ago",
            "  --until TIME     before then",
            "  --limit N        so many at most",
            "",
            "Oldest first. Without the right audit.read the records are your own. With --json one record a line.",
        ],
        options: [
            "--user": .value, "--operation": .value, "--method": .value, "--gpu": .value, "--since": .value,
            "--until": .value, "--limit": .value,
        ],
        run: { options, session throws(Failure) in
            let question = try question(Arguments(options, of: "audit show"))
            var printer = AuditPrinter(session)
            var failure: Failure?
            try session.stream("QueryAudit", question.json, to: "read the audit log") { reply in
                do throws(Failure) {
                    try printer.print(reply["records"]?.arrayValue ?? [])
                    return true
                } catch {
                    failure = error
                    return false
                }
            }
            if let failure { throw failure }
            try printer.finish()
            return .ok
        })

    private static func question(_ arguments: Arguments) throws(Failure) -> QueryAuditRequest {
        try arguments.none()
        let calendar = Calendar()
        func time(_ name: String) throws(Failure) -> String? {
            try arguments.value(name, expected: "a time such as '2026-11-23 14:05', 14:05 or 2h") { text in
                calendar.past(text)
            }?.description
        }
        let operation = try arguments.value("--operation", expected: "the hex digits of an operation's id") { text in
            (1...32).contains(text.utf8.count) && Hex.isLowercase(text, digits: text.utf8.count) ? text : nil
        }
        return QueryAuditRequest(
            user: arguments.options.value("--user"), operation: operation,
            method: arguments.options.value("--method"), gpu: try arguments.gpu(), since: try time("--since"),
            until: try time("--until"), limit: try arguments.number("--limit", in: 1...1_000_000_000))
    }
}

/// Prints records as they come, in tables of bounded size.
private struct AuditPrinter {
    private let session: Session
    private let calendar = Calendar()
    private var table = Self.emptyTable
    private var count = 0
    private var printed = 0

    /// Rows that are set to common widths; a longer answer is printed piece by piece.
    private static let batch = 1000

    init(_ session: Session) { self.session = session }

    mutating func print(_ records: [JSONValue]) throws(Failure) {
        for record in records {
            if session.globals.isJSON {
                try session.output.json(record)
            } else {
                add(AuditRow(record, calendar: calendar))
                if count - printed == Self.batch { try flush() }
            }
        }
    }

    mutating func finish() throws(Failure) {
        guard !session.globals.isJSON else { return }
        try flush()
        if count == 0 { session.output.talk("no records") }
    }

    private mutating func flush() throws(Failure) {
        try session.output.table(table, titles: printed == 0)
        table = Self.emptyTable
        printed = count
    }

    private mutating func add(_ row: AuditRow) {
        count += 1
        table.add(
            row.time, row.type, row.user, row.method, row.profile, row.gpu, row.lease, row.operation, row.result)
    }

    private static var emptyTable: Table {
        Table(
            .text("TIME"), .text("TYPE"), .text("USER"), .text("METHOD"), .optional("PROFILE"), .optional("GPU"),
            .optional("LEASE"), .optional("OPERATION"), .text("RESULT"))
    }
}

/// What of a record a line has room for.
private struct AuditRow {
    let time: Table.Cell
    let type: Table.Cell
    let user: Table.Cell
    let method: Table.Cell
    let profile: Table.Cell
    let gpu: Table.Cell
    let lease: Table.Cell
    let result: Table.Cell
    let operation: Table.Cell

    init(_ record: JSONValue, calendar: Calendar) {
        func text(_ key: String) -> String? { record[key]?.stringValue }
        let kind = text("type") ?? "?"
        time = "\(calendar.stamp(text("time") ?? "?"))"
        type = Table.Cell("\(kind)", Self.style(of: kind))
        user = Table.Cell(text("user") ?? record["uid"]?.integerValue.map { String($0) })
        method = Table.Cell(text("method"))
        profile = Table.Cell(text("profile").map { name in text("placement").map { "\(name)@\($0)" } ?? name })
        gpu = Table.Cell(text("gpu").map { String($0.prefix(12)) })
        lease = Table.Cell(text("lease").map { String($0.prefix(8)) })
        operation = Table.Cell(text("op").map { String($0.prefix(8)) })
        result = Self.result(of: record, text)
    }

    /// The outcome or the decision, with what explains it.
    private static func result(of record: JSONValue, _ text: (String) -> String?) -> Table.Cell {
        let rules = (record["rules"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: ", ")
        let word = text("result") ?? text("decision") ?? ""
        let times = record["count"]?.integerValue.map { $0 > 1 ? "\($0) times" : "" } ?? ""
        let parts = [word, text("error") ?? "", text("reason") ?? "", rules, times].filter { !$0.isEmpty }
        let isBad = ["deny", "failed"].contains { $0.hasBytes(of: word) }
        return Table.Cell("\(parts.joined(separator: ": "))", isBad ? .bad : .plain)
    }

    private static func style(of type: String) -> Style {
        switch type {
        case "denied": .bad
        case "external-change", "node-repaired", "policy-rejected", "gap", "health", "disk-full", "recovered": .caution
        default: .plain
        }
    }
}
