import API
import Linux
import MIG

extension Verb {
    static let auditExplain = Verb(
        name: "audit explain",
        usage: ["SEQ"],
        summary: "Come to a recorded decision again, by the policy that made it",
        details: [
            "  SEQ   the number of a record, as 'migctl audit show' has it",
            "",
            "Asks the archived policy whose hash the record bears the very question on it, with what was in use by the log",
            "until then. A record without a decision stands for that of its operation. Exit status 10 if it comes out",
            "otherwise, 1 if it cannot be asked again. Takes the right audit.read.",
        ],
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "audit explain")
            let words = try arguments.some("SEQ")
            guard words.count == 1, let seq = Decimal.value(of: words[0]), seq > 0 else {
                throw Failure(
                    .badValue(option: "SEQ", value: words.joined(separator: " "), expected: "the number of a record"),
                    verb: "audit explain")
            }
            let answer: Answer<ExplainRecordReply> = try session.call(
                "ExplainRecord", ExplainRecordRequest(seq: seq).json, to: "explain record \(seq)")
            try session.show(answer) { reply throws(Failure) in try show(reply, in: session) }
            switch answer.reply.agrees {
            case true?: return .ok
            case false?: return .checkFailed
            case nil: return .failed
            }
        })

    private static func show(_ reply: ExplainRecordReply, in session: Session) throws(Failure) {
        var table = Table(.text(""), .text(""))
        table.add("record", "\(reply.seq)")
        if let policy = reply.policy { table.add("policy", "\(policy)") }
        if !reply.question.isEmpty { table.add("asked", "\(reply.question.joined(separator: " "))") }
        if !reply.recorded.isEmpty { table.add("on record", "\(reply.recorded.joined(separator: ", "))") }
        if let decision = reply.decision {
            let made = (decision.rules + decision.limits).joined(separator: ", ")
            table.add("again", decision.allowed ? "allowed: \(made)" : "denied: \(decision.reason)")
        }
        if !session.isQuiet { try session.output.table(table) }
        if let obstacle = reply.obstacle {
            session.output.error("the decision cannot be come to again: \(obstacle)", .caution)
        } else if reply.agrees == true {
            session.output.talk("it is the same decision")
        } else {
            session.output.error("it comes out otherwise now", .bad)
        }
    }
}
