internal import CNVML
internal import MIG

/// What the library tells of a GPU instance profile, whatever version of its struct it filled.
struct GPUInstanceProfileInfo {
    let id: UInt32
    let slices: SliceCount
    let instanceCount: Int
    let multiprocessors: Int
    let engines: Engines
    let memoryMiB: Int
    /// As the later versions have it, `MIG 3g.20gb`.
    let name: String?

    init(_ fields: some GPUInstanceProfileFields, name: String?) {
        id = fields.id
        slices = SliceCount(Int(fields.sliceCount))
        instanceCount = Int(fields.instanceCount)
        multiprocessors = Int(fields.multiprocessorCount)
        engines = Engines(
            copy: Int(fields.copyEngineCount), decoder: Int(fields.decoderCount), encoder: Int(fields.encoderCount),
            jpeg: Int(fields.jpegCount), ofa: Int(fields.ofaCount))
        memoryMiB = Int(clamping: fields.memorySizeMB)
        self.name = name
    }
}

/// What the library tells of a compute instance profile, whatever version of its struct it filled.
struct ComputeInstanceProfileInfo {
    let id: UInt32
    let slices: SliceCount
    let instanceCount: Int
    let multiprocessors: Int
    let engines: Engines
    /// As the later versions have it, `MIG 1c.3g.20gb`.
    let name: String?

    init(_ fields: some ComputeInstanceProfileFields, name: String?) {
        id = fields.id
        slices = SliceCount(Int(fields.sliceCount))
        instanceCount = Int(fields.instanceCount)
        multiprocessors = Int(fields.multiprocessorCount)
        engines = Engines(
            copy: Int(fields.sharedCopyEngineCount), decoder: Int(fields.sharedDecoderCount),
            encoder: Int(fields.sharedEncoderCount), jpeg: Int(fields.sharedJpegCount),
            ofa: Int(fields.sharedOfaCount))
        self.name = name
    }
}

/// The fields that all versions of the library's GPU instance profile struct have, each at an offset of its own.
protocol GPUInstanceProfileFields {
    var id: UInt32 { get }
    var sliceCount: UInt32 { get }
    var instanceCount: UInt32 { get }
    var multiprocessorCount: UInt32 { get }
    var copyEngineCount: UInt32 { get }
    var decoderCount: UInt32 { get }
    var encoderCount: UInt32 { get }
    var jpegCount: UInt32 { get }
    var ofaCount: UInt32 { get }
    var memorySizeMB: UInt64 { get }
}

extension nvmlGpuInstanceProfileInfo_t: GPUInstanceProfileFields {}
extension nvmlGpuInstanceProfileInfo_v2_t: GPUInstanceProfileFields {}
extension nvmlGpuInstanceProfileInfo_v3_t: GPUInstanceProfileFields {}

/// The fields that all versions of the library's compute instance profile struct have.
protocol ComputeInstanceProfileFields {
    var id: UInt32 { get }
    var sliceCount: UInt32 { get }
    var instanceCount: UInt32 { get }
    var multiprocessorCount: UInt32 { get }
    var sharedCopyEngineCount: UInt32 { get }
    var sharedDecoderCount: UInt32 { get }
    var sharedEncoderCount: UInt32 { get }
    var sharedJpegCount: UInt32 { get }
    var sharedOfaCount: UInt32 { get }
}

extension nvmlComputeInstanceProfileInfo_t: ComputeInstanceProfileFields {}
extension nvmlComputeInstanceProfileInfo_v2_t: ComputeInstanceProfileFields {}

// A library says INVALID_ARGUMENT to a version of the struct that it does not know, and the same to a kind past the
// last one. So each kind is asked for in all versions, newest first, and only what the oldest says is believed.
extension NVMLDriver {
    func newestProfileInfo(
        _ kind: GPUInstanceProfileKind, of device: DeviceHandle
    ) throws(NVMLError) -> GPUInstanceProfileInfo {
        if let function = unsafe functions.versionedGPUInstanceProfile {
            if let third = try unsafe thirdVersion(kind, device, function) { return third }
            if let second = try unsafe secondVersion(kind, device, function) { return second }
        }
        var info = nvmlGpuInstanceProfileInfo_t()
        // SAFETY: the struct lives through the call and has the layout that the header asserts.
        try call("nvmlDeviceGetGpuInstanceProfileInfo") {
            unsafe functions.gpuInstanceProfile(device.raw, kind.rawValue, &info)
        }
        return GPUInstanceProfileInfo(info, name: nil)
    }

