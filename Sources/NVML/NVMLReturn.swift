internal import CNVML

/// What the driver's library answered to a call.
package enum NVMLReturn: Hashable, Sendable, CustomStringConvertible {
    case success
    case uninitialized
    case invalidArgument
    case notSupported
    case noPermission
    case alreadyInitialized
    case notFound
    case insufficientSize
    case insufficientPower
    case driverNotLoaded
    case timeout
    case irqIssue
    case libraryNotFound
    case functionNotFound
    case corruptedInfoROM
    case gpuIsLost
    case resetRequired
    case operatingSystem
    case versionMismatch
    case inUse
    case memory
    case noData
    case vgpuECCNotSupported
    case insufficientResources
    case frequencyNotSupported
    case argumentVersionMismatch
    case deprecated
    case notReady
    case gpuNotFound
    case invalidState
    case resetTypeNotSupported
    /// `NVML_ERROR_UNKNOWN`: the library itself does not know.
    case unspecified
    /// A number that this program does not know.
    case unknown(UInt32)

    /// The number as the audit record has it.
    package var code: UInt32 {
        if case .unknown(let code) = self { return code }
        return entry.code.rawValue
    }

    /// The C constant without its prefix, `IN_USE`.
    package var name: String {
        if case .unknown(let code) = self { return "code \(code)" }
        return entry.name
    }

    /// The sentence that the driver's own tools print.
    package var text: String {
        if case .unknown(let code) = self { return "Unknown code \(code)" }
        return entry.text
    }

    package var description: String { "\(text) (\(name))" }

    /// The answer of a number, as an audit record has it.
    package init(code: UInt32) {
        self = Self.byCode[code] ?? .unknown(code)
    }

    init(_ code: nvmlReturn_t) { self.init(code: code.rawValue) }

    private typealias Entry = (value: NVMLReturn, code: nvmlReturn_t, name: String, text: String)

    private var entry: Entry {
        guard let entry = Self.byValue[self] else { preconditionFailure("\(self) is not in the table of codes") }
        return entry
    }

    private static let byCode = Dictionary(uniqueKeysWithValues: table.map { ($0.code.rawValue, $0.value) })
    private static let byValue = Dictionary(uniqueKeysWithValues: table.map { ($0.value, $0) })

    // `facts/nvml.md` 2.4; where the driver's text is not known, ours.
    private static let table: [Entry] = [
        (.success, NVML_SUCCESS, "SUCCESS", "Success"),
        (.uninitialized, NVML_ERROR_UNINITIALIZED, "UNINITIALIZED", "Uninitialized"),
        (.invalidArgument, NVML_ERROR_INVALID_ARGUMENT, "INVALID_ARGUMENT", "Invalid Argument"),
        (.notSupported, NVML_ERROR_NOT_SUPPORTED, "NOT_SUPPORTED", "Not Supported"),
        (.noPermission, NVML_ERROR_NO_PERMISSION, "NO_PERMISSION", "Insufficient Permissions"),
        (.alreadyInitialized, NVML_ERROR_ALREADY_INITIALIZED, "ALREADY_INITIALIZED", "Already Initialized"),
        (.notFound, NVML_ERROR_NOT_FOUND, "NOT_FOUND", "Not Found"),
        (.insufficientSize, NVML_ERROR_INSUFFICIENT_SIZE, "INSUFFICIENT_SIZE", "Insufficient Size"),
        (.insufficientPower, NVML_ERROR_INSUFFICIENT_POWER, "INSUFFICIENT_POWER", "Insufficient External Power"),
        (.driverNotLoaded, NVML_ERROR_DRIVER_NOT_LOADED, "DRIVER_NOT_LOADED", "Driver Not Loaded"),
        (.timeout, NVML_ERROR_TIMEOUT, "TIMEOUT", "Timeout"),
        (.irqIssue, NVML_ERROR_IRQ_ISSUE, "IRQ_ISSUE", "Interrupt Request Issue"),
        (.libraryNotFound, NVML_ERROR_LIBRARY_NOT_FOUND, "LIBRARY_NOT_FOUND", "NVML Shared Library Not Found"),
        (.functionNotFound, NVML_ERROR_FUNCTION_NOT_FOUND, "FUNCTION_NOT_FOUND", "Function Not Found"),
        (.corruptedInfoROM, NVML_ERROR_CORRUPTED_INFOROM, "CORRUPTED_INFOROM", "Corrupted infoROM"),
        (.gpuIsLost, NVML_ERROR_GPU_IS_LOST, "GPU_IS_LOST", "GPU is lost"),
        (.resetRequired, NVML_ERROR_RESET_REQUIRED, "RESET_REQUIRED", "GPU requires restart"),
        (
            .operatingSystem, NVML_ERROR_OPERATING_SYSTEM, "OPERATING_SYSTEM",
            "The operating system has blocked the request."
        ),
        (
            .versionMismatch, NVML_ERROR_LIB_RM_VERSION_MISMATCH, "LIB_RM_VERSION_MISMATCH",
            "RM has detected an NVML/RM version mismatch."
        ),
        (.inUse, NVML_ERROR_IN_USE, "IN_USE", "In use by another client"),
        (.memory, NVML_ERROR_MEMORY, "MEMORY", "Insufficient Memory"),
        (.noData, NVML_ERROR_NO_DATA, "NO_DATA", "No data"),
        (
            .vgpuECCNotSupported, NVML_ERROR_VGPU_ECC_NOT_SUPPORTED, "VGPU_ECC_NOT_SUPPORTED",
            "Not available for a vGPU while ECC is on"
        ),
        (
            .insufficientResources, NVML_ERROR_INSUFFICIENT_RESOURCES, "INSUFFICIENT_RESOURCES",
            "Insufficient Resources"
        ),
        (
            .frequencyNotSupported, NVML_ERROR_FREQ_NOT_SUPPORTED, "FREQ_NOT_SUPPORTED",
            "Frequency not supported"
        ),
        (
            .argumentVersionMismatch, NVML_ERROR_ARGUMENT_VERSION_MISMATCH, "ARGUMENT_VERSION_MISMATCH",
            "Argument version mismatch"
        ),
        (.deprecated, NVML_ERROR_DEPRECATED, "DEPRECATED", "Deprecated"),
        (.notReady, NVML_ERROR_NOT_READY, "NOT_READY", "Not ready"),
        (.gpuNotFound, NVML_ERROR_GPU_NOT_FOUND, "GPU_NOT_FOUND", "No GPUs found"),
        (.invalidState, NVML_ERROR_INVALID_STATE, "INVALID_STATE", "Invalid state"),
        (
            .resetTypeNotSupported, NVML_ERROR_RESET_TYPE_NOT_SUPPORTED, "RESET_TYPE_NOT_SUPPORTED",
            "Reset type not supported"
        ),
        (.unspecified, NVML_ERROR_UNKNOWN, "UNKNOWN", "Unknown Error"),
    ]
}
