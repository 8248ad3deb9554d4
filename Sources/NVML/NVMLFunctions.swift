internal import CNVML

/// The library's functions that the broker calls, each looked up once, the newest spelling first.
///
/// What the main job cannot do without is required; the rest degrades where it is missing.
@safe struct NVMLFunctions {
    let initialize: nvmlInit_v2_f
    /// Starts even where there is no GPU.
    let initializeWithFlags: nvmlInitWithFlags_f?
    let shutdown: nvmlShutdown_f
    let driverVersion: nvmlSystemGetDriverVersion_f
    let libraryVersion: nvmlSystemGetNVMLVersion_f

    let deviceCount: nvmlDeviceGetCount_v2_f
    let deviceByIndex: nvmlDeviceGetHandleByIndex_v2_f
    let uuid: nvmlDeviceGetUUID_f
    let name: nvmlDeviceGetName_f
    let minorNumber: nvmlDeviceGetMinorNumber_f
    let pciInfo: nvmlDeviceGetPciInfo_v3_f
    let memoryInfo: nvmlDeviceGetMemoryInfo_f
    let migMode: nvmlDeviceGetMigMode_f
    let setMigMode: nvmlDeviceSetMigMode_f
    let fieldValues: nvmlDeviceGetFieldValues_f?
    let architecture: nvmlDeviceGetArchitecture_f?

    let gpuInstanceProfile: nvmlDeviceGetGpuInstanceProfileInfo_f
    let versionedGPUInstanceProfile: nvmlDeviceGetGpuInstanceProfileInfoV_f?
    let possiblePlacements: nvmlDeviceGetGpuInstancePossiblePlacements_v2_f
    let remainingCapacity: nvmlDeviceGetGpuInstanceRemainingCapacity_f
    let createGPUInstance: nvmlDeviceCreateGpuInstanceWithPlacement_f
    let destroyGPUInstance: nvmlGpuInstanceDestroy_f
    let gpuInstances: nvmlDeviceGetGpuInstances_f
    let gpuInstanceByID: nvmlDeviceGetGpuInstanceById_f
    let gpuInstanceInfo: nvmlGpuInstanceGetInfo_f

    let computeInstanceProfile: nvmlGpuInstanceGetComputeInstanceProfileInfo_f
    let versionedComputeInstanceProfile: nvmlGpuInstanceGetComputeInstanceProfileInfoV_f?
    let possibleComputePlacements: nvmlGpuInstanceGetComputeInstancePossiblePlacements_f?
    let createComputeInstance: nvmlGpuInstanceCreateComputeInstance_f
    let createComputeInstanceWithPlacement: nvmlGpuInstanceCreateComputeInstanceWithPlacement_f?
    let destroyComputeInstance: nvmlComputeInstanceDestroy_f
    let computeInstances: nvmlGpuInstanceGetComputeInstances_f
    let computeInstanceByID: nvmlGpuInstanceGetComputeInstanceById_f
    let computeInstanceInfo: nvmlComputeInstanceGetInfo_v2_f

    let computeProcesses: nvmlDeviceGetComputeRunningProcesses_v3_f?
    let graphicsProcesses: nvmlDeviceGetGraphicsRunningProcesses_v3_f?

