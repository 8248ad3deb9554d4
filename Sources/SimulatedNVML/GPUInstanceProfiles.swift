// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import MIG
import SimulatedMachine

// MARK: - What kinds of GPU instance there are

@c @implementation
public func nvmlDeviceGetGpuInstanceProfileInfo(
    _ device: nvmlDevice_t?, _ kind: nvml_u32, _ info: UnsafeMutablePointer<nvmlGpuInstanceProfileInfo_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let profile = try call.profile(of: device, kind: kind).gpuInstance
        try put(nvmlGpuInstanceProfileInfo_t(profile), into: info)
    }
}

@c @implementation
public func nvmlDeviceGetGpuInstanceProfileInfoV(
    _ device: nvmlDevice_t?, _ kind: nvml_u32, _ info: UnsafeMutablePointer<nvmlGpuInstanceProfileInfo_v2_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        try put(try call.profile(of: device, kind: kind), versioned: info)
    }
}

@c @implementation
public func nvmlDeviceGetGpuInstanceProfileInfoByIdV(
    _ device: nvmlDevice_t?, _ profileId: nvml_u32, _ info: UnsafeMutablePointer<nvmlGpuInstanceProfileInfo_v2_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let gpu = try call.gpuThatTellsProfiles(device)
        guard let profile = gpu.model.profile(GPUInstanceProfileID(profileId)) else { throw .refused(.notSupported) }
        try put(profile, versioned: info)
    }
}

@c @implementation
public func nvmlDeviceGetGpuInstancePossiblePlacements(
    _ device: nvmlDevice_t?, _ profileId: nvml_u32, _ placements: UnsafeMutablePointer<nvmlGpuInstancePlacement_t>?,
    _ count: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.putPlacements(of: device, profileId, placements, count) }
}

@c @implementation
public func nvmlDeviceGetGpuInstancePossiblePlacements_v2(
    _ device: nvmlDevice_t?, _ profileId: nvml_u32, _ placements: UnsafeMutablePointer<nvmlGpuInstancePlacement_t>?,
    _ count: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.putPlacements(of: device, profileId, placements, count) }
}

@c @implementation
public func nvmlDeviceGetGpuInstanceRemainingCapacity(
    _ device: nvmlDevice_t?, _ profileId: nvml_u32, _ count: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let gpu = try call.gpu(device).gpu
        try call.requireConfigure()
        guard gpu.mode.isEnabled, let profile = gpu.model.profile(GPUInstanceProfileID(profileId)) else {
            throw .refused(.notSupported)
        }
        try put(UInt32(gpu.remainingCapacity(of: profile)), into: count)
    }
}

extension Call {
    /// Boards that must be reset for a mode change tell their profiles only while MIG is on.
    fileprivate func gpuThatTellsProfiles(_ pointer: nvmlDevice_t?) throws(MachineError) -> SimulatedGPU {
        let gpu = try gpu(pointer).gpu
        guard gpu.mode.isEnabled || !gpu.model.modeChangeNeedsReset else { throw .refused(.notSupported) }
        return gpu
    }

    fileprivate func profile(of pointer: nvmlDevice_t?, kind: UInt32) throws(MachineError) -> GPUModel.Profile {
        guard kind < NVML_GPU_INSTANCE_PROFILE_COUNT else { throw .refused(.invalidArgument) }
        let gpu = try gpuThatTellsProfiles(pointer)
        guard let profile = gpu.model.profile(GPUInstanceProfileKind(kind)) else { throw .refused(.notSupported) }
        return profile
    }

    fileprivate func putPlacements(
        of pointer: nvmlDevice_t?, _ profileId: UInt32,
        _ placements: UnsafeMutablePointer<nvmlGpuInstancePlacement_t>?, _ count: UnsafeMutablePointer<nvml_u32>?
    ) throws(MachineError) {
        let gpu = try gpu(pointer).gpu
        try requireConfigure()
        guard let profile = gpu.model.profile(GPUInstanceProfileID(profileId)) else { throw .refused(.notSupported) }
        let all = profile.gpuInstance.placements.map(nvmlGpuInstancePlacement_t.init)
        try put(all, into: placements, count: count, countsOnly: placements == nil)
    }
}

