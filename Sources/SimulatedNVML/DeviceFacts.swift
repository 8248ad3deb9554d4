// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import Glibc
import MIG
import SimulatedMachine

// MARK: - What a device is

@c @implementation
public func nvmlDeviceGetName(
    _ device: nvmlDevice_t?, _ name: UnsafeMutablePointer<CChar>?, _ length: nvml_u32
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let device = try call.device(device)
        let suffix = device.part.map { " MIG \($0.computeProfile.name)" } ?? ""
        try put(device.gpu.model.name + suffix, into: name, length)
    }
}

@c @implementation
public func nvmlDeviceGetIndex(_ device: nvmlDevice_t?, _ index: UnsafeMutablePointer<nvml_u32>?) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        try put(UInt32(try call.device(device).number), into: index)
    }
}

@c @implementation
public func nvmlDeviceGetMinorNumber(
    _ device: nvmlDevice_t?, _ minor: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try put(UInt32(try call.gpu(device).gpu.minor), into: minor) }
}

@c @implementation
public func nvmlDeviceGetUUID(
    _ device: nvmlDevice_t?, _ uuid: UnsafeMutablePointer<CChar>?, _ length: nvml_u32
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let device = try call.device(device)
        try put(device.part?.compute.uuid.description ?? device.gpu.uuid.description, into: uuid, length)
    }
}

@c @implementation
public func nvmlDeviceGetSerial(
    _ device: nvmlDevice_t?, _ serial: UnsafeMutablePointer<CChar>?, _ length: nvml_u32
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try put(try call.device(device).gpu.serial, into: serial, length) }
}

@c @implementation
public func nvmlDeviceGetArchitecture(
    _ device: nvmlDevice_t?, _ architecture: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        try put(try call.device(device).gpu.model.architecture.rawValue, into: architecture)
    }
}

@c @implementation
public func nvmlDeviceGetCudaComputeCapability(
    _ device: nvmlDevice_t?, _ major: UnsafeMutablePointer<CInt>?, _ minor: UnsafeMutablePointer<CInt>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let capability = try call.device(device).gpu.model.computeCapability
        guard major != nil, minor != nil else { throw .refused(.invalidArgument) }
        try put(CInt(capability.major), into: major)
        try put(CInt(capability.minor), into: minor)
    }
}

@c @implementation
public func nvmlDeviceGetNumGpuCores(
    _ device: nvmlDevice_t?, _ count: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let gpu = try call.gpu(device).gpu
        guard !gpu.mode.isEnabled, let cores = gpu.model.cores else { throw .refused(.notSupported) }
        try put(UInt32(cores), into: count)
    }
}

// MARK: - Where it sits

@c @implementation
public func nvmlDeviceGetPciInfo(
    _ device: nvmlDevice_t?, _ pci: UnsafeMutablePointer<nvmlPciInfo_v2_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try put(earlierInfo(of: try call.device(device).gpu), into: pci) }
}

@c @implementation
public func nvmlDeviceGetPciInfo_v2(
    _ device: nvmlDevice_t?, _ pci: UnsafeMutablePointer<nvmlPciInfo_v2_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try put(earlierInfo(of: try call.device(device).gpu), into: pci) }
}

@c @implementation
public func nvmlDeviceGetPciInfo_v3(
    _ device: nvmlDevice_t?, _ pci: UnsafeMutablePointer<nvmlPciInfo_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let gpu = try call.device(device).gpu
        var info = nvmlPciInfo_t()
        put(legacyBusID(of: gpu), in: &info.busIdLegacy)
        put(gpu.pci.description, in: &info.busId)
        info.domain = gpu.pci.domain
        info.bus = UInt32(gpu.pci.bus)
        info.device = UInt32(gpu.pci.device)
        info.pciDeviceId = gpu.model.pciDeviceID
        try put(info, into: pci)
    }
}

@c @implementation
public func nvmlDeviceGetPciInfoExt(
    _ device: nvmlDevice_t?, _ pci: UnsafeMutablePointer<nvmlPciInfoExt_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let gpu = try call.device(device).gpu
        guard let pci else { throw .refused(.invalidArgument) }
        guard pci.pointee.version == NVML_PCI_INFO_EXT_V1 else { throw .refused(.argumentVersionMismatch) }
        pci.pointee.domain = gpu.pci.domain
        pci.pointee.bus = UInt32(gpu.pci.bus)
        pci.pointee.device = UInt32(gpu.pci.device)
        pci.pointee.pciDeviceId = gpu.model.pciDeviceID
        pci.pointee.pciSubSystemId = 0
        // A display controller of the kind "3D controller", as boards without video outputs are.
        pci.pointee.baseClass = 3
        pci.pointee.subClass = 2
        put(gpu.pci.description, in: &pci.pointee.busId)
    }
}

private func earlierInfo(of gpu: SimulatedGPU) -> nvmlPciInfo_v2_t {
    var info = nvmlPciInfo_v2_t()
    put(legacyBusID(of: gpu), in: &info.busId)
    info.domain = gpu.pci.domain
    info.bus = UInt32(gpu.pci.bus)
    info.device = UInt32(gpu.pci.device)
    info.pciDeviceId = gpu.model.pciDeviceID
    return info
}

/// The form with four digits of domain.
private func legacyBusID(of gpu: SimulatedGPU) -> String { String(gpu.pci.description.dropFirst(4)) }

// MARK: - Facts by number

@c @implementation
public func nvmlDeviceGetFieldValues(
    _ device: nvmlDevice_t?, _ count: CInt, _ values: UnsafeMutablePointer<nvmlFieldValue_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let model = try call.device(device).gpu.model
        guard count > 0, let values else { throw .refused(.invalidArgument) }
        for index in 0..<Int(count) {
            values[index].timestamp = microseconds()
            values[index].latencyUsec = 0
            switch values[index].fieldId {
            case NVML_FI_DEV_RESETLESS_MIG_SUPPORT, NVML_FI_DEV_MIG_QUERYABLE_WHILE_OFF:
                values[index].valueType = NVML_VALUE_TYPE_UNSIGNED_INT
                values[index].value.uiVal = model.modeChangeNeedsReset ? 0 : 1
                values[index].nvmlReturn = NVML_SUCCESS
            default:
                values[index].nvmlReturn = NVML_ERROR_NOT_SUPPORTED
            }
        }
    }
}

private func microseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
}
