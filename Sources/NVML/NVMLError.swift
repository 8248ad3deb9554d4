package import Linux
package import MIG

/// Why the driver could not be asked, or did not do what it was asked.
package indirect enum NVMLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no library at any of the places where it may be.
    case libraryNotFound(tried: [String])
    /// The library is there, but somebody other than root could have put it there or could change it.
    case unsafeLibrary(SafePathError)
    /// The loader refused the library; its words.
    case libraryUnusable(path: String, reason: String)
    /// The library lacks a function without which nothing works; all spellings that were looked for.
    case symbolMissing([String])
    /// The library is there, the kernel module is not.
    case driverNotLoaded
    case noSuchGPU(GPUUUID)
    /// A function of the library failed.
    case call(String, NVMLReturn)
    /// A function reported success with an answer that cannot be.
    case nonsense(call: String, answer: String)
    /// Something was reported as done, and looking shows that it was not; `found` is what is there instead.
    case notDone(call: String, found: String)
    /// An instance was reported as made or a mode as changed, and looking at it failed: it is so, or it is not.
    case unconfirmed(NVMLError)

    /// The library's code, where there is one.
    package var code: NVMLReturn? {
        switch self {
        case .call(_, let code): code
        case .driverNotLoaded: .driverNotLoaded
        case .unconfirmed(let error): error.code
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .libraryNotFound(let tried):
            "the driver's library libnvidia-ml.so.1 is not installed (looked for \(tried.joined(separator: ", ")))"
        case .unsafeLibrary(let error):
            "the driver's library may not be trusted: \(error)"
        case .libraryUnusable(let path, let reason):
            "the driver's library \(path) cannot be loaded: \(reason)"
        case .symbolMissing(let names):
            "the driver's library has no function \(names.joined(separator: " or ")): it is too old for MIG"
        case .driverNotLoaded:
            "the NVIDIA kernel driver is not loaded (the library is there, the module is not)"
        case .noSuchGPU(let uuid): "there is no GPU \(uuid)"
        case .call(let name, let code): "\(name): \(code)"
        case .nonsense(let call, let answer): "\(call) reported success, but its answer cannot be: \(answer)"
        case .notDone(let call, let found): "\(call) reported success, but \(found)"
        case .unconfirmed(let error): "what was made or changed could not be looked at: \(error)"
        }
    }
}
