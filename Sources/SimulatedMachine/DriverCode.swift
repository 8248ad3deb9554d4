/// A return code of the driver's library, with the name programs use and the text it shows to people.
///
/// The rules of the machine refuse with one of these, and faults are written with them.
package struct DriverCode: RawRepresentable, Error, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let success = DriverCode(rawValue: 0)
    package static let uninitialized = DriverCode(rawValue: 1)
    package static let invalidArgument = DriverCode(rawValue: 2)
    package static let notSupported = DriverCode(rawValue: 3)
    package static let noPermission = DriverCode(rawValue: 4)
    package static let notFound = DriverCode(rawValue: 6)
    package static let insufficientSize = DriverCode(rawValue: 7)
    package static let driverNotLoaded = DriverCode(rawValue: 9)
    package static let timeout = DriverCode(rawValue: 10)
    package static let functionNotFound = DriverCode(rawValue: 13)
    package static let gpuIsLost = DriverCode(rawValue: 15)
    package static let resetRequired = DriverCode(rawValue: 16)
    package static let operatingSystem = DriverCode(rawValue: 17)
    package static let inUse = DriverCode(rawValue: 19)
    package static let insufficientResources = DriverCode(rawValue: 23)
    package static let argumentVersionMismatch = DriverCode(rawValue: 25)
    package static let unknown = DriverCode(rawValue: 999)

    /// The name without its prefix, `IN_USE`, or the number where there is none.
    package var name: String { Self.table[rawValue]?.name ?? String(rawValue) }

    /// The library's own sentence; codes whose sentence is not public share that of UNKNOWN.
    package var text: String { Self.table[rawValue]?.text ?? "Unknown Error" }

    package var description: String { name }

    /// Reads `IN_USE`, `NVML_ERROR_IN_USE` or `19`; anything that is no code of the library is nil.
    package init?(_ text: String) {
        var word = text.uppercased()
        for prefix in ["NVML_ERROR_", "NVML_"] where word.hasPrefix(prefix) { word.removeFirst(prefix.utf8.count) }
        guard
            let entry = Self.table.first(where: { $0.value.name.utf8.elementsEqual(word.utf8) })
                ?? Int32(word).flatMap({ number in Self.table.first { $0.key == number } })
        else { return nil }
        rawValue = entry.key
    }

    private static let table: [Int32: (name: String, text: String?)] = [
        0: ("SUCCESS", "Success"),
        1: ("UNINITIALIZED", "Uninitialized"),
        2: ("INVALID_ARGUMENT", "Invalid Argument"),
        3: ("NOT_SUPPORTED", "Not Supported"),
        4: ("NO_PERMISSION", "Insufficient Permissions"),
        5: ("ALREADY_INITIALIZED", "Already Initialized"),
        6: ("NOT_FOUND", "Not Found"),
        7: ("INSUFFICIENT_SIZE", "Insufficient Size"),
        8: ("INSUFFICIENT_POWER", "Insufficient External Power"),
        9: ("DRIVER_NOT_LOADED", "Driver Not Loaded"),
        10: ("TIMEOUT", "Timeout"),
        11: ("IRQ_ISSUE", "Interrupt Request Issue"),
        12: ("LIBRARY_NOT_FOUND", "NVML Shared Library Not Found"),
        13: ("FUNCTION_NOT_FOUND", "Function Not Found"),
        14: ("CORRUPTED_INFOROM", "Corrupted infoROM"),
        15: ("GPU_IS_LOST", "GPU is lost"),
        16: ("RESET_REQUIRED", "GPU requires restart"),
        17: ("OPERATING_SYSTEM", "The operating system has blocked the request."),
        18: ("LIB_RM_VERSION_MISMATCH", "RM has detected an NVML/RM version mismatch."),
        19: ("IN_USE", "In use by another client"),
        20: ("MEMORY", "Insufficient Memory"),
        21: ("NO_DATA", nil),
        22: ("VGPU_ECC_NOT_SUPPORTED", nil),
        23: ("INSUFFICIENT_RESOURCES", "Insufficient Resources"),
        24: ("FREQ_NOT_SUPPORTED", nil),
        25: ("ARGUMENT_VERSION_MISMATCH", nil),
        26: ("DEPRECATED", nil),
        27: ("NOT_READY", nil),
        28: ("GPU_NOT_FOUND", nil),
        29: ("INVALID_STATE", nil),
        30: ("RESET_TYPE_NOT_SUPPORTED", nil),
        999: ("UNKNOWN", "Unknown Error"),
    ]

    /// Every code of the library, in order.
    package static var all: [DriverCode] { table.keys.sorted().map(DriverCode.init(rawValue:)) }
}
