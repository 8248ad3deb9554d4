import API
import Linux

extension Verb {
    static let gpus = Verb(
        name: "gpus",
        usage: [""],
        summary: "Show the GPUs, and which of their memory slices are free, yours or in use until when",
        details: [
            "MAP has a sign for each memory slice: '.' free, 'Y' yours, '#' in use, 'x' made by another tool.",
            "With -q the UUIDs alone.",
        ],
        run: { options, session throws(Failure) in
            try Arguments(options, of: "gpus").none()
            let answer: Answer<ListGPUsReply> = try session.call("ListGPUs", to: "list GPUs")
            try session.show(answer) { reply throws(Failure) in
                if session.isQuiet {
                    for gpu in reply.gpus { try session.output.line("\(gpu.uuid)") }
                    return
                }
                try session.output.table(table(reply.gpus, calendar: Calendar()))
                if reply.gpus.isEmpty { session.output.talk("there are no GPUs") }
            }
            return .ok
        })

    private static func table(_ gpus: [GPUInfo], calendar: Calendar) -> Table {
        var table = Table(
            .number("GPU"), .text("MODEL"), .number("MEMORY"), .text("MIG"), .optional("MAP"), .optional("SLICES"))
        for gpu in gpus {
            let runs = SlotRun.runs(of: gpu.slots)
            let map = runs.map { run in
                String(repeating: SlotRun.letter(of: run.state), count: run.slices.count)
            }.joined()
            table.add(
                "\(gpu.index)", "\(gpu.name)", "\(memory(gpu.memoryMiB))", mode(gpu), "\(map)",
                runs.first.map { Table.Cell($0.text(calendar), $0.style) } ?? "")
            for run in runs.dropFirst() {
                table.add("", "", "", "", "", Table.Cell(run.text(calendar), run.style))
            }
        }
        return table
    }

    private static func mode(_ gpu: GPUInfo) -> Table.Cell {
        func word(_ mode: String) -> SafeText {
            switch mode {
            case "enabled": "on"
            case "disabled": "off"
            case "unsupported": "none"
            default: SafeText(mode)
            }
        }
        guard !gpu.mode.utf8.elementsEqual(gpu.pendingMode.utf8) else { return Table.Cell(word(gpu.mode)) }
        return Table.Cell("\(word(gpu.mode)), \(word(gpu.pendingMode)) after a reset", .caution)
    }
}
