import API
import JSON
import Linux

extension Verb {
    static let instances = Verb(
        name: "instances",
        usage: ["[--gpu SEL] [--all]"],
        summary: "Show GPU instances and the compute instances in them",
        details: [
            "  --gpu SEL   on this GPU only: index, UUID, PCI id or model:GLOB",
            "  --all       everybody's, which needs the right read.all",
            "",
            "With -q GPU:GI alone.",
        ],
        options: ["--gpu": .value, "--all": .flag],
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
                try session.output.table(table(reply.instances, showsUsers: all))
                if reply.instances.isEmpty { session.output.talk(all ? "no instances" : "you have no instances") }
            }
            return .ok
        })

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