    func newestProfileInfo(
        _ kind: ComputeInstanceProfileKind, in instance: GPUInstanceHandle
    ) throws(NVMLError) -> ComputeInstanceProfileInfo {
        if let function = unsafe functions.versionedComputeInstanceProfile,
            let second = try unsafe secondVersion(kind, instance, function)
        {
            return second
        }
        var info = nvmlComputeInstanceProfileInfo_t()
        // SAFETY: the struct lives through the call and has the layout that the header asserts.
        try call("nvmlGpuInstanceGetComputeInstanceProfileInfo") {
            unsafe functions.computeInstanceProfile(
                instance.raw, kind.rawValue, NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED, &info)
        }
        return ComputeInstanceProfileInfo(info, name: nil)
    }

    private func thirdVersion(
        _ kind: GPUInstanceProfileKind, _ device: DeviceHandle, _ function: nvmlDeviceGetGpuInstanceProfileInfoV_f
    ) throws(NVMLError) -> GPUInstanceProfileInfo? {
        var info = nvmlGpuInstanceProfileInfo_v3_t()
        info.version = NVML_GPU_INSTANCE_PROFILE_INFO_V3
        let isKnown = try knowsVersion("nvmlDeviceGetGpuInstanceProfileInfoV") {
            unsafe withUnsafeMutablePointer(to: &info) { pointer in
                // SAFETY: both versions are of one size; the version word tells the library which one it fills.
                unsafe pointer.withMemoryRebound(to: nvmlGpuInstanceProfileInfo_v2_t.self, capacity: 1) {
                    unsafe function(device.raw, kind.rawValue, $0)
                }
            }
        }
        return isKnown ? GPUInstanceProfileInfo(info, name: Self.text(in: info.name)) : nil
    }

    private func secondVersion(
        _ kind: GPUInstanceProfileKind, _ device: DeviceHandle, _ function: nvmlDeviceGetGpuInstanceProfileInfoV_f
    ) throws(NVMLError) -> GPUInstanceProfileInfo? {
        var info = nvmlGpuInstanceProfileInfo_v2_t()
        info.version = NVML_GPU_INSTANCE_PROFILE_INFO_V2
        // SAFETY: the struct lives through the call and has the layout that its version word names.
        let isKnown = try knowsVersion("nvmlDeviceGetGpuInstanceProfileInfoV") {
            unsafe function(device.raw, kind.rawValue, &info)
        }
        return isKnown ? GPUInstanceProfileInfo(info, name: Self.text(in: info.name)) : nil
    }

    // The third version adds only capabilities, which nothing here asks for, so the second is the newest wanted.
    private func secondVersion(
        _ kind: ComputeInstanceProfileKind, _ instance: GPUInstanceHandle,
        _ function: nvmlGpuInstanceGetComputeInstanceProfileInfoV_f
    ) throws(NVMLError) -> ComputeInstanceProfileInfo? {
        var info = nvmlComputeInstanceProfileInfo_v2_t()
        info.version = NVML_COMPUTE_INSTANCE_PROFILE_INFO_V2
        // SAFETY: the struct lives through the call and has the layout that its version word names.
        let isKnown = try knowsVersion("nvmlGpuInstanceGetComputeInstanceProfileInfoV") {
            unsafe function(instance.raw, kind.rawValue, NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED, &info)
        }
        return isKnown ? ComputeInstanceProfileInfo(info, name: Self.text(in: info.name)) : nil
    }

    /// Runs a versioned call; false where the library may not know the version.
    private func knowsVersion(_ name: String, _ body: () -> nvmlReturn_t) throws(NVMLError) -> Bool {
        do throws(NVMLError) {
            try call(name, body)
            return true
        } catch .call(_, .invalidArgument), .call(_, .argumentVersionMismatch), .call(_, .functionNotFound) {
            return false
        }
    }
}
