import API
import JSON
import Linux

extension Verb {
    static let profiles = Verb(
        name: "profiles",
        usage: ["[--gpu SEL] [--placements]"],
        summary: "Show what kinds of slices there are, and how many more fit now",
        details: [
            "  --gpu SEL     of this GPU only: index, UUID, PCI id or model:GLOB",
            "  --placements  where each may lie, free or not, in memory slices: {STARTS}:SIZE",
            "",
            "GPUs that offer the same are one row, FREE and TOTAL their sums. With -q the names alone.",
        ],
        options: ["--gpu": .value, "--placements": .flag],
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "profiles")
            try arguments.none()
            let answer: Answer<ListProfilesReply> = try session.call(
                "ListProfiles", ListProfilesRequest(gpu: try arguments.gpu()).json, to: "list profiles")
            try session.show(answer) { reply throws(Failure) in
                let rows = ProfileRow.rows(of: reply.profiles)
                if session.isQuiet {
                    var names: [String] = []
                    for row in rows where !names.contains(row.profile.name) { names.append(row.profile.name) }
                    for name in names { try session.output.line("\(name)") }
                    return
                }
                try session.output.table(table(rows, placed: options.has("--placements")))
                if rows.isEmpty { session.output.talk("no GPU here offers slices") }
            }
            return .ok
        })

    private static func table(_ rows: [ProfileRow], placed: Bool) -> Table {
        var table = Table(
            .text("PROFILE"), .number("ID"), .number("SLICES"), .number("MEMORY"), .number("SMS"), .number("COPY"),
            .number("DEC"), .number("ENC"), .number("JPEG"), .number("OFA"), .number("FREE"), .number("TOTAL"),
            .optional("PLACEMENTS"), .text("GPUS"))
        for row in rows {
            let profile = row.profile
            table.add(
                "\(profile.name)", "\(profile.id)", "\(profile.slices)", "\(memory(profile.memoryMiB))",
                "\(profile.multiprocessors)", "\(profile.copyEngines)", "\(profile.decoders)", "\(profile.encoders)",
                "\(profile.jpegEngines)", "\(profile.opticalFlow)",
                Table.Cell("\(row.free)", row.free == 0 ? .faint : .good), "\(row.total)",
                Table.Cell(placed ? placements(profile.placements) : nil), "\(ranges(row.gpus))")
        }
        return table
    }
}

/// The same profile on several GPUs.
private struct ProfileRow {
    let profile: ProfileInfo
    var gpus: [Int]
    var free: Int
    var total: Int

    static func rows(of profiles: [ProfileInfo]) -> [ProfileRow] {
        var rows: [ProfileRow] = []
        for profile in profiles {
            if let same = rows.firstIndex(where: { isSame($0.profile, profile) }) {
                rows[same].gpus.append(profile.gpu.index)
                rows[same].free += profile.free
                rows[same].total += profile.total
            } else {
                rows.append(
                    ProfileRow(profile: profile, gpus: [profile.gpu.index], free: profile.free, total: profile.total))
            }
        }
        return rows
    }

    private static func isSame(_ a: ProfileInfo, _ b: ProfileInfo) -> Bool {
        func traits(_ profile: ProfileInfo) -> [Int] {
            [
                profile.id, profile.slices, profile.memoryMiB, profile.multiprocessors, profile.copyEngines,
                profile.decoders, profile.encoders, profile.jpegEngines, profile.opticalFlow,
            ]
        }
        func places(_ profile: ProfileInfo) -> [[Int]] { profile.placements.map { [$0.start, $0.size] } }
        return a.name.utf8.elementsEqual(b.name.utf8) && traits(a) == traits(b) && places(a) == places(b)
    }
}
