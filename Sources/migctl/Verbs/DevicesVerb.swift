import API
import JSON
import Linux

extension Verb {
    static let devices = Verb(
        name: "devices",
        usage: ["[--gpu SEL] [--all]"],
        summary: "Show MIG devices and the nodes that open them",
        details: [
            "  --gpu SEL   on this GPU only: index, UUID, PCI id or model:GLOB",
            "  --all       everybody's, which needs the right read.all",
            "",
            "With -q the UUIDs alone.",
        ],
        options: ["--gpu": .value, "--all": .flag],
        run: { options, session throws(Failure) in
            let arguments = Arguments(options, of: "devices")
            try arguments.none()
            let all = options.has("--all")
            let answer: Answer<ListDevicesReply> = try session.call(
                "ListDevices", ListDevicesRequest(gpu: try arguments.gpu(), all: all ? true : nil).json,
                to: all ? "list everybody's devices" : "list your devices")
            try session.show(answer) { reply throws(Failure) in
                if session.isQuiet {
                    for device in reply.devices { try session.output.line("\(device.uuid)") }
                    return
                }
                try session.output.table(table(reply.devices, showsUsers: all))
                if reply.devices.isEmpty { session.output.talk(all ? "no MIG devices" : "you have no MIG devices") }
            }
            return .ok
        })

    private static func table(_ devices: [DeviceInfo], showsUsers: Bool) -> Table {
        var table = Table(
            .text("UUID"), .number("GPU"), .number("GI"), .number("CI"), .text("PROFILE"), .number("MEMORY"),
            .number("SMS"), .optional("USER"),
            .optional("LEASE"), .text("NODES"))
        for device in devices {
            table.add(
                "\(device.uuid)", "\(device.gpu.index)", "\(device.gi)", "\(device.ci)", "\(device.profile)",
                "\(memory(device.memoryMiB))", "\(device.multiprocessors)", Table.Cell(showsUsers ? device.user : nil),
                Table.Cell(device.lease.map { String($0.prefix(8)) }),
                "\(device.nodes.joined(separator: " "))")
        }
        return table
    }
}
