import API
import Audit
import JSON
import Linux

extension Verb {
    static let auditShow = Verb(
        name: "audit show",
        usage: ["[options]", "FILE... [options]"],
        summary: "Show the record of changes and refusals",
        details: [
            "  FILE             segments, oldest first, or a directory of them: read here, without the broker"
        ] + AuditSelection.details + [
            "",
            "Oldest first. Without the right audit.read the records are your own. With --json one record a line, with -q",
            "only their numbers. Exit status 10 if a FILE has lines that are no records; whether it is whole, only audit",
            "verify tells.",
        ],
        options: AuditSelection.options,
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "audit show")
            let selection = try AuditSelection(arguments)
            var printer = AuditPrinter(session)
            guard !arguments.list.isEmpty else {
                try printer.printAnswer(to: selection.request)
                try printer.finish()
                return .ok
            }
            let filter = try selection.filter()
            var left = selection.limit ?? Int.max
            let isWhole = try AuditFiles.read(try AuditFiles.reader(arguments.list), filter, in: session) {
                (_, line) throws(Failure) in
                try printer.print(line: line)
                left -= 1
                return left > 0
            }
            try printer.finish()
            return isWhole ? .ok : .checkFailed
        })

    static let auditFollow = Verb(
        name: "audit follow",
        usage: ["[options]"],
        summary: "Show records as they are written, until interrupted",
        details: AuditSelection.details + [
            "",
            "With --since first the records from then on. Without the right audit.read the records are your own. With",
            "--json one record a line, with -q only their numbers.",
        ],
        options: AuditSelection.options,
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "audit follow")
            try arguments.none()
            var request = try AuditSelection(arguments).request
            request.follow = true
            var printer = AuditPrinter(session)
            try printer.printAnswer(to: request)
            try printer.finish()
            return .ok
        })
}
