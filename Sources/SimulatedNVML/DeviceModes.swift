// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import MIG
import SimulatedMachine

// MARK: - Modes that a device is in

@c @implementation
public func nvmlDeviceGetPersistenceMode(
    _ device: nvmlDevice_t?, _ mode: UnsafeMutablePointer<nvmlEnableState_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let isPersistent = try call.device(device).gpu.isPersistent
        try put(isPersistent ? NVML_FEATURE_ENABLED : NVML_FEATURE_DISABLED, into: mode)
    }
}

@c @implementation
public func nvmlDeviceSetPersistenceMode(_ device: nvmlDevice_t?, _ mode: nvmlEnableState_t) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let index = try call.gpu(device).index
        guard mode == NVML_FEATURE_ENABLED || mode == NVML_FEATURE_DISABLED else {
            throw .refused(.invalidArgument)
        }
        guard call.rights.isAdministrator else { throw .refused(.noPermission) }
        try call.machine.change { state throws(MachineError) in
            state.gpus[index].setPersistence(mode == NVML_FEATURE_ENABLED)
        }
    }
}

@c @implementation
public func nvmlDeviceGetComputeMode(
    _ device: nvmlDevice_t?, _ mode: UnsafeMutablePointer<nvmlComputeMode_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let device = try call.device(device)
        // A MIG device is always open to all: the exclusive modes do not go with MIG.
        try put(nvmlComputeMode_t(device.part == nil ? device.gpu.computeMode : 0), into: mode)
    }
}

@c @implementation
public func nvmlDeviceSetComputeMode(_ device: nvmlDevice_t?, _ mode: nvmlComputeMode_t) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let device = try call.device(device)
        guard mode.rawValue <= NVML_COMPUTEMODE_EXCLUSIVE_PROCESS.rawValue else { throw .refused(.invalidArgument) }
        guard call.rights.isAdministrator else { throw .refused(.noPermission) }
        guard mode != NVML_COMPUTEMODE_EXCLUSIVE_THREAD else { throw .refused(.notSupported) }
        if device.gpu.mode.isEnabled {
            // With MIG on, a MIG device's handle is wanted. Inferred: it takes what it has, and no other.
            guard device.part != nil, mode == NVML_COMPUTEMODE_DEFAULT else { throw .refused(.notSupported) }
            return
        }
        let index = device.index
        try call.machine.change { state throws(MachineError) in
            state.gpus[index].computeMode = mode.rawValue
        }
    }
}

@c @implementation
public func nvmlDeviceGetEccMode(
    _ device: nvmlDevice_t?, _ current: UnsafeMutablePointer<nvmlEnableState_t>?,
    _ pending: UnsafeMutablePointer<nvmlEnableState_t>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        _ = try call.device(device)
        guard current != nil, pending != nil else { throw .refused(.invalidArgument) }
        try put(NVML_FEATURE_ENABLED, into: current)
        try put(NVML_FEATURE_ENABLED, into: pending)
    }
}

@c @implementation
public func nvmlDeviceGetDisplayActive(
    _ device: nvmlDevice_t?, _ isActive: UnsafeMutablePointer<nvmlEnableState_t>?
) -> nvmlReturn_t { hasNoDisplay(device, isActive) }

@c @implementation
public func nvmlDeviceGetDisplayMode(
    _ device: nvmlDevice_t?, _ mode: UnsafeMutablePointer<nvmlEnableState_t>?
) -> nvmlReturn_t { hasNoDisplay(device, mode) }

private func hasNoDisplay(
    _ device: nvmlDevice_t?, _ state: UnsafeMutablePointer<nvmlEnableState_t>?, _ function: StaticString = #function
) -> nvmlReturn_t {
    answer(function) { call throws(MachineError) in
        _ = try call.device(device)
        try put(NVML_FEATURE_DISABLED, into: state)
    }
}

@c @implementation
public func nvmlDeviceGetVirtualizationMode(
    _ device: nvmlDevice_t?, _ mode: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        _ = try call.device(device)
        // A driver that may not reset its GPUs is one to which they are passed through.
        let isBare = call.state.canResetGPUs
        try put(isBare ? NVML_GPU_VIRTUALIZATION_MODE_NONE : NVML_GPU_VIRTUALIZATION_MODE_PASSTHROUGH, into: mode)
    }
}

// MARK: - MIG mode

@c @implementation
public func nvmlDeviceGetMigMode(
    _ device: nvmlDevice_t?, _ current: UnsafeMutablePointer<nvml_u32>?, _ pending: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let gpu = try call.gpu(device).gpu
        guard current != nil, pending != nil else { throw .refused(.invalidArgument) }
        guard gpu.model.supportsMIG else { throw .refused(.notSupported) }
        let mode = gpu.mode
        try put(mode.isEnabled ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE, into: current)
        try put(mode.isPendingEnabled ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE, into: pending)
    }
}

@c @implementation
public func nvmlDeviceSetMigMode(
    _ device: nvmlDevice_t?, _ mode: nvml_u32, _ activationStatus: UnsafeMutablePointer<nvmlReturn_t>?
) -> nvmlReturn_t {
    // Before all else: a scripted success does no work, and is to claim that the mode is active.
    activationStatus?.pointee = NVML_SUCCESS
    return answer { call throws(MachineError) in
        let index = try call.gpu(device).index
        // Inferred: what the board cannot do it says to everybody, before it looks at who asks.
        guard call.state.gpus[index].model.supportsMIG else { throw .refused(.notSupported) }
        guard mode <= NVML_DEVICE_MIG_ENABLE, activationStatus != nil else { throw .refused(.invalidArgument) }
        // No node stands in for rank here, not even that of mig/config.
        guard call.rights.isAdministrator else { throw .refused(.noPermission) }
        let change = try call.machine.setMode(
            gpu: index, enabled: mode == NVML_DEVICE_MIG_ENABLE, session: Session.mark)
        try put(nvmlReturn_t(change.activation), into: activationStatus)
        guard change.result == .success else { throw .refused(change.result) }
    }
}

@c @implementation
public func nvmlDeviceIsMigDeviceHandle(
    _ device: nvmlDevice_t?, _ isMigDevice: UnsafeMutablePointer<nvml_u32>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try put(try call.device(device).part == nil ? 0 : 1, into: isMigDevice) }
}
