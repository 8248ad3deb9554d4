// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import MIG
import SimulatedMachine

// MARK: - Compute instances that exist

@c @implementation
public func nvmlGpuInstanceCreateComputeInstance(
    _ gpuInstance: nvmlGpuInstance_t?, _ profileId: nvml_u32,
    _ computeInstance: UnsafeMutablePointer<nvmlComputeInstance_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        try call.create(in: gpuInstance, profileId, at: nil, into: computeInstance)
    }
}

@c @implementation
public func nvmlGpuInstanceCreateComputeInstanceWithPlacement(
    _ gpuInstance: nvmlGpuInstance_t?, _ profileId: nvml_u32,
    _ placement: UnsafePointer<nvmlComputeInstancePlacement_t>?,
    _ computeInstance: UnsafeMutablePointer<nvmlComputeInstance_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        guard let placement else { throw .refused(.invalidArgument) }
        let wanted = Placement(start: Int(placement.pointee.start), size: Int(placement.pointee.size))
        try call.create(in: gpuInstance, profileId, at: wanted, into: computeInstance)
    }
}

@c @implementation
public func nvmlComputeInstanceDestroy(_ computeInstance: nvmlComputeInstance_t?) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let (device, part) = try call.compute(computeInstance)
        try call.requireConfigure()
        try call.machine.destroyCompute(
            gpu: device.index, in: part.instance.id, part.compute.id, serial: part.compute.serial)
    }
}

@c @implementation
public func nvmlGpuInstanceGetComputeInstances(
    _ gpuInstance: nvmlGpuInstance_t?, _ profileId: nvml_u32,
    _ computeInstances: UnsafeMutablePointer<nvmlComputeInstance_t?>?, _ count: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let reference = try call.instance(gpuInstance)
        try call.requireConfigure()
        let id = ComputeInstanceProfileID(profileId)
        guard reference.profile.compute(id) != nil else { throw .refused(.notSupported) }
        let found = reference.instance.computeInstances.filter { $0.profile == id }
        try put(found.map { call.computeInstance(reference, $0) }, into: computeInstances, count: count)
    }
}

@c @implementation
public func nvmlGpuInstanceGetComputeInstanceById(
    _ gpuInstance: nvmlGpuInstance_t?, _ id: nvml_u32,
    _ computeInstance: UnsafeMutablePointer<nvmlComputeInstance_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let reference = try call.instance(gpuInstance)
        try call.requireConfigure()
        guard let compute = reference.instance.computeInstances.first(where: { $0.id.rawValue == id }) else {
            throw .refused(.notFound)
        }
        try put(call.computeInstance(reference, compute), into: computeInstance)
    }
}

@c @implementation
public func nvmlComputeInstanceGetInfo(
    _ computeInstance: nvmlComputeInstance_t?, _ info: UnsafeMutablePointer<nvmlComputeInstanceInfo_v1_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let whole = try call.info(of: computeInstance)
        try put(
            nvmlComputeInstanceInfo_v1_t(
                device: whole.device, gpuInstance: whole.gpuInstance, id: whole.id, profileId: whole.profileId),
            into: info)
    }
}

@c @implementation
public func nvmlComputeInstanceGetInfo_v2(
    _ computeInstance: nvmlComputeInstance_t?, _ info: UnsafeMutablePointer<nvmlComputeInstanceInfo_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try put(try call.info(of: computeInstance), into: info) }
}

extension nvmlComputeInstancePlacement_t {
    init(_ placement: Placement) {
        self.init(start: UInt32(placement.start), size: UInt32(placement.size))
    }
}

extension Call {
    fileprivate func info(of pointer: nvmlComputeInstance_t?) throws(MachineError) -> nvmlComputeInstanceInfo_t {
        let (device, part) = try compute(pointer)
        let handle = Handle.computeDevice(
            gpu: device.index, part.instance.id, part.compute.id, serial: part.compute.serial)
        return nvmlComputeInstanceInfo_t(
            device: handle.pointer(epoch: epoch), gpuInstance: gpuInstance(device.index, part.instance),
            id: part.compute.id.rawValue, profileId: part.compute.profile.rawValue,
            placement: nvmlComputeInstancePlacement_t(part.compute.placement))
    }

    fileprivate func create(
        in pointer: nvmlGpuInstance_t?, _ profileId: UInt32, at placement: Placement?,
        into computeInstance: UnsafeMutablePointer<nvmlComputeInstance_t?>?
    ) throws(MachineError) {
        let reference = try instance(pointer)
        guard let computeInstance else { throw .refused(.invalidArgument) }
        try requireConfigure()
        let compute = try machine.createCompute(
            gpu: reference.index, in: reference.instance.id, serial: reference.instance.serial,
            profile: ComputeInstanceProfileID(profileId), at: placement)
        computeInstance.pointee = self.computeInstance(reference, compute)
    }

    /// The handle of a compute instance.
    fileprivate func computeInstance(
        _ reference: InstanceReference, _ compute: SimulatedGPU.Compute
    ) -> nvmlComputeInstance_t? {
        Handle.computeInstance(gpu: reference.index, reference.instance.id, compute.id, serial: compute.serial)
            .pointer(epoch: epoch)
    }
}
