package import MIG

/// How instances come and go; every refusal is the code that the driver gives for it.
extension SimulatedGPU {
    /// Makes a GPU instance where asked, or where the driver would put it.
    ///
    /// `hasClient` tells whether any process uses the GPU: the first instance of a GPU wants it idle.
    package mutating func createInstance(
        _ id: GPUInstanceProfileID, at placement: Placement?, serial: UInt32, isMirrored: Bool, hasClient: Bool
    ) throws(DriverCode) -> Instance {
        guard mode.isEnabled else { throw .notSupported }
        guard let profile = model.profile(id) else { throw .invalidArgument }
        if let placement {
            guard profile.gpuInstance.placements.contains(placement) else { throw .invalidArgument }
        }
        if instances.isEmpty, hasClient { throw .inUse }
        guard hasRoom(for: profile), let chosen = placement ?? defaultPlacement(of: profile),
            chosen.mask & occupied == 0
        else { throw .insufficientResources }
        let instance = Instance(
            id: instanceID(at: chosen, isMirrored: isMirrored), profile: id, placement: chosen, serial: serial)
        // Whoever makes one has the GPU open.
        isAttached = true
        instances.append(instance)
        instances.sort { $0.id < $1.id }
        return instance
    }

    /// Destroys a GPU instance; `isHeld` tells whether a process uses it.
    package mutating func destroyInstance(_ id: GPUInstanceID, isHeld: Bool) throws(DriverCode) {
        guard mode.isEnabled else { throw .notSupported }
        guard let index = instances.firstIndex(where: { $0.id == id }) else { throw .notFound }
        guard instances[index].computeInstances.isEmpty, !isHeld else { throw .inUse }
        instances.remove(at: index)
    }

    /// Makes a compute instance where asked, or where the driver would put it; its id is the lowest free one, or `wanted`.
    package mutating func createCompute(
        _ id: ComputeInstanceProfileID, in gpuInstance: GPUInstanceID, at placement: Placement?, serial: UInt32,
        wanted: ComputeInstanceID? = nil
    ) throws(DriverCode) -> Compute {
        guard mode.isEnabled else { throw .notSupported }
        guard let index = instances.firstIndex(where: { $0.id == gpuInstance }) else { throw .notFound }
        let instance = instances[index]
        guard let profile = profile(of: instance), let compute = profile.compute(id) else { throw .invalidArgument }
        if let placement {
            guard profile.placements(of: compute).contains(placement) else { throw .invalidArgument }
        }
        guard instance.remainingCapacity(of: compute, in: profile) > 0,
            let chosen = placement ?? instance.defaultPlacement(of: compute, in: profile),
            chosen.mask & instance.occupied == 0
        else { throw .insufficientResources }
        let ids = (0..<UInt32(CapabilityMinor.computeInstancesPerGPUInstance)).map(ComputeInstanceID.init)
        let free = ids.filter { id in !instance.computeInstances.contains { $0.id == id } }
        guard let number = wanted ?? free.first, free.contains(number) else { throw .insufficientResources }
        let made = Compute(
            id: number, profile: id, placement: chosen, serial: serial,
            uuid: DeviceNames.migUUID(gpu: uuid, gpuInstance: gpuInstance, firstSlice: chosen.start, size: chosen.size))
        instances[index].computeInstances.append(made)
        instances[index].computeInstances.sort { $0.id < $1.id }
        return made
    }

    /// Destroys a compute instance; `isHeld` tells whether a process uses it.
    package mutating func destroyCompute(
        _ id: ComputeInstanceID, in gpuInstance: GPUInstanceID, isHeld: Bool
    ) throws(DriverCode) {
        guard mode.isEnabled else { throw .notSupported }
        guard let index = instances.firstIndex(where: { $0.id == gpuInstance }),
            let inner = instances[index].computeInstances.firstIndex(where: { $0.id == id })
        else { throw .notFound }
        guard !isHeld else { throw .inUse }
        instances[index].computeInstances.remove(at: inner)
    }
}
