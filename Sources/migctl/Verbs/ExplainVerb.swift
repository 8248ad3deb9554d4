import API
import JSON
import Linux
import MIG
import Policy

extension Verb {
    static let explain = Verb(
        name: "explain",
        usage: ["[ACTION] [PROFILE...] [options]"],
        summary: "Show whether something is allowed, and which rules say so",
        details: [
            "  ACTION       a word of the policy such as mode.set; request where none is given",
            "  --gpu SEL    on this GPU: index, UUID, PCI id or model:GLOB",
            "  --for TIME   for so long",
            "  --user NAME  for another user, which needs the right policy.read",
            "",
            "Runs the very function that decides, and changes nothing. Exit status 3 for no.",
        ],
        options: ["--gpu": .value, "--for": .value, "--user": .value],
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "explain")
            var words = arguments.list[...]
            let action = words.first.flatMap { Action(word: $0) }
            if action != nil { words = words.dropFirst() }
            for word in words where ProfileSelector(word) == nil {
                throw Failure(
                    .badValue(option: "ACTION", value: word, expected: "an action or a profile"), verb: "explain")
            }
            let question = ExplainRequest(
                action: (action ?? .request).rawValue, gpu: try arguments.gpu(),
                profiles: words.isEmpty ? nil : Array(words), seconds: try arguments.span("--for")?.seconds,
                user: options.value("--user"))
            let answer: Answer<ExplainReply> = try session.call("Explain", question.json, to: "explain")
            try session.show(answer) { reply throws(Failure) in try show(reply.decision, in: session) }
            return answer.reply.decision.allowed ? .ok : .notAllowed
        })

    private static func show(_ decision: DecisionInfo, in session: Session) throws(Failure) {
        if decision.allowed {
            try session.output.line("allowed", .good)
        } else {
            try session.output.line(session.isQuiet ? "denied" : "denied: \(decision.reason)", .bad)
        }
        guard !session.isQuiet else { return }
        var table = Table(.text(""), .text(""))
        if !decision.rules.isEmpty { table.add("rules", "\(decision.rules.joined(separator: ", "))") }
        if !decision.limits.isEmpty { table.add("limits", "\(decision.limits.joined(separator: ", "))") }
        if !decision.gpus.isEmpty { table.add("GPUs", "\(ranges(decision.gpus.map(\.index)))") }
        if let seconds = decision.seconds { table.add("for", "\(Calendar.span(seconds))") }
        if decision.onExpiry != nil { table.add("at its end", "processes on the slice are killed") }
        try session.output.table(table)
    }
}
