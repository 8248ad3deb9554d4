internal import CLinux
internal import Glibc

/// What systemd hands a service, and what it likes to hear. (sd_listen_fds(3), sd_notify(3))
package enum ServiceManager {
    /// A socket that was passed at start.
    package struct Passed: Sendable {
        package let descriptor: Int32
        package let name: String
    }

    /// The descriptors passed to this very process; empty where there are none.
    ///
    /// They are made close-on-exec here. To be asked before the environment is replaced.
    package static func passedDescriptors() -> [Passed] {
        guard CurrentProcess.environment("LISTEN_PID").flatMap({ Int32($0) }) == CurrentProcess.pid,
            let count = CurrentProcess.environment("LISTEN_FDS").flatMap({ Int32($0) }), (1...64).contains(count)
        else { return [] }
        let names = (CurrentProcess.environment("LISTEN_FDNAMES") ?? "").split(
            separator: ":", omittingEmptySubsequences: false)
        return (0..<count).map { index in
            let descriptor = 3 + index
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            return Passed(descriptor: descriptor, name: index < names.count ? String(names[Int(index)]) : "")
        }
    }

    /// Tells the service manager how things are; without one, nothing happens.
    ///
    /// To a manager that does not listen there is nothing to be said, so no failure matters.
    package static func notify(_ state: String, socket path: String?) {
        guard let path, !path.isEmpty, path.utf8.count < 108 else { return }
        let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
        guard socket >= 0 else { return }
        defer { _ = close(socket) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: the path was checked to fit with its NUL; a leading @ stands for an abstract name.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            unsafe buffer.copyBytes(from: path.utf8)
            if path.utf8.first == UInt8(ascii: "@") { unsafe buffer[0] = 0 }
        }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.utf8.count)
        let bytes = Array(state.utf8)
        // SAFETY: address and bytes live through the call.
        _ = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                unsafe bytes.withUnsafeBytes { data in
                    unsafe sendto(socket, data.baseAddress, data.count, Int32(MSG_NOSIGNAL), name, length)
                }
            }
        }
    }
}
