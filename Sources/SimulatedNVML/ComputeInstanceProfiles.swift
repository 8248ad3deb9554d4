// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import MIG
import SimulatedMachine

// MARK: - What kinds of compute instance a GPU instance takes

@c @implementation
public func nvmlGpuInstanceGetComputeInstanceProfileInfo(
    _ gpuInstance: nvmlGpuInstance_t?, _ kind: nvml_u32, _ engineProfile: nvml_u32,
    _ info: UnsafeMutablePointer<nvmlComputeInstanceProfileInfo_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let (reference, profile) = try call.computeProfile(of: gpuInstance, kind, engineProfile)
        let engines = reference.profile.gpuInstance.engines
        try put(
            nvmlComputeInstanceProfileInfo_t(
                id: profile.id.rawValue, sliceCount: UInt32(profile.slices.rawValue),
                instanceCount: UInt32(profile.instanceCount), multiprocessorCount: UInt32(profile.multiprocessors),
                sharedCopyEngineCount: UInt32(engines.copy), sharedDecoderCount: UInt32(engines.decoder),
                sharedEncoderCount: UInt32(engines.encoder), sharedJpegCount: UInt32(engines.jpeg),
                sharedOfaCount: UInt32(engines.ofa)),
            into: info)
    }
}

@c @implementation
public func nvmlGpuInstanceGetComputeInstanceProfileInfoV(
    _ gpuInstance: nvmlGpuInstance_t?, _ kind: nvml_u32, _ engineProfile: nvml_u32,
    _ info: UnsafeMutablePointer<nvmlComputeInstanceProfileInfo_v2_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let (reference, profile) = try call.computeProfile(of: gpuInstance, kind, engineProfile)
        let engines = reference.profile.gpuInstance.engines
        guard let info else { throw .refused(.invalidArgument) }
        switch info.pointee.version {
        case NVML_COMPUTE_INSTANCE_PROFILE_INFO_V2:
            info.pointee = nvmlComputeInstanceProfileInfo_v2_t(profile, engines)
        case NVML_COMPUTE_INSTANCE_PROFILE_INFO_V3:
            // The third layout is the second with one word after it.
            let second = nvmlComputeInstanceProfileInfo_v2_t(profile, engines)
            let bytes = UnsafeMutableRawPointer(info)
            bytes.storeBytes(of: second, as: nvmlComputeInstanceProfileInfo_v2_t.self)
            info.pointee.version = NVML_COMPUTE_INSTANCE_PROFILE_INFO_V3
            bytes.storeBytes(
                of: reference.profile.isGraphicsCapable ? NVML_COMPUTE_INSTANCE_PROFILE_CAPS_GFX : 0,
                toByteOffset: MemoryLayout<nvmlComputeInstanceProfileInfo_v2_t>.size, as: UInt32.self)
        default:
            throw .refused(.invalidArgument)
        }
    }
}

@c @implementation
public func nvmlGpuInstanceGetComputeInstanceRemainingCapacity(
    _ gpuInstance: nvmlGpuInstance_t?, _ profileId: nvml_u32, _ count: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let (reference, profile) = try call.computeProfile(of: gpuInstance, id: profileId)
        try put(UInt32(reference.instance.remainingCapacity(of: profile, in: reference.profile)), into: count)
    }
}

@c @implementation
public func nvmlGpuInstanceGetComputeInstancePossiblePlacements(
    _ gpuInstance: nvmlGpuInstance_t?, _ profileId: nvml_u32,
    _ placements: UnsafeMutablePointer<nvmlComputeInstancePlacement_t>?, _ count: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let (reference, profile) = try call.computeProfile(of: gpuInstance, id: profileId)
        let all = reference.profile.placements(of: profile).map(nvmlComputeInstancePlacement_t.init)
        try put(all, into: placements, count: count, countsOnly: placements == nil)
    }
}

extension Call {
    /// The profile of a kind, and the GPU instance, whose engines all its compute instances share.
    fileprivate func computeProfile(
        of pointer: nvmlGpuInstance_t?, _ kind: UInt32, _ engineProfile: UInt32
    ) throws(MachineError) -> (InstanceReference, ComputeInstanceProfile) {
        let reference = try instance(pointer)
        guard kind < NVML_COMPUTE_INSTANCE_PROFILE_COUNT, engineProfile < NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_COUNT
        else { throw .refused(.invalidArgument) }
        guard let profile = reference.profile.compute(ComputeInstanceProfileKind(kind)) else {
            throw .refused(.notSupported)
        }
        return (reference, profile)
    }

    /// The profile with an id, for those who may list instances.
    fileprivate func computeProfile(
        of pointer: nvmlGpuInstance_t?, id: UInt32
    ) throws(MachineError) -> (InstanceReference, ComputeInstanceProfile) {
        let reference = try instance(pointer)
        try requireConfigure()
        guard let profile = reference.profile.compute(ComputeInstanceProfileID(id)) else {
            throw .refused(.notSupported)
        }
        return (reference, profile)
    }
}

extension nvmlComputeInstanceProfileInfo_v2_t {
    fileprivate init(_ profile: ComputeInstanceProfile, _ engines: Engines) {
        self.init()
        version = NVML_COMPUTE_INSTANCE_PROFILE_INFO_V2
        id = profile.id.rawValue
        sliceCount = UInt32(profile.slices.rawValue)
        instanceCount = UInt32(profile.instanceCount)
        multiprocessorCount = UInt32(profile.multiprocessors)
        sharedCopyEngineCount = UInt32(engines.copy)
        sharedDecoderCount = UInt32(engines.decoder)
        sharedEncoderCount = UInt32(engines.encoder)
        sharedJpegCount = UInt32(engines.jpeg)
        sharedOfaCount = UInt32(engines.ofa)
        put("MIG \(profile.name)", in: &name)
    }
}
