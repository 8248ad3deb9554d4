import API
import JSON
import Linux
import MIG

extension Verb {
    static let modeEnable = mode(
        "enable", isEnabled: true, summary: "Turn MIG mode on, so that GPUs can be cut into slices")
    static let modeDisable = mode(
        "disable", isEnabled: false, summary: "Turn MIG mode off, which ends every lease on the GPU")

    private static func mode(_ word: String, isEnabled: Bool, summary: String) -> Verb {
        Verb(
            name: "mode \(word)",
            usage: ["[--gpu SEL] [options]"],
            summary: summary,
            details: [
                "  --gpu SEL    on this GPU, or a list: index, UUID, PCI id or model:GLOB; else on every one on which you may"
            ] + PlannedChange.details + [
                "",
                "Shows the plan and asks where it ends leases, turns a mode off or is about several GPUs that were not",
                "named; without a terminal that needs --yes. Exit status 7 where the GPU must be reset first.",
            ],
            options: ["--gpu": .values].merging(PlannedChange.options) { $1 },
            run: { options, session throws(Failure) in
                let arguments = Arguments(options, of: "mode \(word)")
                try arguments.none()
                let gpus = try arguments.gpus()
                let request = SetMIGModeRequest(enabled: isEnabled, gpus: gpus.isEmpty ? nil : gpus)
                let change = try PlannedChange("SetMIGMode", request.json, to: "\(word) MIG mode", arguments)
                let done: Answer<SetMIGModeReply>? = try change.make(session) { plan throws(Failure) in
                    let all = Set(plan.steps.map(\.gpu.index))
                    let isHarmful = plan.steps.contains(where: PlanTable.isLoss) || gpus.isEmpty && all.count > 1
                    return isHarmful ? "\(word) MIG mode on \(counted(all.count, "GPU"))?" : nil
                }
                guard let done else { return .ok }
                try session.show(done) { reply throws(Failure) in try show(reply, isEnabled, in: session) }
                let isPending = done.reply.modes.contains { $0.reason != nil }
                return isPending ? .needsReset : .ok
            })
    }

    private static func show(_ reply: SetMIGModeReply, _ isEnabled: Bool, in session: Session) throws(Failure) {
        if session.isQuiet {
            for mode in reply.modes {
                // What is not so yet is told in spite of -q, as any failure is.
                if let reason = mode.reason {
                    session.output.error("GPU \(mode.gpu.index): not yet \(isEnabled ? "on" : "off"): \(reason)")
                } else {
                    try session.output.line("\(mode.gpu.uuid)")
                }
            }
            return
        }
        var table = Table(.number("GPU"), .text("MODEL"), .text("MIG"))
        for mode in reply.modes {
            let word = isEnabled ? "on" : "off"
            let state: Table.Cell =
                switch mode.state {
                case "done": Table.Cell("\(word)", .good)
                case "unchanged": "\(word), as it was"
                default: Table.Cell("not yet \(word): \(mode.reason ?? mode.state)", .caution)
                }
            table.add("\(mode.gpu.index)", "\(mode.gpu.name)", state)
        }
        try session.output.table(table)
        if !reply.leases.isEmpty { session.output.talk("ended \(counted(reply.leases.count, "lease"))") }
        for mode in reply.modes where mode.state.utf8.elementsEqual("pending-in-use".utf8) {
            session.output.talk(
                "GPU \(mode.gpu.index): end whatever uses it (monitoring too: nvsm, dcgm), then do this again")
        }
    }
}
