import JSON
import Linux
import MIG
import SimulatedMachine

extension Verb {
    static let show = Verb(
        name: "show", usage: "show DIR [--json]",
        summary: "Shows GPUs, slots, instances, processes, device nodes with mode and access list, and faults."
    ) { words throws(Failure) in
        let words = try Words(words, kinds: ["--json": .flag])
        try words.requireNoCommand()
        let opened = try openMachine(try words.arguments("DIR")[0])
        let view = try MachineView(opened)
        try MigSim.print(words.has("--json") ? view.json.text() + "\n" : view.text)
    }
}

/// A machine at one moment, for people and for programs.
struct MachineView {
    let state: MachineState
    let holders: [Holder]
    let faults: [Fault]
    let nodes: [Node]

    /// A device node as it is.
    struct Node {
        let path: String
        let attributes: FileAttributes
        let list: AccessACL?
        /// What the node stands for, where it is one of the capabilities that exist now.
        let meaning: String
    }

    init(_ opened: Machine) throws(Failure) {
        state = try machine { () throws(MachineError) in try opened.state() }
        holders = try machine { () throws(MachineError) in try opened.holders() }
        faults = try machine { () throws(MachineError) in try opened.faults() }
        let meanings = Self.meanings(state)
        nodes = try system { () throws(SystemError) in
            try Self.nodes(in: opened.layout.dev, meanings: meanings)
        }
    }

    private static func nodes(in directory: String, meanings: [String: String]) throws(SystemError) -> [Node] {
        var nodes: [Node] = []
        for name in ["", "nvidia-caps"] {
            let folder = name.isEmpty ? directory : "\(directory)/\(name)"
            guard Files.exists(folder) else { continue }
            for file in try Files.list(folder) {
                let path = "\(folder)/\(file)"
                let attributes = try Files.attributes(path)
                guard attributes.kind != .directory else { continue }
                nodes.append(
                    Node(
                        path: path, attributes: attributes, list: try AccessACL.read(path),
                        meaning: meanings[file] ?? ""))
            }
        }
        return nodes
    }

    private static func meanings(_ state: MachineState) -> [String: String] {
        var meanings = [
            "nvidia-cap0": "fabric-mgmt", "nvidia-cap1": "mig/config", "nvidia-cap2": "mig/monitor",
            "nvidia-cap4323": "fabric-imex-mgmt",
        ]
        func name(_ capability: Capability, _ meaning: String) {
            if let minor = capability.minor { meanings["nvidia-cap\(minor)"] = meaning }
        }
        for (index, gpu) in state.gpus.enumerated() {
            for instance in gpu.instances {
                name(.gpuInstance(gpuMinor: gpu.minor, instance.id), "GPU \(index) GI \(instance.id)")
                for compute in instance.computeInstances {
                    name(
                        .computeInstance(gpuMinor: gpu.minor, instance.id, compute.id),
                        "GPU \(index) GI \(instance.id) CI \(compute.id)")
                }
            }
        }
        return meanings
    }
}
