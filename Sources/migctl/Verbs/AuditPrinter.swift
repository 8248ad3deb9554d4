import API
import JSON
import Linux
import MIG

/// Prints records as they come, in tables of bounded size.
struct AuditPrinter {
    private let session: Session
    private let calendar = Calendar()
    private var table = Self.emptyTable
    private var lines: [UInt8] = []
    private var count = 0
    private var printed = 0

    /// Whether rows are printed before the rest is known, so that columns cannot be as wide as they must be.
    private var isFixed = false

    /// Rows that are set to the widths they need; a longer answer is printed piece by piece, in fixed columns.
    private static let batch = 1000
    /// Of lines that are written at once.
    private static let bytesAtOnce = 64 << 10

    init(_ session: Session) { self.session = session }

    /// Asks the broker, and prints its answers as they come.
    mutating func printAnswer(to request: QueryAuditRequest) throws(Failure) {
        var failure: Failure?
        let isEndless = request.follow == true
        isFixed = isEndless
        try session.stream(
            "QueryAudit", request.json, to: "read the audit log", milliseconds: isEndless ? nil : 60_000
        ) { reply in
            do throws(Failure) {
                for record in reply["records"]?.arrayValue ?? [] { try print(record) }
                if isEndless { try flush() }
                return true
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
    }

    /// Prints a line of a file, which is a record.
    mutating func print(line: [UInt8]) throws(Failure) {
        guard session.globals.isJSON else {
            // What the reader lets pass has been parsed before.
            guard let record = try? JSONParser.parse(line, limits: .record) else { return }
            return try print(record)
        }
        try add(line)
    }

    /// Prints what is still to be printed.
    mutating func finish() throws(Failure) {
        try flush()
        if count == 0 { session.output.talk("no records") }
    }

    private mutating func print(_ record: JSONValue) throws(Failure) {
        guard !session.globals.isJSON else { return try add(record.bytes()) }
        if session.isQuiet { return try add(Array((record["seq"]?.integerValue.map { String($0) } ?? "?").utf8)) }
        let row = AuditRow(record, calendar: calendar)
        count += 1
        table.add(
            row.seq, row.time, row.type, row.user, row.method, row.profile, row.gpu, row.lease, row.operation,
            row.result)
        guard count - printed == Self.batch else { return }
        isFixed = true
        try flush()
    }

    private mutating func add(_ line: [UInt8]) throws(Failure) {
        count += 1
        lines += line
        lines.append(UInt8(ascii: "\n"))
        if lines.count >= Self.bytesAtOnce { try flush() }
    }

    private mutating func flush() throws(Failure) {
        try session.output.bytes(lines)
        lines.removeAll(keepingCapacity: true)
        try session.output.table(table, titles: printed == 0, fixed: isFixed)
        table = Self.emptyTable
        printed = count
    }

    private static var emptyTable: Table {
        Table(
            .number("SEQ").fixed(6), .text("TIME").fixed(19), .text("TYPE").fixed(15), .text("USER").fixed(14),
            .text("METHOD").fixed(23), .optional("PROFILE").fixed(12), .optional("GPU").fixed(12),
            .optional("LEASE").fixed(8), .optional("OPERATION").fixed(9), .text("RESULT"))
    }
}

/// What of a record a line has room for.
private struct AuditRow {
    let seq: Table.Cell
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
        seq = Table.Cell(record["seq"]?.integerValue.map { String($0) })
        time = "\(calendar.stamp(text("time") ?? "?"))"
        type = Table.Cell("\(kind)", Self.style(of: kind))
        user = Self.user(of: record, text)
        // Whether it was to be enabled or disabled is all that a change of modes is about.
        let mode =
            text("method")?.hasBytes(of: "SetMIGMode") ?? false ? text("params")?.split(separator: " ").first : nil
        method = Table.Cell(text("method").map { name in mode.map { "\(name): \($0)" } ?? name })
        profile = Table.Cell(text("profile").map { name in text("placement").map { "\(name)@\($0)" } ?? name })
        gpu = Table.Cell(text("gpu").map { String($0.prefix(12)) })
        lease = Table.Cell(text("lease").map { String($0.prefix(8)) })
        operation = Table.Cell(text("op").map { String($0.prefix(8)) })
        result = Self.result(of: record, text)
    }

    /// Who did it, and for whom if not for himself; the broker itself has no name.
    private static func user(of record: JSONValue, _ text: (String) -> String?) -> Table.Cell {
        let uid = record["uid"]?.integerValue
        let user = text("user") ?? uid.map { String($0) }
        guard let owner = record["onBehalfOf"]?.integerValue, owner != uid else { return Table.Cell(user) }
        let name = text("onBehalfOfUser") ?? String(owner)
        return Table.Cell(user.map { "\($0) for \(name)" } ?? "for \(name)")
    }

    /// The outcome or the decision, with what explains it.
    private static func result(of record: JSONValue, _ text: (String) -> String?) -> Table.Cell {
        let rules = (record["rules"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: ", ")
        let word = text("result") ?? text("decision") ?? ""
        let times = record["count"]?.integerValue.map { $0 > 1 ? "\($0) times" : "" } ?? ""
        let policy = text("type")?.hasBytes(of: "policy-loaded") ?? false ? text("policy") : nil
        let loaded = policy.map { "policy \($0.prefix(12))" } ?? ""
        let parts = [word, loaded, text("error") ?? "", text("reason") ?? "", rules, times].filter { !$0.isEmpty }
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
