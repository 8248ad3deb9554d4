import API
import JSON
import Linux
import MIG

extension Verb {
    static let renew = Verb(
        name: "renew",
        usage: ["LEASE... [--for TIME]"],
        summary: "Keep slices longer",
        details: [
            "  LEASE        the id of a lease, or its first digits where it is yours",
            "  --for TIME   so long from now; else what the policy gives",
            "  --as USER    USER's instead of yours, where the policy lets you act for him",
        ],
        options: ["--for": .value, "--as": .value],
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "renew")
            let seconds = try arguments.span("--for")?.seconds
            let named = try arguments.some("LEASE")
            let owner = options.value("--as")
            let names = try LeaseNames(session, purpose: "renew", of: owner, for: named)
            var ids: [String] = []
            for name in named { ids.append(try names.id(name)) }
            let dryRun: Bool? = session.globals.isDryRun ? true : nil
            for id in ids {
                let answer: Answer<RenewReply> = try session.change(
                    "Renew", RenewRequest(lease: id, seconds: seconds, dryRun: dryRun, onBehalfOf: owner).json,
                    to: "renew \(id.prefix(8))")
                try session.show(answer) { reply throws(Failure) in
                    let lease = reply.lease
                    if session.isQuiet { return try session.output.line("\(lease.id)") }
                    try session.output.line(
                        "\(lease.id.prefix(8))  \(lease.profile) on GPU \(lease.gpu.index)  until \(Calendar().moment(lease.expires))"
                    )
                }
            }
            return .ok
        })
}
