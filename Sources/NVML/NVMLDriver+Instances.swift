internal import CNVML
package import MIG

extension NVMLDriver {
    /// The instances that exist on a GPU now, by GPU instance id; none where its mode is off.
    package func instances(on gpu: GPUUUID) throws(NVMLError) -> [GPUInstance] {
        let device = try device(gpu)
        var found: [GPUInstanceID: GPUInstance] = [:]
        // There is no call that lists them all: the driver is asked profile by profile.
        for profile in try gpuInstanceProfiles(of: gpu) {
            let handles: [GPUInstanceHandle]
            do throws(NVMLError) {
                handles = try self.handles("nvmlDeviceGetGpuInstances", capacity: profile.instanceCount) {
                    unsafe functions.gpuInstances(device.raw, profile.id.rawValue, $0, $1)
                }
            } catch .call(_, .notSupported) {
                continue
            }
            for handle in handles {
                let instance = try read(handle, parent: profile, on: gpu)
                found[instance.id] = instance
            }
        }
        return found.values.sorted { $0.id < $1.id }
    }

    /// One instance, or nil where there is none of that id.
    package func instance(_ id: GPUInstanceID, on gpu: GPUUUID) throws(NVMLError) -> GPUInstance? {
        do throws(NVMLError) {
            let handle = try gpuInstance(id, on: gpu)
            let parent = try gpuInstanceProfile(try info(of: handle).profile, of: gpu)
            return try read(handle, parent: parent, on: gpu)
        } catch .call(Self.gpuInstanceByID, .notFound) {
            return nil
        }
    }

    static let gpuInstanceByID = "nvmlDeviceGetGpuInstanceById"
    static let computeInstanceByID = "nvmlGpuInstanceGetComputeInstanceById"

    func gpuInstance(_ id: GPUInstanceID, on gpu: GPUUUID) throws(NVMLError) -> GPUInstanceHandle {
        let device = try device(gpu)
        return try handle(Self.gpuInstanceByID) { unsafe functions.gpuInstanceByID(device.raw, id.rawValue, $0) }
    }

    func computeInstance(
        _ id: ComputeInstanceID, in instance: GPUInstanceHandle
    ) throws(NVMLError) -> ComputeInstanceHandle {
        try handle(Self.computeInstanceByID) { unsafe functions.computeInstanceByID(instance.raw, id.rawValue, $0) }
    }

    /// What the driver says of a GPU instance, its compute instances left out.
    func info(of handle: GPUInstanceHandle) throws(NVMLError) -> GPUInstance {
        var info = unsafe nvmlGpuInstanceInfo_t()
        // SAFETY: the struct lives through the call and has the layout that the header asserts.
        try call("nvmlGpuInstanceGetInfo") { unsafe functions.gpuInstanceInfo(handle.raw, &info) }
        return unsafe GPUInstance(
            id: GPUInstanceID(info.id), profile: GPUInstanceProfileID(info.profileId),
            placement: Placement(start: Int(info.placement.start), size: Int(info.placement.size)),
            computeInstances: [])
    }

    /// What the driver says of a compute instance, and the MIG device that it is.
    func info(
        of handle: ComputeInstanceHandle
    ) throws(NVMLError) -> (instance: ComputeInstance, device: DeviceHandle?) {
        var info = unsafe nvmlComputeInstanceInfo_t()
        // SAFETY: the struct lives through the call and has the layout that the header asserts.
        try call("nvmlComputeInstanceGetInfo_v2") { unsafe functions.computeInstanceInfo(handle.raw, &info) }
        let device = unsafe info.device.map { unsafe DeviceHandle(raw: $0) }
        // From the instance's own device, never from one found by its index: indices shift, and walking them is slow.
        let uuid = try device.map { device throws(NVMLError) in try uuidText(of: device) }
        let instance = unsafe ComputeInstance(
            id: ComputeInstanceID(info.id), profile: ComputeInstanceProfileID(info.profileId),
            placement: Placement(start: Int(info.placement.start), size: Int(info.placement.size)),
            uuid: uuid.flatMap(MIGUUID.init))
        return (instance, device)
    }

    private func read(
        _ handle: GPUInstanceHandle, parent: GPUInstanceProfile, on gpu: GPUUUID
    ) throws(NVMLError) -> GPUInstance {
        let instance = try info(of: handle)
        var found: [ComputeInstanceID: ComputeInstance] = [:]
        for profile in try computeInstanceProfiles(in: handle, parent: parent, on: gpu) {
            let handles: [ComputeInstanceHandle] = try handles(
                "nvmlGpuInstanceGetComputeInstances", capacity: profile.instanceCount
            ) {
                unsafe functions.computeInstances(handle.raw, profile.id.rawValue, $0, $1)
            }
            for child in handles {
                let computeInstance = try info(of: child).instance
                found[computeInstance.id] = computeInstance
            }
        }
        return GPUInstance(
            id: instance.id, profile: instance.profile, placement: instance.placement,
            computeInstances: found.values.sorted { $0.id < $1.id })
    }
}
