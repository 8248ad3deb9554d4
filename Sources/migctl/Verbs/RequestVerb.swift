import API
import JSON
import Linux
import MIG

extension Verb {
    static let request = Verb(
        name: "request",
        usage: ["PROFILE... [options]", "--memory SIZE [options]", "--sms N [options]"],
        summary: "Get one or several slices, all of them or none",
        details: [
            "  PROFILE         such as 3g.20gb, see 'migctl profiles'; several are placed together",
            "  --memory SIZE   instead: the smallest profile with so much memory, such as 20GiB",
            "  --sms N         instead: the smallest profile with so many multiprocessors",
            "  --count N       so many of each",
            "  --gpu SEL       only on this GPU: index, UUID, PCI id or model:GLOB",
            "  --for TIME      how long, such as 30m or 2h; else what the policy gives",
            "  --name TEXT     a name to find it by",
            "  --as USER       for USER, by his rights and limits, where the policy lets you act for him",
            "  --wait[=TIME]   wait until there is room, at most so long",
            "",
            "Prints the lease and the UUID that CUDA_VISIBLE_DEVICES takes; with -q the UUIDs alone.",
        ],
        options: [
            "--memory": .value, "--sms": .value, "--count": .value, "--gpu": .value, "--for": .value, "--name": .value,
            "--as": .value, "--wait": .optionalValue,
        ],
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "request")
            var wish = try Wish(arguments)
            wish.request.dryRun = session.globals.isDryRun ? true : nil
            let answer = try wish.fulfil(session)
            try session.show(answer) { reply throws(Failure) in try Wish.show(reply, in: session) }
            return .ok
        })
}

/// What is asked for, and how long one is ready to wait for it.
private struct Wish {
    var request: LeaseRequest
    /// Nil where a refusal for want of room is final.
    private let patience: TimeSpan?
    private let purpose: SafeText

    init(_ arguments: Arguments) throws(Failure) {
        let options = arguments.options
        let profiles = arguments.list
        let given = [
            profiles.isEmpty ? nil : "PROFILE", options.has("--memory") ? "--memory" : nil,
            options.has("--sms") ? "--sms" : nil,
        ].compactMap { $0 }
        if given.count > 1 { try arguments.conflict(given[0], given[1]) }
        if given.isEmpty { _ = try arguments.some("PROFILE, or --memory, or --sms") }
        for profile in profiles where ProfileSelector(profile) == nil {
            throw Failure(
                .badValue(option: "PROFILE", value: profile, expected: "a name such as 3g.20gb"), verb: "request")
        }
        let most = Bounds().instancesPerRequest
        let count = try arguments.number("--count", in: 1...most)
        let memory = try arguments.value("--memory", expected: "a size such as 20GiB or 512MiB", mebibytes)
        let multiprocessors = try arguments.number("--sms", in: 1...100_000)
        // The wire counts what memory and SMs choose; named profiles are simply named as often.
        request = LeaseRequest(
            profiles: profiles.isEmpty ? nil : Array(repeating: profiles, count: count ?? 1).flatMap { $0 },
            memoryMiB: memory, multiprocessors: multiprocessors, count: profiles.isEmpty ? count : nil,
            gpu: try arguments.gpu(), seconds: try arguments.span("--for")?.seconds, name: options.value("--name"),
            onBehalfOf: options.value("--as"))
        patience =
            options.has("--wait")
            ? try arguments.span("--wait") ?? TimeSpan.longest : nil
        purpose =
            profiles.isEmpty
            ? memory.map { "get \(migctl.memory($0)) of GPU memory" } ?? "get \(multiprocessors ?? 0) multiprocessors"
            : "get \(profiles.joined(separator: " + "))"
    }

    /// Asks, and while there is no room asks again after each change on the machine.
    func fulfil(_ session: Session) throws(Failure) -> Answer<LeaseReply> {
        let deadline = patience.map { Clock.boottime() + Int64($0.seconds) * 1_000_000_000 }
        var hasSpoken = false
        while true {
            do throws(Failure) {
                return try session.change("Request", request.json, to: purpose)
            } catch  where error.code == .noRoom && deadline != nil {
                let left = Int((deadline ?? 0) - Clock.boottime()) / 1_000_000
                guard left > 0 else {
                    throw Failure(
                        .waitedInVain, what: "cannot \(purpose)", why: error.why,
                        next: "there was no room in all that time", wire: error.wire)
                }
                if !hasSpoken { session.output.talk("waiting: \(error.why ?? error.what)") }
                hasSpoken = true
                // A limit may also come free by the mere passing of time, so no wait is longer than this.
                if !session.waitForChange(milliseconds: min(left, 30_000)) {
                    Clock.sleep(milliseconds: min(left, 2_000))
                }
            }
        }
    }

    /// The leases, or with a dry run where they would lie.
    static func show(_ reply: LeaseReply, in session: Session) throws(Failure) {
        guard !reply.dryRun else { return try show(reply.plan, in: session) }
        if session.isQuiet {
            for uuid in reply.leases.flatMap(\.uuids) { try session.output.line("\(uuid)") }
            return
        }
        try session.output.table(LeaseTable.make(reply.leases, showsUsers: false))
        if let uuid = reply.leases.first?.uuid {
            session.output.talk("to use it: export CUDA_VISIBLE_DEVICES=\(uuid)")
        }
        if reply.leases.count > 1 {
            session.output.talk("CUDA uses one MIG device in a process: give each process a UUID of its own")
        }
    }

    private static func show(_ plan: [PlannedInstance], in session: Session) throws(Failure) {
        var table = Table(.text("PROFILE"), .number("GPU"), .text("MODEL"), .text("MEMORY SLICES"))
        for planned in plan {
            let slices = planned.placement.start..<planned.placement.start + max(planned.placement.size, 1)
            table.add("\(planned.profile)", "\(planned.gpu.index)", "\(planned.gpu.name)", "\(ranges(Array(slices)))")
        }
        try session.output.table(table)
        session.output.talk("nothing was done: this is where it would lie now")
    }
}
