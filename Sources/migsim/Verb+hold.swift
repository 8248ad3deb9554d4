import Linux
import MIG
import SimulatedMachine

extension Verb {
    static let hold = Verb(
        name: "hold", usage: "hold DIR --device UUID [--memory MiB] -- COMMAND [ARGUMENT ...]",
        summary: """
            Runs COMMAND as a process that computes on a MIG device (MIG-...), or on a GPU without MIG (GPU-...).
            It opens the device nodes as its user, shows in process lists, and keeps the instance from being
            destroyed until it ends.
            """
    ) { words throws(Failure) in
        let words = try Words(words, kinds: ["--device": .value, "--memory": .value])
        let directory = try words.arguments("DIR")[0]
        let command = try words.command()
        guard let name = words.value("--device") else { throw .usage(.missingArgument("--device UUID")) }
        let memory = try words.number("--memory", in: 0...Int(Int32.max)) ?? 0
        let opened = try openMachine(directory)
        let state = try machine { () throws(MachineError) in try opened.state() }
        let target = try target(name, in: state)
        try open(target, of: opened, state)
        let pid = CurrentProcess.pid
        guard let started = Holder.startTime(of: pid) else { throw .text("/proc does not show this process") }
        let holder = Holder(
            pid: pid, started: started, gpu: target.gpu.uuid, instance: target.instance, memoryMiB: memory)
        do throws(MachineError) {
            try opened.enter(holder)
        } catch {
            switch error {
            case .refused(.insufficientResources): throw .text("\(name) has not \(memory) MiB free")
            case .refused(.notFound): throw .text("\(name) is gone")
            case .refused(.notSupported): throw .text("\(name) has MIG mode on; name one of its MIG devices")
            default: throw .machine(error)
            }
        }
        // The process becomes the command: its number and start stay what was entered, and its end is the end of it.
        try execute(command)
    }

    private typealias Target = (gpu: SimulatedGPU, instance: Holder.Instance?)

    private static func target(_ name: String, in state: MachineState) throws(Failure) -> Target {
        for gpu in state.gpus {
            if gpu.uuid.description.utf8.elementsEqual(name.utf8) { return (gpu, nil) }
            for (instance, compute) in gpu.devices where compute.uuid.description.utf8.elementsEqual(name.utf8) {
                return (gpu, Holder.Instance(gpuInstance: instance.id, computeInstance: compute.id))
            }
        }
        throw .text("no device \(name) on this machine")
    }

    /// Opens what a CUDA process opens. The descriptors stay with the command, as they would with CUDA.
    private static func open(_ target: Target, of opened: Machine, _ state: MachineState) throws(Failure) {
        let layout = opened.layout
        opened.makeNode(of: target.gpu, state)
        let nodes = opened.nodes(state)
        var paths = ["nvidiactl", "nvidia-uvm"].map { "\(layout.dev)/\($0)" } + [layout.gpuNode(target.gpu.minor)]
        if let instance = target.instance {
            let minor = target.gpu.minor
            let capabilities: [Capability] = [
                .gpuInstance(gpuMinor: minor, instance.gpuInstance),
                .computeInstance(gpuMinor: minor, instance.gpuInstance, instance.computeInstance),
            ]
            paths += capabilities.compactMap(nodes.door)
        }
        for path in paths {
            do throws(SystemError) {
                try Descriptors.openForGood(path)
            } catch  where error.code == .noDevice {
                // No driver stands behind the node, so this is what an open that is allowed ends in.
                continue
            } catch {
                throw .system(error)
            }
        }
    }
}
