import Linux
import MIG
import SimulatedMachine

extension Verb {
    static let xid = Verb(
        name: "xid", usage: "xid DIR CODE --gpu N [--gi G [--ci C]]",
        summary: """
            Has a GPU report an Xid error: who waits for such events gets it, once each process that waits. --gi and --ci
            name the instances that it is put down to. The GPU works on as before; 'fault' makes calls fail.
            """
    ) { words throws(Failure) in
        let words = try Words(words, kinds: ["--gpu": .value, "--gi": .value, "--ci": .value])
        try words.requireNoCommand()
        let arguments = try words.arguments("DIR", "CODE")
        guard let code = UInt32(arguments[1]), code > 0 else {
            throw .usage(.badValue(option: "CODE", value: arguments[1], expected: "a number such as 31"))
        }
        guard let gpu = try words.number("--gpu", in: 0...CapabilityMinor.gpuCount - 1) else {
            throw .usage(.missingArgument("--gpu N"))
        }
        let gi = try words.number("--gi", in: 0...CapabilityMinor.gpuInstancesPerGPU - 1)
        let ci = try words.number("--ci", in: 0...CapabilityMinor.computeInstancesPerGPUInstance - 1)
        guard gi != nil || ci == nil else { throw .usage(.missingArgument("--gi G")) }
        let opened = try openMachine(arguments[0])
        do throws(MachineError) {
            try opened.raise(
                Xid(
                    gpu: gpu, code: code, gpuInstance: gi.map { GPUInstanceID(UInt32($0)) },
                    computeInstance: ci.map { ComputeInstanceID(UInt32($0)) }))
        } catch {
            guard case .refused(.notFound) = error else { throw .machine(error) }
            let instance = (gi.map { " GI \($0)" } ?? "") + (ci.map { " CI \($0)" } ?? "")
            throw .text("there is no GPU \(gpu)\(instance) on this machine")
        }
    }
}
