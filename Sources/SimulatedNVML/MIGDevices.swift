// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import MIG
import SimulatedMachine

// MARK: - Compute instances as devices

@c @implementation
public func nvmlDeviceGetGpuInstanceId(
    _ migDevice: nvmlDevice_t?, _ id: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try put(try call.part(migDevice).part.instance.id.rawValue, into: id) }
}

@c @implementation
public func nvmlDeviceGetComputeInstanceId(
    _ migDevice: nvmlDevice_t?, _ id: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try put(try call.part(migDevice).part.compute.id.rawValue, into: id) }
}

@c @implementation
public func nvmlDeviceGetMaxMigDeviceCount(
    _ device: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let gpu = try call.gpu(device).gpu
        try put(gpu.mode.isEnabled ? UInt32(gpu.model.computeSlices) : 0, into: count)
    }
}

@c @implementation
public func nvmlDeviceGetMigDeviceHandleByIndex(
    _ device: nvmlDevice_t?, _ index: nvml_u32, _ migDevice: UnsafeMutablePointer<nvmlDevice_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let device = try call.gpu(device)
        guard let migDevice else { throw .refused(.invalidArgument) }
        guard device.gpu.mode.isEnabled else { throw .refused(.notSupported) }
        guard index < device.gpu.model.computeSlices else { throw .refused(.invalidArgument) }
        let devices = device.gpu.devices
        guard index < devices.count else { throw .refused(.notFound) }
        let (instance, compute) = devices[Int(index)]
        call.machine.makeMissingNodes(of: device.gpu, instance.id, compute.id, call.state)
        migDevice.pointee = call.migDevice(device.index, instance, compute)
    }
}

@c @implementation
public func nvmlDeviceGetDeviceHandleFromMigDeviceHandle(
    _ migDevice: nvmlDevice_t?, _ device: UnsafeMutablePointer<nvmlDevice_t?>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let index = try call.part(migDevice).device.index
        try put(call.handle(ofGPU: index), into: device)
    }
}

@c @implementation
public func nvmlDeviceGetAttributes(
    _ migDevice: nvmlDevice_t?, _ attributes: UnsafeMutablePointer<nvmlDeviceAttributes_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        try put(nvmlDeviceAttributes_t(try call.part(migDevice).part), into: attributes)
    }
}

@c @implementation
public func nvmlDeviceGetAttributes_v2(
    _ migDevice: nvmlDevice_t?, _ attributes: UnsafeMutablePointer<nvmlDeviceAttributes_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        try put(nvmlDeviceAttributes_t(try call.part(migDevice).part), into: attributes)
    }
}

extension nvmlDeviceAttributes_t {
    fileprivate init(_ part: Device.Part) {
        let profile = part.profile.gpuInstance
        self.init(
            multiprocessorCount: UInt32(part.computeProfile.multiprocessors),
            sharedCopyEngineCount: UInt32(profile.engines.copy), sharedDecoderCount: UInt32(profile.engines.decoder),
            sharedEncoderCount: UInt32(profile.engines.encoder), sharedJpegCount: UInt32(profile.engines.jpeg),
            sharedOfaCount: UInt32(profile.engines.ofa), gpuInstanceSliceCount: UInt32(profile.slices.rawValue),
            computeInstanceSliceCount: UInt32(part.computeProfile.slices.rawValue),
            memorySizeMB: UInt64(profile.memoryMiB))
    }
}
