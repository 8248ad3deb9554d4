internal import CLinux
internal import Glibc
package import MIG

/// What this process is and was started with.
package enum CurrentProcess {
    package static var pid: Int32 { getpid() }
    package static var user: UserID { UserID(geteuid()) }
    package static var group: GroupID { GroupID(getegid()) }

    /// The command line without the program's name.
    package static var arguments: [String] { Array(CommandLine.arguments.dropFirst()) }

    /// The path of the running program, links resolved.
    package static func executable() throws(SystemError) -> String {
        try Files.readLink("/proc/self/exe")
    }

    /// The value of an environment variable.
    package static func environment(_ name: String) -> String? {
        // SAFETY: the string is copied before anything else can change the environment.
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// All variables as `NAME=value`.
    package static func environment() -> [String] {
        var all: [String] = []
        guard var entry = unsafe migbroker_environ() else { return all }
        // SAFETY: environ is a nil-terminated array of C strings.
        while let text = unsafe entry.pointee {
            unsafe all.append(String(cString: text))
            unsafe entry += 1
        }
        return all
    }

    /// Forgets the environment and takes this one. To be called before the first thread. `clearenv(3)`, `setenv(3)`
    package static func replaceEnvironment(with variables: [(name: String, value: String)]) throws(SystemError) {
        guard clearenv() == 0 else { throw SystemError("clearenv", Errno.last) }
        for (name, value) in variables {
            _ = try checked("setenv", name) { unsafe setenv(name, value, 1) }
        }
    }

    /// `umask(2)`
    package static func setFileCreationMask(_ mask: UInt32) { _ = umask(mask) }

    /// Makes writes to a closed pipe or socket fail with EPIPE instead of a signal.
    package static func ignoreBrokenPipes() {
        _ = Glibc.signal(SIGPIPE, SIG_IGN)
    }

    /// Ends the process with a status; buffers of stdio are not used, so nothing is lost.
    package static func exit(_ status: Int32) -> Never { Glibc.exit(status) }

    /// Becomes another program in this process; returns only by throwing. `execve(2)`
    package static func execute(
        _ path: String, arguments: [String], environment: [String]
    ) throws(SystemError) -> Never {
        unsafe CStrings.with(arguments) { argv in
            unsafe CStrings.with(environment) { envp in
                // SAFETY: both arrays are nil-terminated and live through the call.
                _ = unsafe execve(path, argv, envp)
            }
        }
        throw SystemError("execve", Errno.last, path)
    }
}

/// Nil-terminated arrays of C strings for calls that want them.
enum CStrings {
    static func with<Result>(
        _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        // SAFETY: strdup'ed copies are freed after the body; the array outlives the call.
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("the array holds at least its nil") }
            return unsafe body(base)
        }
    }
}
