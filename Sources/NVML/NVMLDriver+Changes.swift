internal import CNVML
internal import Linux
package import MIG

// Every change is held against what the driver shows afterwards: success reported and nothing done is an error too.
extension NVMLDriver {
    /// Makes a GPU instance at exactly this place; the driver's own choice of places is never used.
    ///
    /// The instance is the caller's to destroy, also after `unconfirmed`: then it has to be looked for at its place.
    /// INSUFFICIENT_RESOURCES means that the place is taken, INVALID_ARGUMENT that it is not legal, IN_USE that
    /// somebody uses the whole GPU.
    package func createGPUInstance(
        _ profile: GPUInstanceProfileID, at placement: Placement, on gpu: GPUUUID
    ) throws(NVMLError) -> GPUInstance {
        let name = "nvmlDeviceCreateGpuInstanceWithPlacement"
        let device = try device(gpu)
        guard let start = UInt32(exactly: placement.start), let size = UInt32(exactly: placement.size) else {
            throw .call(name, .invalidArgument)
        }
        var place = nvmlGpuInstancePlacement_t(start: start, size: size)
        // SAFETY: the placement lives through the call.
        let made: GPUInstanceHandle = try handle(name) {
            unsafe functions.createGPUInstance(device.raw, profile.rawValue, &place, $0)
        }
        do throws(NVMLError) {
            return try confirmed(made, profile, at: placement, on: gpu, by: name)
        } catch {
            if case .notDone = error { throw error }
            throw .unconfirmed(error)
        }
    }

    private func confirmed(
        _ made: GPUInstanceHandle, _ profile: GPUInstanceProfileID, at placement: Placement, on gpu: GPUUUID,
        by name: String
    ) throws(NVMLError) -> GPUInstance {
        let told = try info(of: made)
        guard told.profile == profile, told.placement == placement else {
            // Nobody would look for it where it is, so it must not stay.
            try call("nvmlGpuInstanceDestroy") { unsafe functions.destroyGPUInstance(made.raw) }
            throw .notDone(call: name, found: "the instance is of profile \(told.profile) at \(told.placement)")
        }
        guard let found = try instance(told.id, on: gpu), found.profile == profile, found.placement == placement else {
            throw .notDone(call: name, found: "there is no such GPU instance \(told.id)")
        }
        return found
    }

    /// Makes a compute instance in a GPU instance.
    ///
    /// Needs the GPU instance's capability node to be openable for this process. The placement is in compute slices;
    /// nil lets the driver choose, where any place serves. After `unconfirmed` it has to be looked for at its place.
    package func createComputeInstance(
        _ profile: ComputeInstanceProfileID, at placement: Placement? = nil, in gi: GPUInstanceID, on gpu: GPUUUID
    ) throws(NVMLError) -> ComputeInstance {
        let parent = try gpuInstance(gi, on: gpu)
        let (name, made) = try make(profile, at: placement, in: parent)
        do throws(NVMLError) {
            return try confirmed(made, profile, at: placement, in: parent, by: name)
        } catch {
            if case .notDone = error { throw error }
            throw .unconfirmed(error)
        }
    }

    private func confirmed(
        _ made: ComputeInstanceHandle, _ profile: ComputeInstanceProfileID, at placement: Placement?,
        in parent: GPUInstanceHandle, by name: String
    ) throws(NVMLError) -> ComputeInstance {
        let told = try info(of: made).instance
        guard told.profile == profile, placement == nil || told.placement == placement else {
            try call("nvmlComputeInstanceDestroy") { unsafe functions.destroyComputeInstance(made.raw) }
            throw .notDone(call: name, found: "the instance is of profile \(told.profile) at \(told.placement)")
        }
        guard let found = try computeInstanceIfAny(told.id, in: parent), found.profile == profile else {
            throw .notDone(call: name, found: "there is no such compute instance \(told.id)")
        }
        return found
    }

    /// Destroys a compute instance; IN_USE while a process runs on it.
    package func destroyComputeInstance(
        _ ci: ComputeInstanceID, in gi: GPUInstanceID, on gpu: GPUUUID
    ) throws(NVMLError) {
        let parent = try gpuInstance(gi, on: gpu)
        let instance = try computeInstance(ci, in: parent)
        let name = "nvmlComputeInstanceDestroy"
        try call(name) { unsafe functions.destroyComputeInstance(instance.raw) }
        try confirmGone(name, "compute instance \(ci) is still there") { () throws(NVMLError) in
            try computeInstanceIfAny(ci, in: parent) == nil
        }
    }

    /// Destroys a GPU instance, whose compute instances must be gone; blocks for `patience` while it is in use.
    package func destroyGPUInstance(_ gi: GPUInstanceID, on gpu: GPUUUID) throws(NVMLError) {
        let name = "nvmlGpuInstanceDestroy"
        let instance = try gpuInstance(gi, on: gpu)
        let deadline = Clock.monotonic() + Int64(patience.milliseconds) * 1_000_000
        while true {
            do throws(NVMLError) {
                try call(name) { unsafe functions.destroyGPUInstance(instance.raw) }
                break
            } catch .call(name, .inUse) where Clock.monotonic() < deadline {
                Clock.sleep(milliseconds: patience.pauseMilliseconds)
            }
        }
        try confirmGone(name, "GPU instance \(gi) is still there") { () throws(NVMLError) in
            try self.instance(gi, on: gpu) == nil
        }
    }

    private func make(
        _ profile: ComputeInstanceProfileID, at placement: Placement?, in parent: GPUInstanceHandle
    ) throws(NVMLError) -> (name: String, made: ComputeInstanceHandle) {
        guard let placement else {
            let name = "nvmlGpuInstanceCreateComputeInstance"
            return (name, try handle(name) { unsafe functions.createComputeInstance(parent.raw, profile.rawValue, $0) })
        }
        let name = "nvmlGpuInstanceCreateComputeInstanceWithPlacement"
        guard let function = unsafe functions.createComputeInstanceWithPlacement else { throw .symbolMissing([name]) }
        guard let start = UInt32(exactly: placement.start), let size = UInt32(exactly: placement.size) else {
            throw .call(name, .invalidArgument)
        }
        var place = nvmlComputeInstancePlacement_t(start: start, size: size)
        // SAFETY: the placement lives through the call.
        return (name, try handle(name) { unsafe function(parent.raw, profile.rawValue, &place, $0) })
    }

    private func computeInstanceIfAny(
        _ id: ComputeInstanceID, in parent: GPUInstanceHandle
    ) throws(NVMLError) -> ComputeInstance? {
        do throws(NVMLError) {
            return try info(of: try computeInstance(id, in: parent)).instance
        } catch .call(Self.computeInstanceByID, .notFound) {
            return nil
        }
    }

    /// Looks until the driver shows that an instance is gone, for as long as `patience` says.
    private func confirmGone(
        _ call: String, _ found: String, _ isGone: () throws(NVMLError) -> Bool
    ) throws(NVMLError) {
        let deadline = Clock.monotonic() + Int64(patience.milliseconds) * 1_000_000
        while try !isGone() {
            guard Clock.monotonic() < deadline else { throw .notDone(call: call, found: found) }
            Clock.sleep(milliseconds: patience.pauseMilliseconds)
        }
    }
}
