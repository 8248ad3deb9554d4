internal import CCap

/// A right of the kernel's that this product asks for or asks about.
package enum Capability: Int32, CaseIterable, Sendable, CustomStringConvertible {
    /// What the driver demands of whoever changes instances and modes.
    case sysAdmin = 21
    /// To make device nodes; CAP_SYS_ADMIN does not include it.
    case mknod = 27
    /// To send signals to processes of other users.
    case kill = 5
    /// To take rights out of the bounding set.
    case setpcap = 8

    package var description: String {
        switch self {
        case .sysAdmin: "CAP_SYS_ADMIN"
        case .mknod: "CAP_MKNOD"
        case .kill: "CAP_KILL"
        case .setpcap: "CAP_SETPCAP"
        }
    }

    var value: cap_value_t { rawValue }
}
