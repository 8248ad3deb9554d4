internal import CLinux
internal import Glibc

/// An error number of the kernel, with the name that manuals and `strace` give it.
package struct Errno: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let notPermitted = Errno(rawValue: EPERM)
    package static let notFound = Errno(rawValue: ENOENT)
    package static let noSuchProcess = Errno(rawValue: ESRCH)
    package static let interrupted = Errno(rawValue: EINTR)
    package static let io = Errno(rawValue: EIO)
    package static let noDevice = Errno(rawValue: ENXIO)
    package static let badDescriptor = Errno(rawValue: EBADF)
    package static let again = Errno(rawValue: EAGAIN)
    package static let outOfMemory = Errno(rawValue: ENOMEM)
    package static let access = Errno(rawValue: EACCES)
    package static let busy = Errno(rawValue: EBUSY)
    package static let exists = Errno(rawValue: EEXIST)
    package static let notDirectory = Errno(rawValue: ENOTDIR)
    package static let isDirectory = Errno(rawValue: EISDIR)
    package static let invalid = Errno(rawValue: EINVAL)
    package static let tooManyFiles = Errno(rawValue: EMFILE)
    package static let tooManyFilesInSystem = Errno(rawValue: ENFILE)
    package static let fileTooBig = Errno(rawValue: EFBIG)
    package static let noSpace = Errno(rawValue: ENOSPC)
    package static let readOnly = Errno(rawValue: EROFS)
    package static let brokenPipe = Errno(rawValue: EPIPE)
    package static let range = Errno(rawValue: ERANGE)
    package static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
    package static let notImplemented = Errno(rawValue: ENOSYS)
    package static let tooManyLinks = Errno(rawValue: ELOOP)
    package static let noData = Errno(rawValue: ENODATA)
    package static let notSupported = Errno(rawValue: EOPNOTSUPP)
    package static let addressInUse = Errno(rawValue: EADDRINUSE)
    package static let connectionReset = Errno(rawValue: ECONNRESET)
    package static let notConnected = Errno(rawValue: ENOTCONN)
    package static let connectionRefused = Errno(rawValue: ECONNREFUSED)
    package static let timedOut = Errno(rawValue: ETIMEDOUT)
    package static let messageTooLong = Errno(rawValue: EMSGSIZE)
    package static let quota = Errno(rawValue: EDQUOT)

    /// The number that the last failed call of this thread left; read it on the next line, once.
    static var last: Errno { Errno(rawValue: Glibc.errno) }

    /// The symbol, `EACCES`; the number where glibc has none.
    package var name: String {
        // SAFETY: glibc returns a static string, or nil for a number it does not know.
        unsafe strerrorname_np(rawValue).map { unsafe String(cString: $0) } ?? "errno \(rawValue)"
    }

    /// The sentence, `Permission denied`.
    package var message: String {
        // SAFETY: glibc returns a static string, or nil for a number it does not know.
        unsafe strerrordesc_np(rawValue).map { unsafe String(cString: $0) } ?? "Unknown error"
    }

    package var description: String { "\(message) (\(name))" }
}

/// A call to the kernel or to libc that failed: which, on what, and why.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The C function's name.
    package let call: String
    package let code: Errno
    /// What it was called on, a path as a rule; may be empty.
    package let subject: String

    package init(_ call: String, _ code: Errno, _ subject: String = "") {
        self.call = call
        self.code = code
        self.subject = subject
    }

    package var description: String { subject.isEmpty ? "\(call): \(code)" : "\(call) \(subject): \(code)" }
}

/// Runs a call that reports failure by -1, again while a signal interrupts it; the only place that knows EINTR.
///
/// - Returns: the call's result, never -1.
func checked<Result: FixedWidthInteger>(
    _ call: String, _ subject: String = "", _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        let code = Errno.last
        if result != -1 { return result }
        if code != .interrupted { throw SystemError(call, code, subject) }
    }
}
