internal import Glibc

/// Why rights could not be given up, or not be told.
package enum PrivilegeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A right that is to be kept is not there to keep.
    case notHeld(Capability)
    /// Rights belong to threads: dropping them while others run would leave those with all.
    case severalThreads(Int)
    /// A call failed, with the kernel's number.
    case call(String, errno: Int32)
    /// The kernel shows afterwards that something is not as it was set.
    case notDropped(String)

    package var description: String {
        switch self {
        case .notHeld(let capability): "this process does not hold \(capability)"
        case .severalThreads(let count): "rights must be dropped before the first thread, and there are \(count)"
        case .call(let name, let code):
            // SAFETY: strerror's text is copied before any other call of this thread could change it.
            "\(name): \(unsafe String(cString: strerror(code)))"
        case .notDropped(let what): "rights were dropped, but \(what)"
        }
    }
}