extension nvmlGpuInstancePlacement_t {
    init(_ placement: Placement) {
        self.init(start: UInt32(placement.start), size: UInt32(placement.size))
    }
}

// MARK: - The three layouts of one answer

/// Fills the second or the third layout, whichever the caller's version word names; they are of one size.
private func put(
    _ profile: GPUModel.Profile, versioned info: UnsafeMutablePointer<nvmlGpuInstanceProfileInfo_v2_t>?
) throws(MachineError) {
    guard let info else { throw .refused(.invalidArgument) }
    switch info.pointee.version {
    case NVML_GPU_INSTANCE_PROFILE_INFO_V2:
        info.pointee = nvmlGpuInstanceProfileInfo_v2_t(profile.gpuInstance)
    case NVML_GPU_INSTANCE_PROFILE_INFO_V3:
        UnsafeMutableRawPointer(info).storeBytes(
            of: nvmlGpuInstanceProfileInfo_v3_t(profile), as: nvmlGpuInstanceProfileInfo_v3_t.self)
    default:
        throw .refused(.invalidArgument)
    }
}

extension nvmlGpuInstanceProfileInfo_t {
    fileprivate init(_ profile: GPUInstanceProfile) {
        let engines = profile.engines
        self.init(
            id: profile.id.rawValue, isP2pSupported: 0, sliceCount: UInt32(profile.slices.rawValue),
            instanceCount: UInt32(profile.instanceCount), multiprocessorCount: UInt32(profile.multiprocessors),
            copyEngineCount: UInt32(engines.copy), decoderCount: UInt32(engines.decoder),
            encoderCount: UInt32(engines.encoder), jpegCount: UInt32(engines.jpeg), ofaCount: UInt32(engines.ofa),
            memorySizeMB: UInt64(profile.memoryMiB))
    }
}

extension nvmlGpuInstanceProfileInfo_v2_t {
    fileprivate init(_ profile: GPUInstanceProfile) {
        let engines = profile.engines
        self.init()
        version = NVML_GPU_INSTANCE_PROFILE_INFO_V2
        id = profile.id.rawValue
        sliceCount = UInt32(profile.slices.rawValue)
        instanceCount = UInt32(profile.instanceCount)
        multiprocessorCount = UInt32(profile.multiprocessors)
        copyEngineCount = UInt32(engines.copy)
        decoderCount = UInt32(engines.decoder)
        encoderCount = UInt32(engines.encoder)
        jpegCount = UInt32(engines.jpeg)
        ofaCount = UInt32(engines.ofa)
        memorySizeMB = UInt64(profile.memoryMiB)
        put("MIG \(profile.name)", in: &name)
    }
}

extension nvmlGpuInstanceProfileInfo_v3_t {
    fileprivate init(_ kind: GPUModel.Profile) {
        let profile = kind.gpuInstance
        let engines = profile.engines
        self.init()
        version = NVML_GPU_INSTANCE_PROFILE_INFO_V3
        id = profile.id.rawValue
        sliceCount = UInt32(profile.slices.rawValue)
        instanceCount = UInt32(profile.instanceCount)
        multiprocessorCount = UInt32(profile.multiprocessors)
        copyEngineCount = UInt32(engines.copy)
        decoderCount = UInt32(engines.decoder)
        encoderCount = UInt32(engines.encoder)
        jpegCount = UInt32(engines.jpeg)
        ofaCount = UInt32(engines.ofa)
        memorySizeMB = UInt64(profile.memoryMiB)
        put("MIG \(profile.name)", in: &name)
        capabilities = kind.isGraphicsCapable ? NVML_GPU_INSTANCE_PROFILE_CAPS_GFX : 0
    }
}
