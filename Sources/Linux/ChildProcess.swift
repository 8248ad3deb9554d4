internal import CLinux
internal import Glibc

/// How a program ended.
package enum ExitStatus: Hashable, Sendable {
    case exited(Int32)
    case signalled(Int32)

    init(waitStatus status: Int32) {
        let signal = status & 0x7F
        self = signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
    }

    /// As shells tell it: the exit code, or 128 and the signal's number.
    package var shellCode: Int32 {
        switch self {
        case .exited(let code): code
        case .signalled(let signal): 128 + signal
        }
    }
}

/// A program that this process started; its owner waits for it.
package struct ChildProcess: ~Copyable, Sendable {
    package let pid: Int32

    /// What the program gets as standard input, output and error; nil is `/dev/null`.
    package struct Streams: Sendable {
        package let input: Int32?
        package let output: Int32?
        package let error: Int32?

        package init(input: Int32?, output: Int32?, error: Int32?) {
            self.input = input
            self.output = output
            self.error = error
        }

        /// Those of this process.
        package static let inherited = Streams(input: 0, output: 1, error: 2)
    }

    /// Starts a program by path, or by name along PATH where there is no slash. `posix_spawnp(3)`
    ///
    /// No descriptor but the three streams reaches it, all signals are unblocked and have their default action.
    package init(
        _ path: String, arguments: [String], environment: [String], streams: Streams
    ) throws(SystemError) {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        // SAFETY: both are initialised before use and destroyed after, and live through posix_spawnp.
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        for (number, stream) in [streams.input, streams.output, streams.error].enumerated() {
            if let stream {
                unsafe posix_spawn_file_actions_adddup2(&actions, stream, Int32(number))
            } else {
                unsafe posix_spawn_file_actions_addopen(&actions, Int32(number), "/dev/null", O_RDWR, 0)
            }
        }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var pid: pid_t = 0
        let code = unsafe CStrings.with([path] + arguments) { argv in
            unsafe CStrings.with(environment) { envp in
                unsafe posix_spawnp(&pid, path, &actions, &attributes, argv, envp)
            }
        }
        guard code == 0 else { throw SystemError("posix_spawn", Errno(rawValue: code), path) }
        self.pid = pid
    }

    /// Waits for its end. `waitpid(2)`
    package func wait() throws(SystemError) -> ExitStatus {
        var status: Int32 = 0
        let pid = pid
        _ = try checked("waitpid") { unsafe waitpid(pid, &status, 0) }
        return ExitStatus(waitStatus: status)
    }

    /// Its end if it has come, else nil. `waitpid(WNOHANG)`
    package func poll() throws(SystemError) -> ExitStatus? {
        var status: Int32 = 0
        let pid = pid
        guard try checked("waitpid", "", { unsafe waitpid(pid, &status, WNOHANG) }) != 0 else { return nil }
        return ExitStatus(waitStatus: status)
    }

    /// Sends a signal; one that is gone already is no error. `kill(2)`
    package func signal(_ number: Int32) {
        _ = kill(pid, number)
    }
}

/// A pipe's two ends. `pipe2(2)`
package enum Pipe {
    package static func make() throws(SystemError) -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        // SAFETY: the kernel fills exactly two numbers.
        _ = try checked("pipe2") {
            unsafe ends.withUnsafeMutableBufferPointer { unsafe pipe2($0.baseAddress, O_CLOEXEC) }
        }
        return (ends[0], ends[1])
    }
}
