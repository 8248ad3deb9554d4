import Linux
import MIG

/// The part of the `/proc` tree that follows GPUs and instances: a directory and an access file for each.
struct CapabilityTree: Sendable {
    let layout: MachineLayout
    let state: MachineState

    /// Brings the tree in line with all GPUs; what is right is left alone, with what was written to it.
    func update(to gpus: [SimulatedGPU]) throws(SystemError) {
        for gpu in gpus where gpu.isAttached { try update(to: gpu) }
        try removeOtherGPUs()
    }

    /// Makes the file of a capability anew, as the driver does when it is loaded.
    func renew(_ capability: Capability) throws(SystemError) {
        let path = capability.path(in: layout)
        try Files.makeDirectories(Files.parent(of: path))
        // In place whole: whoever lists the directory sees no half-written file.
        let draft = path + ".new"
        // The draft of a process that was killed here is not writable, and its mender may hold no capability for that.
        if Files.exists(draft) { try Files.remove(draft) }
        try Files.write(draft, Array(state.text(of: capability).utf8))
        try Files.setMode(draft, state.fileMode(of: capability))
        try Files.rename(draft, to: path)
    }

    /// Removes the directories of minors that no GPU in use has any more.
    private func removeOtherGPUs() throws(SystemError) {
        let kept = state.gpus.filter(\.isAttached).map { "gpu\($0.minor)" }
        for name in try Files.list(layout.capabilities)
        where name.utf8.starts(with: "gpu".utf8) && !kept.contains(name) {
            try Files.removeTree("\(layout.capabilities)/\(name)")
        }
    }

    /// Brings the tree of a GPU that keeps its minor from one state to the next, and looks at nothing that stays.
    func update(to gpu: SimulatedGPU, from before: SimulatedGPU) throws(SystemError) {
        for instance in before.instances where gpu.instance(instance.id) == nil {
            let directory = layout.capability(gpuMinor: gpu.minor, instance.id)
            if Files.exists(directory) { try Files.removeTree(directory) }
        }
        for instance in gpu.instances where instance != before.instance(instance.id) { try update(instance, of: gpu) }
    }

    private func update(to gpu: SimulatedGPU) throws(SystemError) {
        let base = layout.instances(gpuMinor: gpu.minor)
        try Files.makeDirectories(base)
        try removeOthers(in: base, keep: gpu.instances.map { "gi\($0.id)" })
        for instance in gpu.instances { try update(instance, of: gpu) }
    }

    private func update(_ instance: SimulatedGPU.Instance, of gpu: SimulatedGPU) throws(SystemError) {
        try make(.gpuInstance(gpuMinor: gpu.minor, instance.id))
        try removeOthers(
            in: layout.capability(gpuMinor: gpu.minor, instance.id),
            keep: ["access"] + instance.computeInstances.map { "ci\($0.id)" })
        for compute in instance.computeInstances {
            try make(.computeInstance(gpuMinor: gpu.minor, instance.id, compute.id))
        }
    }

    private func make(_ capability: Capability) throws(SystemError) {
        if !Files.exists(capability.path(in: layout)) { try renew(capability) }
    }

    private func removeOthers(in directory: String, keep: [String]) throws(SystemError) {
        for name in try Files.list(directory)
        where !keep.contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
            try Files.removeTree("\(directory)/\(name)")
        }
    }
}
