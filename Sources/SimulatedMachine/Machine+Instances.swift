import Linux
package import MIG

/// Instances made and destroyed as calls of the driver's library do it: rules, state, tree and device nodes.
///
/// GPUs are named by index. The caller has judged rights.
extension Machine {
    /// Makes a GPU instance, and its device node as the library does for a caller who is root.
    package func createInstance(
        gpu index: Int, profile: GPUInstanceProfileID, at placement: Placement?
    ) throws(MachineError) -> SimulatedGPU.Instance {
        let (instance, node) = try change { state throws(MachineError) in
            let isMirrored = state.isMirrored
            let serial = state.nextSerial()
            let hasClient = try isInUse(state.gpus[index])
            let instance = try refusing { () throws(DriverCode) in
                try state.gpus[index].createInstance(
                    profile, at: placement, serial: serial, isMirrored: isMirrored, hasClient: hasClient)
            }
            return (instance, (state, Capability.gpuInstance(gpuMinor: state.gpus[index].minor, instance.id)))
        }
        makeNode(node.1, node.0)
        return instance
    }

    /// Destroys a GPU instance; its device node stays, as the kernel module never removes one.
    package func destroyInstance(gpu index: Int, _ id: GPUInstanceID, serial: UInt32) throws(MachineError) {
        try change { state throws(MachineError) in
            guard state.gpus[index].instance(id)?.serial == serial else { throw .refused(.notFound) }
            let isHeld = try holders(of: state.gpus[index]).contains { $0.instance?.gpuInstance == id }
            try refusing { () throws(DriverCode) in try state.gpus[index].destroyInstance(id, isHeld: isHeld) }
        }
    }

    /// Makes a compute instance. The caller must be able to open the node of the GPU instance: the kernel module lets
    /// nobody in by rank.
    package func createCompute(
        gpu index: Int, in gpuInstance: GPUInstanceID, serial: UInt32, profile: ComputeInstanceProfileID,
        at placement: Placement?
    ) throws(MachineError) -> SimulatedGPU.Compute {
        let before = try state()
        let door = Capability.gpuInstance(gpuMinor: before.gpus[index].minor, gpuInstance)
        guard door.minor != nil else { throw .refused(.notSupported) }
        if !nodes(before).canOpen(door) {
            makeNode(door, before)
            guard nodes(before).canOpen(door) else { throw .refused(.noPermission) }
        }
        let (compute, state) = try change { state throws(MachineError) in
            guard state.gpus[index].instance(gpuInstance)?.serial == serial else { throw .refused(.notFound) }
            let serial = state.nextSerial()
            let compute = try refusing { () throws(DriverCode) in
                try state.gpus[index].createCompute(profile, in: gpuInstance, at: placement, serial: serial)
            }
            return (compute, state)
        }
        makeNode(.computeInstance(gpuMinor: state.gpus[index].minor, gpuInstance, compute.id), state)
        return compute
    }

    /// Destroys a compute instance.
    package func destroyCompute(
        gpu index: Int, in gpuInstance: GPUInstanceID, _ id: ComputeInstanceID, serial: UInt32
    ) throws(MachineError) {
        try change { state throws(MachineError) in
            let found = state.gpus[index].instance(gpuInstance)?.computeInstances.first { $0.id == id }
            guard found?.serial == serial else { throw .refused(.notFound) }
            let device = Holder.Instance(gpuInstance: gpuInstance, computeInstance: id)
            let isHeld = try holders(of: state.gpus[index]).contains { $0.instance == device }
            try refusing { () throws(DriverCode) in
                try state.gpus[index].destroyCompute(id, in: gpuInstance, isHeld: isHeld)
            }
        }
    }

    /// Asks for a MIG mode; `session` is that of the process that asks, whom it does not keep from it.
    package func setMode(
        gpu index: Int, enabled: Bool, session: DriverSession? = nil
    ) throws(MachineError) -> ModeChange {
        try change { state throws(MachineError) in
            let hasClient = try isInUse(state.gpus[index], besides: session)
            return state.setMode(gpu: index, enabled: enabled, hasClient: hasClient)
        }
    }

    /// The processes that use anything of the machine.
    package func holders() throws(MachineError) -> [Holder] { try holderDirectory.living() }

    /// The processes that use a GPU or one of its MIG devices.
    package func holders(of gpu: SimulatedGPU) throws(MachineError) -> [Holder] {
        try holderDirectory.living().filter { $0.gpu == gpu.uuid }
    }

    func isInUse(_ gpu: SimulatedGPU) throws(MachineError) -> Bool { try !holders(of: gpu).isEmpty }

    // The library makes nodes in passing and tells nobody when it cannot: whoever then opens one learns it.
    private func makeNode(_ capability: Capability, _ state: MachineState) {
        guard mayMakeNodes, let rule = try? rule(of: capability) else { return }
        _ = try? nodes(state).ensure(rule)
    }

    /// Makes the nodes of a MIG device that are missing, which whoever lists the devices as root does in passing.
    package func makeMissingNodes(
        of gpu: SimulatedGPU, _ gpuInstance: GPUInstanceID, _ compute: ComputeInstanceID, _ state: MachineState
    ) {
        guard mayMakeNodes, state.module.hasCapabilityNodes else { return }
        for capability in [
            Capability.gpuInstance(gpuMinor: gpu.minor, gpuInstance),
            .computeInstance(gpuMinor: gpu.minor, gpuInstance, compute),
        ] {
            guard let minor = capability.minor, !Files.exists(layout.node(minor)) else { continue }
            makeNode(capability, state)
        }
    }

    /// Makes the node of a GPU in passing, as whatever uses the GPU does.
    package func makeNode(of gpu: SimulatedGPU, _ state: MachineState) {
        if mayMakeNodes { _ = try? nodes(state).ensure(gpuMinor: gpu.minor) }
    }

    private var mayMakeNodes: Bool { [.root, owner.user].contains(CurrentProcess.user) }

    private func refusing<Result>(_ body: () throws(DriverCode) -> Result) throws(MachineError) -> Result {
        do {
            return try body()
        } catch {
            throw .refused(error)
        }
    }
}
