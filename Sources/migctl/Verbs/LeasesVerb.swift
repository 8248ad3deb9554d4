import API
import JSON
import Linux

extension Verb {
    static let leases = Verb(
        name: "leases",
        usage: ["[--all]"],
        summary: "Show your leases, and when they end",
        details: ["  --all   everybody's, which needs the right read.all", "", "With -q the ids alone."],
        options: ["--all": .flag],
        run: { options, session throws(Failure) in
            try Arguments(options, of: "leases").none()
            let all = options.has("--all")
            let answer: Answer<ListLeasesReply> = try session.call(
                "ListLeases", ListLeasesRequest(all: all ? true : nil).json,
                to: all ? "list everybody's leases" : "list your leases")
            try session.show(answer) { reply throws(Failure) in
                if session.isQuiet {
                    for lease in reply.leases { try session.output.line("\(lease.id)") }
                    return
                }
                try session.output.table(LeaseTable.make(reply.leases, showsUsers: all))
                if reply.leases.isEmpty { session.output.talk(all ? "no leases" : "you have no leases") }
            }
            return .ok
        })
}
