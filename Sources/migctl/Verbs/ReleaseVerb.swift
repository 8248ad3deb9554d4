import API
import JSON
import Linux

extension Verb {
    static let release = Verb(
        name: "release",
        usage: ["LEASE...", "--all"],
        summary: "Give slices back",
        details: [
            "  LEASE   the id of a lease, or its first digits where it is yours",
            "  --all   all of yours",
            "  --as USER   USER's instead of yours, where the policy lets you act for him",
        ],
        options: ["--all": .flag, "--as": .value],
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "release")
            let all = options.has("--all")
            if all, let argument = arguments.list.first { try arguments.conflict("--all", argument) }
            let named = all ? [] : try arguments.some("LEASE, or --all for all of yours")
            let owner = options.value("--as")
            let names = try LeaseNames(session, purpose: "release", of: owner, for: named)
            var ids: [String] = all ? names.own.map(\.id) : []
            for name in named { ids.append(try names.id(name)) }
            guard !ids.isEmpty || session.globals.isJSON else {
                let who: SafeText = owner.map { "\($0) has" } ?? "you have"
                session.output.talk("\(who) no leases")
                return .ok
            }
            if owner == nil { try confirmOthers(ids, names, session) }
            let dryRun: Bool? = session.globals.isDryRun ? true : nil
            let answer: Answer<ReleaseReply> = try session.change(
                "Release", ReleaseRequest(leases: ids, dryRun: dryRun, onBehalfOf: owner).json,
                to: "release \(ids.joined(separator: ", "))")
            try session.show(answer) { reply throws(Failure) in
                if session.isQuiet {
                    for lease in reply.leases { try session.output.line("\(lease.id)") }
                    return
                }
                try show(reply, in: session)
            }
            return .ok
        })

    private static func show(_ reply: ReleaseReply, in session: Session) throws(Failure) {
        let short = LeaseTable.shortIDs(reply.leases.map(\.id))
        for (lease, id) in zip(reply.leases, short) {
            let isEnding = lease.state.utf8.elementsEqual("ending".utf8) && !reply.dryRun
            let what: SafeText = reply.dryRun ? "would release" : isEnding ? "ending" : "released"
            try session.output.line("\(what) \(id)  \(lease.profile) on GPU \(lease.gpu.index)")
            if isEnding {
                session.output.talk(
                    "\(id) is still in use: nobody can open it any more, it goes when its last user does")
            }
        }
    }

    /// Asks before another's lease is ended, and shows whose.
    private static func confirmOthers(_ ids: [String], _ names: LeaseNames, _ session: Session) throws(Failure) {
        let others = ids.filter { id in !names.own.contains { $0.id.utf8.elementsEqual(id.utf8) } }
        guard !others.isEmpty, !session.globals.isYes, !session.globals.isDryRun else { return }
        let plan: Answer<ReleaseReply> = try session.call(
            "Release", ReleaseRequest(leases: others, dryRun: true).json,
            to: "release \(others.joined(separator: ", "))")
        let lines = plan.reply.leases.map { lease -> SafeText in
            "\(lease.id.prefix(8)) is \(lease.user)'s: \(lease.profile) on GPU \(lease.gpu.index), until \(Calendar().moment(lease.expires))"
        }
        try session.confirm(lines, "take \(lines.count == 1 ? "it" : "them") away?")
    }
}
