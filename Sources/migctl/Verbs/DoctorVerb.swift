import API
import JSON
import Linux

extension Verb {
    static let doctor = Verb(
        name: "doctor",
        usage: [""],
        summary: "Show what is wrong with the broker or the machine, and what sets it right",
        details: [
            "Looks at the broker and its socket, the driver, isolation, device nodes, policy, audit log and clock. Who may",
            "not see what a row is about is told its state alone, and nothing of the nodes. Exit status 10 if anything is",
            "bad; a warning is not. With -q only what is not in order.",
        ],
        run: { options, session throws(Failure) in
            try Arguments(options, of: "doctor").none()
            let checks = checks(in: session)
            if session.globals.isJSON {
                try session.output.json(["checks": .array(checks.map(\.json))])
            } else {
                try show(checks, in: session)
            }
            return checks.contains { $0.isBad } ? .checkFailed : .ok
        })

    /// The broker itself first; where it cannot be asked, that is all there is to say.
    private static func checks(in session: Session) -> [HealthCheck] {
        do throws(Failure) {
            let answer: Answer<GetHealthReply> = try session.call("GetHealth", to: "ask how the broker does")
            let finding = "version \(answer.reply.version) answers, and its socket is root's"
            return [HealthCheck(name: "broker", state: "ok", finding: finding)] + answer.reply.checks
        } catch {
            let finding = error.why ?? error.what
            return [
                HealthCheck(name: "broker", state: "bad", finding: "\(finding)", fix: error.next.map { "\($0)" })
            ]
        }
    }

    private static func show(_ checks: [HealthCheck], in session: Session) throws(Failure) {
        var table = Table(.text(""), .text(""), .text(""))
        for check in checks where !session.isQuiet || !check.isOK {
            table.add(Table.Cell("\(check.state)", check.style), "\(check.name)", "\(check.finding)")
            if let fix = check.fix { table.add("", "", "fix: \(fix)") }
        }
        try session.output.table(table)
    }
}

extension HealthCheck {
    fileprivate var isOK: Bool { state.utf8.elementsEqual("ok".utf8) }
    /// A state that this version does not know is no good one.
    fileprivate var isBad: Bool { !isOK && !state.utf8.elementsEqual("warning".utf8) }

    fileprivate var style: Style { isBad ? .bad : isOK ? .good : .caution }
}
