// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import SimulatedMachine

// What a board that does not exist cannot tell: it has no temperature, draws no power and runs at no clock, and no public
// table has the rest. Tools print N/A for NOT_SUPPORTED, and an error where the function itself is missing.

public typealias Number = UnsafeMutablePointer<nvml_u32>?
public typealias LongNumber = UnsafeMutablePointer<nvml_u64>?
public typealias EnableState = UnsafeMutablePointer<nvmlEnableState_t>?
public typealias Characters = UnsafeMutablePointer<CChar>?

private func unknown(_ device: nvmlDevice_t?, _ function: StaticString = #function) -> nvmlReturn_t {
    answer(function) { call throws(MachineError) in
        _ = try call.device(device)
        throw .refused(.notSupported)
    }
}

// MARK: - Wear of the memory

@c @implementation
public func nvmlDeviceGetSramEccErrorStatus(
    _ device: nvmlDevice_t?, _ status: UnsafeMutableRawPointer?
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetRetiredPages(
    _ device: nvmlDevice_t?, _ cause: nvml_u32, _ count: Number, _ addresses: LongNumber
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetRetiredPagesPendingStatus(
    _ device: nvmlDevice_t?, _ isPending: EnableState
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetRemappedRows(
    _ device: nvmlDevice_t?, _ corrected: Number, _ uncorrected: Number, _ isPending: Number, _ hasFailed: Number
) -> nvmlReturn_t { unknown(device) }

// MARK: - Temperature and power

@c @implementation
public func nvmlDeviceGetTemperature(
    _ device: nvmlDevice_t?, _ sensor: nvml_u32, _ degrees: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetTemperatureThreshold(
    _ device: nvmlDevice_t?, _ threshold: nvml_u32, _ degrees: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetFanSpeed(
    _ device: nvmlDevice_t?, _ percent: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetPerformanceState(
    _ device: nvmlDevice_t?, _ state: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetPowerState(
    _ device: nvmlDevice_t?, _ state: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetPowerUsage(
    _ device: nvmlDevice_t?, _ milliwatts: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetPowerManagementMode(
    _ device: nvmlDevice_t?, _ mode: EnableState
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetPowerManagementLimit(
    _ device: nvmlDevice_t?, _ milliwatts: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetPowerManagementDefaultLimit(
    _ device: nvmlDevice_t?, _ milliwatts: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetPowerManagementLimitConstraints(
    _ device: nvmlDevice_t?, _ least: Number, _ most: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetEnforcedPowerLimit(
    _ device: nvmlDevice_t?, _ milliwatts: Number
) -> nvmlReturn_t { unknown(device) }

// MARK: - Clocks

@c @implementation
public func nvmlDeviceGetClock(
    _ device: nvmlDevice_t?, _ clock: nvml_u32, _ which: nvml_u32, _ megahertz: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetClockInfo(
    _ device: nvmlDevice_t?, _ clock: nvml_u32, _ megahertz: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetMaxClockInfo(
    _ device: nvmlDevice_t?, _ clock: nvml_u32, _ megahertz: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetApplicationsClock(
    _ device: nvmlDevice_t?, _ clock: nvml_u32, _ megahertz: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetDefaultApplicationsClock(
    _ device: nvmlDevice_t?, _ clock: nvml_u32, _ megahertz: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetSupportedMemoryClocks(
    _ device: nvmlDevice_t?, _ count: Number, _ megahertz: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetSupportedClocksThrottleReasons(
    _ device: nvmlDevice_t?, _ reasons: LongNumber
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetAutoBoostedClocksEnabled(
    _ device: nvmlDevice_t?, _ isEnabled: EnableState, _ isDefault: EnableState
) -> nvmlReturn_t { unknown(device) }

// MARK: - Activity

@c @implementation
public func nvmlDeviceGetEncoderUtilization(
    _ device: nvmlDevice_t?, _ percent: Number, _ microseconds: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetDecoderUtilization(
    _ device: nvmlDevice_t?, _ percent: Number, _ microseconds: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetJpgUtilization(
    _ device: nvmlDevice_t?, _ percent: Number, _ microseconds: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetOfaUtilization(
    _ device: nvmlDevice_t?, _ percent: Number, _ microseconds: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetEncoderStats(
    _ device: nvmlDevice_t?, _ sessions: Number, _ framesPerSecond: Number, _ microseconds: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetFBCStats(
    _ device: nvmlDevice_t?, _ statistics: UnsafeMutableRawPointer?
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetSamples(
    _ device: nvmlDevice_t?, _ kind: nvml_u32, _ lastSeen: nvml_u64, _ valueType: Number, _ count: Number,
    _ samples: UnsafeMutableRawPointer?
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetProcessUtilization(
    _ device: nvmlDevice_t?, _ samples: UnsafeMutablePointer<nvmlProcessUtilizationSample_t>?, _ count: Number,
    _ lastSeen: nvml_u64
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetAccountingMode(
    _ device: nvmlDevice_t?, _ mode: EnableState
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetAccountingBufferSize(
    _ device: nvmlDevice_t?, _ size: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetAccountingPids(
    _ device: nvmlDevice_t?, _ count: Number, _ pids: Number
) -> nvmlReturn_t { unknown(device) }

// MARK: - The bus

@c @implementation
public func nvmlDeviceGetCurrPcieLinkGeneration(
    _ device: nvmlDevice_t?, _ generation: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetMaxPcieLinkGeneration(
    _ device: nvmlDevice_t?, _ generation: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetGpuMaxPcieLinkGeneration(
    _ device: nvmlDevice_t?, _ generation: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetCurrPcieLinkWidth(
    _ device: nvmlDevice_t?, _ width: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetMaxPcieLinkWidth(
    _ device: nvmlDevice_t?, _ width: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetPcieReplayCounter(
    _ device: nvmlDevice_t?, _ count: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetPcieThroughput(
    _ device: nvmlDevice_t?, _ direction: nvml_u32, _ kilobytes: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetBridgeChipInfo(
    _ device: nvmlDevice_t?, _ hierarchy: UnsafeMutableRawPointer?
) -> nvmlReturn_t { unknown(device) }

// MARK: - The board and its firmware

@c @implementation
public func nvmlDeviceGetBrand(_ device: nvmlDevice_t?, _ brand: Number) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetBoardId(_ device: nvmlDevice_t?, _ id: Number) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetBoardPartNumber(
    _ device: nvmlDevice_t?, _ number: Characters, _ length: nvml_u32
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetMultiGpuBoard(
    _ device: nvmlDevice_t?, _ isMultiGpu: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetModuleId(_ device: nvmlDevice_t?, _ id: Number) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetVbiosVersion(
    _ device: nvmlDevice_t?, _ version: Characters, _ length: nvml_u32
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetInforomImageVersion(
    _ device: nvmlDevice_t?, _ version: Characters, _ length: nvml_u32
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetInforomVersion(
    _ device: nvmlDevice_t?, _ object: nvml_u32, _ version: Characters, _ length: nvml_u32
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceValidateInforom(_ device: nvmlDevice_t?) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetLastBBXFlushTime(
    _ device: nvmlDevice_t?, _ time: LongNumber, _ microseconds: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetGspFirmwareMode(
    _ device: nvmlDevice_t?, _ isEnabled: Number, _ isDefault: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetGspFirmwareVersion(
    _ device: nvmlDevice_t?, _ version: Characters
) -> nvmlReturn_t { unknown(device) }

// MARK: - What a machine would have to be set up for

@c @implementation
public func nvmlDeviceGetGpuOperationMode(
    _ device: nvmlDevice_t?, _ current: Number, _ pending: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetHostVgpuMode(
    _ device: nvmlDevice_t?, _ mode: Number
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetGridLicensableFeatures_v4(
    _ device: nvmlDevice_t?, _ features: UnsafeMutableRawPointer?
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetConfComputeProtectedMemoryUsage(
    _ device: nvmlDevice_t?, _ memory: UnsafeMutablePointer<nvmlMemory_t>?
) -> nvmlReturn_t { unknown(device) }

@c @implementation
public func nvmlDeviceGetGpuFabricInfo(
    _ device: nvmlDevice_t?, _ fabric: UnsafeMutableRawPointer?
) -> nvmlReturn_t { unknown(device) }