    // SAFETY: each name is looked up with the type that the header declares for it; older spellings given as a second
    // name have the same parameters and layouts (the first spelling of the process lists has not, and is not named).
    init(_ library: NVMLLibrary) throws(NVMLError) {
        initialize = try library.required("nvmlInit_v2", "nvmlInit", as: nvmlInit_v2_f.self)
        initializeWithFlags = library.optional("nvmlInitWithFlags", as: nvmlInitWithFlags_f.self)
        shutdown = try library.required("nvmlShutdown", as: nvmlShutdown_f.self)
        unsafe driverVersion = try library.required(
            "nvmlSystemGetDriverVersion", as: nvmlSystemGetDriverVersion_f.self)
        unsafe libraryVersion = try library.required(
            "nvmlSystemGetNVMLVersion", as: nvmlSystemGetNVMLVersion_f.self)

        unsafe deviceCount = try library.required(
            "nvmlDeviceGetCount_v2", "nvmlDeviceGetCount", as: nvmlDeviceGetCount_v2_f.self)
        unsafe deviceByIndex = try library.required(
            "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex", as: nvmlDeviceGetHandleByIndex_v2_f.self)
        unsafe uuid = try library.required("nvmlDeviceGetUUID", as: nvmlDeviceGetUUID_f.self)
        unsafe name = try library.required("nvmlDeviceGetName", as: nvmlDeviceGetName_f.self)
        unsafe minorNumber = try library.required("nvmlDeviceGetMinorNumber", as: nvmlDeviceGetMinorNumber_f.self)
        unsafe pciInfo = try library.required("nvmlDeviceGetPciInfo_v3", as: nvmlDeviceGetPciInfo_v3_f.self)
        unsafe memoryInfo = try library.required("nvmlDeviceGetMemoryInfo", as: nvmlDeviceGetMemoryInfo_f.self)
        unsafe migMode = try library.required("nvmlDeviceGetMigMode", as: nvmlDeviceGetMigMode_f.self)
        unsafe setMigMode = try library.required("nvmlDeviceSetMigMode", as: nvmlDeviceSetMigMode_f.self)
        unsafe fieldValues = library.optional("nvmlDeviceGetFieldValues", as: nvmlDeviceGetFieldValues_f.self)
        unsafe architecture = library.optional("nvmlDeviceGetArchitecture", as: nvmlDeviceGetArchitecture_f.self)

        unsafe gpuInstanceProfile = try library.required(
            "nvmlDeviceGetGpuInstanceProfileInfo", as: nvmlDeviceGetGpuInstanceProfileInfo_f.self)
        unsafe versionedGPUInstanceProfile = library.optional(
            "nvmlDeviceGetGpuInstanceProfileInfoV", as: nvmlDeviceGetGpuInstanceProfileInfoV_f.self)
        unsafe possiblePlacements = try library.required(
            "nvmlDeviceGetGpuInstancePossiblePlacements_v2", "nvmlDeviceGetGpuInstancePossiblePlacements",
            as: nvmlDeviceGetGpuInstancePossiblePlacements_v2_f.self)
        unsafe remainingCapacity = try library.required(
            "nvmlDeviceGetGpuInstanceRemainingCapacity", as: nvmlDeviceGetGpuInstanceRemainingCapacity_f.self)
        unsafe createGPUInstance = try library.required(
            "nvmlDeviceCreateGpuInstanceWithPlacement", as: nvmlDeviceCreateGpuInstanceWithPlacement_f.self)
        unsafe destroyGPUInstance = try library.required("nvmlGpuInstanceDestroy", as: nvmlGpuInstanceDestroy_f.self)
        unsafe gpuInstances = try library.required("nvmlDeviceGetGpuInstances", as: nvmlDeviceGetGpuInstances_f.self)
        unsafe gpuInstanceByID = try library.required(
            "nvmlDeviceGetGpuInstanceById", as: nvmlDeviceGetGpuInstanceById_f.self)
        unsafe gpuInstanceInfo = try library.required("nvmlGpuInstanceGetInfo", as: nvmlGpuInstanceGetInfo_f.self)

        unsafe computeInstanceProfile = try library.required(
            "nvmlGpuInstanceGetComputeInstanceProfileInfo", as: nvmlGpuInstanceGetComputeInstanceProfileInfo_f.self)
        unsafe versionedComputeInstanceProfile = library.optional(
            "nvmlGpuInstanceGetComputeInstanceProfileInfoV", as: nvmlGpuInstanceGetComputeInstanceProfileInfoV_f.self)
        unsafe possibleComputePlacements = library.optional(
            "nvmlGpuInstanceGetComputeInstancePossiblePlacements",
            as: nvmlGpuInstanceGetComputeInstancePossiblePlacements_f.self)
        unsafe createComputeInstance = try library.required(
            "nvmlGpuInstanceCreateComputeInstance", as: nvmlGpuInstanceCreateComputeInstance_f.self)
        unsafe createComputeInstanceWithPlacement = library.optional(
            "nvmlGpuInstanceCreateComputeInstanceWithPlacement",
            as: nvmlGpuInstanceCreateComputeInstanceWithPlacement_f.self)
        unsafe destroyComputeInstance = try library.required(
            "nvmlComputeInstanceDestroy", as: nvmlComputeInstanceDestroy_f.self)
        unsafe computeInstances = try library.required(
            "nvmlGpuInstanceGetComputeInstances", as: nvmlGpuInstanceGetComputeInstances_f.self)
        unsafe computeInstanceByID = try library.required(
            "nvmlGpuInstanceGetComputeInstanceById", as: nvmlGpuInstanceGetComputeInstanceById_f.self)
        unsafe computeInstanceInfo = try library.required(
            "nvmlComputeInstanceGetInfo_v2", as: nvmlComputeInstanceGetInfo_v2_f.self)

        unsafe computeProcesses = library.optional(
            "nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2",
            as: nvmlDeviceGetComputeRunningProcesses_v3_f.self)
        unsafe graphicsProcesses = library.optional(
            "nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2",
            as: nvmlDeviceGetGraphicsRunningProcesses_v3_f.self)
    }
}
