package import Linux

/// Why a simulated machine could not be read or changed.
package enum MachineError: Error, Sendable, CustomStringConvertible {
    /// There is no machine in the directory.
    case absent(directory: String)
    /// A file of the machine is not what the machine wrote.
    case damaged(path: String, StateDamage)
    /// The machine's own rules refuse.
    case refused(DriverCode)
    case system(SystemError)

    /// What the driver's library answers in such a case.
    package var code: DriverCode {
        switch self {
        case .absent: .driverNotLoaded
        case .damaged: .unknown
        case .refused(let code): code
        case .system(let error):
            // The state belongs to whoever made the machine; who may not write it is told as the kernel would tell him.
            error.code == .access || error.code == .notPermitted ? .noPermission : .operatingSystem
        }
    }

    package var description: String {
        switch self {
        case .absent(let directory): "\(directory) holds no simulated machine; 'migsim new' makes one"
        case .damaged(let path, let damage): "\(path) is damaged: \(damage)"
        case .refused(let code): code.text
        case .system(let error): error.description
        }
    }
}
