import API
import JSON
import Linux

extension Verb {
    static let instances = Verb(
        name: "instances",
        usage: ["[--gpu SEL] [--all] [--profiles]"],
        summary: "Show GPU instances and the compute instances in them",
        details: [
            "  --gpu SEL   on this GPU only: index, UUID, PCI id or model:GLOB",
            "  --all       everybody's, which needs the right read.all",
            "  --profiles  what compute instances each could take now; the one marked * takes all of it",
            "",
            "With -q GPU:GI alone.",
        ],
        options: ["--gpu": .value, "--all": .flag, "--profiles": .flag],
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "instances")
            try arguments.none()
            let all = options.has("--all")
            let answer: Answer<ListInstancesReply> = try session.call(
                "ListInstances", ListInstancesRequest(gpu: try arguments.gpu(), all: all ? true : nil).json,
                to: all ? "list everybody's instances" : "list your instances")
            try session.show(answer) { reply throws(Failure) in
                if session.isQuiet {
                    for instance in reply.instances {
                        try session.output.line("\(instance.gpu.index):\(instance.gi)")
                    }
                    return
                }
                try session.output.table(
                    options.has("--profiles")
                        ? profiles(reply.instances) : table(reply.instances, showsUsers: all))
                if reply.instances.isEmpty { session.output.talk(all ? "no instances" : "you have no instances") }
            }
            return .ok
        })

    private static func profiles(_ instances: [InstanceInfo]) -> Table {
        var table = Table(
            .number("GPU"), .number("GI"), .text("PROFILE"), .number("ID"), .number("FREE"), .number("TOTAL"),
            .number("SMS"), .number("COPY"), .number("DEC"), .number("ENC"), .number("JPEG"), .number("OFA"),
            .optional("PLACEMENTS"))
        for instance in instances {
            for profile in instance.computeProfiles {
                table.add(
                    "\(instance.gpu.index)", "\(instance.gi)", "\(profile.name)",
                    "\(profile.id)\(profile.isWhole ? "*" : "")",
                    Table.Cell("\(profile.free)", profile.free == 0 ? .faint : .good), "\(profile.total)",
                    "\(profile.multiprocessors)", "\(profile.copyEngines)", "\(profile.decoders)",
                    "\(profile.encoders)", "\(profile.jpegEngines)", "\(profile.opticalFlow)",
                    Table.Cell(placements(profile.placements)))
            }
        }
        return table
    }

    /// As `nvidia-smi` writes them, `{0,2,4}:2`.
    static func placements(_ placements: [PlacementInfo]) -> String {
        var sizes: [Int] = []
        for placement in placements where !sizes.contains(placement.size) { sizes.append(placement.size) }
        return sizes.map { size in
            let starts = placements.filter { $0.size == size }.map { String($0.start) }.joined(separator: ",")
            return "{\(starts)}:\(size)"
        }.joined(separator: " ")
    }

    private static func table(_ instances: [InstanceInfo], showsUsers: Bool) -> Table {
        var table = Table(
            .number("GPU"), .number("GI"), .text("PROFILE"), .number("ID"), .text("PLACEMENT"),
            .text("COMPUTE INSTANCES"), .optional("USER"), .optional("LEASE"))
        for instance in instances {
            let compute = instance.computeInstances.map { "\($0.ci):\($0.profile)" }.joined(separator: " ")
            let owner: Table.Cell =
                instance.lease == nil
                ? Table.Cell("another tool", .caution) : Table.Cell(showsUsers ? instance.user : nil)
            table.add(
                "\(instance.gpu.index)", "\(instance.gi)", "\(instance.profile)", "\(instance.profileId)",
                "\(instance.placement.start):\(instance.placement.size)", "\(compute)", owner,
                Table.Cell(instance.lease.map { String($0.prefix(8)) }))
        }
        return table
    }
}
