// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import MIG
import SimulatedMachine

// MARK: - GPU instances that exist

@c @implementation
public func nvmlDeviceCreateGpuInstance(
    _ device: nvmlDevice_t?, _ profileId: nvml_u32, _ gpuInstance: UnsafeMutablePointer<nvmlGpuInstance_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        try call.create(on: device, profileId, at: nil, into: gpuInstance)
    }
}

@c @implementation
public func nvmlDeviceCreateGpuInstanceWithPlacement(
    _ device: nvmlDevice_t?, _ profileId: nvml_u32, _ placement: UnsafePointer<nvmlGpuInstancePlacement_t>?,
    _ gpuInstance: UnsafeMutablePointer<nvmlGpuInstance_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        guard let placement else { throw .refused(.invalidArgument) }
        let wanted = Placement(start: Int(placement.pointee.start), size: Int(placement.pointee.size))
        try call.create(on: device, profileId, at: wanted, into: gpuInstance)
    }
}

@c @implementation
public func nvmlGpuInstanceDestroy(_ gpuInstance: nvmlGpuInstance_t?) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let reference = try call.instance(gpuInstance)
        try call.requireConfigure()
        try call.machine.destroyInstance(
            gpu: reference.index, reference.instance.id, serial: reference.instance.serial)
    }
}

@c @implementation
public func nvmlDeviceGetGpuInstances(
    _ device: nvmlDevice_t?, _ profileId: nvml_u32, _ gpuInstances: UnsafeMutablePointer<nvmlGpuInstance_t?>?,
    _ count: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let device = try call.gpu(device)
        try call.requireConfigure()
        let id = GPUInstanceProfileID(profileId)
        guard device.gpu.mode.isEnabled, device.gpu.model.profile(id) != nil else { throw .refused(.notSupported) }
        let found = device.gpu.instances.filter { $0.profile == id }.map { call.gpuInstance(device.index, $0) }
        try put(found, into: gpuInstances, count: count)
    }
}

@c @implementation
public func nvmlDeviceGetGpuInstanceById(
    _ device: nvmlDevice_t?, _ id: nvml_u32, _ gpuInstance: UnsafeMutablePointer<nvmlGpuInstance_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let device = try call.gpu(device)
        try call.requireConfigure()
        guard device.gpu.mode.isEnabled else { throw .refused(.notSupported) }
        guard let instance = device.gpu.instance(GPUInstanceID(id)) else { throw .refused(.notFound) }
        try put(call.gpuInstance(device.index, instance), into: gpuInstance)
    }
}

@c @implementation
public func nvmlGpuInstanceGetInfo(
    _ gpuInstance: nvmlGpuInstance_t?, _ info: UnsafeMutablePointer<nvmlGpuInstanceInfo_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let reference = try call.instance(gpuInstance)
        let instance = reference.instance
        try put(
            nvmlGpuInstanceInfo_t(
                device: call.handle(ofGPU: reference.index), id: instance.id.rawValue,
                profileId: instance.profile.rawValue, placement: nvmlGpuInstancePlacement_t(instance.placement)),
            into: info)
    }
}

extension Call {
    fileprivate func create(
        on pointer: nvmlDevice_t?, _ profileId: UInt32, at placement: Placement?,
        into gpuInstance: UnsafeMutablePointer<nvmlGpuInstance_t?>?
    ) throws(MachineError) {
        let device = try gpu(pointer)
        guard let gpuInstance else { throw .refused(.invalidArgument) }
        try requireConfigure()
        let instance = try machine.createInstance(
            gpu: device.index, profile: GPUInstanceProfileID(profileId), at: placement)
        gpuInstance.pointee = self.gpuInstance(device.index, instance)
    }

    /// The handle of a GPU instance.
    func gpuInstance(_ gpu: Int, _ instance: SimulatedGPU.Instance) -> nvmlGpuInstance_t? {
        Handle.gpuInstance(gpu: gpu, instance.id, serial: instance.serial).pointer(epoch: epoch)
    }
}
