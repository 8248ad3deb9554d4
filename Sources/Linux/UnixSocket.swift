internal import CLinux
internal import Glibc

/// A listening stream socket in the file system.
package struct UnixListener: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    /// Connections that wait to be accepted. One user can keep it full, and who comes anew has all of it before him: a
    /// long one serves nobody. The socket unit says the same.
    private static let backlog: Int32 = 128

    /// Makes a socket at a path where nothing is, with exactly this mode, and listens. `bind(2)`, `listen(2)`
    ///
    /// Nobody can connect before the mode is right: the socket listens last.
    package init(at path: String, mode: UInt32) throws(SystemError) {
        let descriptor = try UnixSocket.make()
        let raw = descriptor.raw
        // SAFETY: the address lives through the closure.
        try unsafe UnixSocket.withAddress(of: path) { address, length throws(SystemError) in
            _ = try checked("bind", path) { unsafe bind(raw, address, length) }
        }
        try Files.setMode(path, mode)
        _ = try checked("listen", path) { listen(raw, Self.backlog) }
        UnixSocket.refuseDescriptors(raw)
        self.descriptor = descriptor
    }

    /// Takes over a socket that somebody else made, as systemd does; anything but a listening Unix stream socket is
    /// `EINVAL`.
    package init(adopting descriptor: consuming FileDescriptor) throws(SystemError) {
        let raw = descriptor.raw
        guard try UnixSocket.option(SO_DOMAIN, of: raw) == AF_UNIX,
            try UnixSocket.option(SO_TYPE, of: raw) == Int32(SOCK_STREAM.rawValue),
            try UnixSocket.option(SO_ACCEPTCONN, of: raw) == 1
        else { throw SystemError("listen", .invalid, "descriptor \(raw)") }
        // A passed descriptor crosses exec on purpose, once; from here on it must not.
        _ = try checked("fcntl") { fcntl(raw, F_SETFD, FD_CLOEXEC) }
        let flags = try checked("fcntl") { fcntl(raw, F_GETFL) }
        _ = try checked("fcntl") { fcntl(raw, F_SETFL, flags | O_NONBLOCK) }
        UnixSocket.refuseDescriptors(raw)
        self.descriptor = descriptor
    }

    /// Removes a socket that a process left behind when it died.
    ///
    /// - Returns: false where somebody listens there, and nothing was removed. What is no socket is `EEXIST`.
    package static func removeStale(at path: String) throws(SystemError) -> Bool {
        do throws(SystemError) {
            guard try Files.attributes(path).kind == .socket else { throw SystemError("unlink", .exists, path) }
            _ = try UnixStream(connectingTo: path, milliseconds: 1000)
            return false
        } catch  where error.code == .connectionRefused {
            try Files.remove(path)
            return true
        } catch  where error.code == .notFound {
            return true
        }
    }

    /// Waits until somebody wants to connect. `poll(2)`
    ///
    /// - Returns: false when a moment of `Clock.monotonic` came first; nil is forever.
    package func waitForConnection(deadline: Int64?) throws(SystemError) -> Bool {
        try UnixSocket.wait(descriptor.raw, Int16(POLLIN), until: deadline)
    }

    /// The next connection, non-blocking; nil where nobody waits. `accept4(2)`
    ///
    /// The client's own address is not even asked for: a client can put any text there. That descriptors are refused
    /// is inherited from the listener.
    package func accept() throws(SystemError) -> UnixStream? {
        let raw = descriptor.raw
        do throws(SystemError) {
            let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
            let accepted = try checked("accept4") { accept4(raw, nil, nil, flags) }
            return UnixStream(FileDescriptor(owning: accepted))
        } catch  where error.code == .again || error.code.rawValue == ECONNABORTED {
            return nil
        }
    }
}

/// One connected end. Nothing here ever gives the kernel a control buffer, so descriptors that the peer sends along
/// are closed by the kernel and never reach this process.
package struct UnixStream: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// Connects to a listener; a full backlog is waited out for at most this long. `connect(2)`
    package init(connectingTo path: String, milliseconds: Int) throws(SystemError) {
        let descriptor = try UnixSocket.make()
        try Self.connect(descriptor.raw, to: path, until: Clock.monotonic() + Int64(milliseconds) * 1_000_000)
        self.descriptor = descriptor
    }

    private static func connect(_ raw: Int32, to path: String, until deadline: Int64) throws(SystemError) {
        while true {
            do throws(SystemError) {
                // SAFETY: the address lives through the closure.
                return try unsafe UnixSocket.withAddress(of: path) { address, length throws(SystemError) in
                    _ = try checked("connect", path) { unsafe Glibc.connect(raw, address, length) }
                }
            } catch  where error.code == .again {
                // The kernel tells nobody when a backlog has room again.
                guard Clock.monotonic() < deadline else { throw SystemError("connect", .timedOut, path) }
                Clock.sleep(milliseconds: 5)
            }
        }
    }

    /// Puts what has come at the start of a buffer, at most so many bytes; does not wait. `recv(2)`
    ///
    /// - Returns: how many bytes came; 0 where the peer will send no more, nil where there is nothing yet.
    package func receive(into buffer: inout [UInt8], upTo count: Int) throws(SystemError) -> Int? {
        let raw = descriptor.raw
        do throws(SystemError) {
            return try checked("recv") {
                unsafe buffer.withUnsafeMutableBytes { room in
                    // SAFETY: the kernel writes at most as many bytes as the array holds.
                    unsafe recv(raw, room.baseAddress, min(count, room.count), Self.flags)
                }
            }
        } catch  where error.code == .again {
            return nil
        }
    }

    /// Sends what the kernel takes of the bytes from an index on; does not wait, and raises no SIGPIPE. `send(2)`
    ///
    /// - Returns: how many bytes it took; nil where the peer must read first.
    package func send(_ bytes: [UInt8], from start: Int) throws(SystemError) -> Int? {
        let raw = descriptor.raw
        do throws(SystemError) {
            return try checked("send") {
                unsafe bytes.withUnsafeBytes { all in
                    // SAFETY: the part from `start` on is inside the array, which lives through the call.
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: all[start...])
                    return unsafe Glibc.send(raw, rest.baseAddress, rest.count, Self.flags | Int32(MSG_NOSIGNAL))
                }
            }
        } catch  where error.code == .again {
            return nil
        }
    }

    /// Waits until the stream can be read, or written, or is broken. `poll(2)`
    ///
    /// - Returns: false when a moment of `Clock.monotonic` came first; nil is forever.
    package func waitUntil(_ readiness: EventLoop.Readiness, deadline: Int64?) throws(SystemError) -> Bool {
        try UnixSocket.wait(descriptor.raw, Int16(truncatingIfNeeded: readiness.rawValue), until: deadline)
    }

    /// Ends the connection for the peer at once, before the descriptor is closed. `shutdown(SHUT_RDWR)`
    package func disconnect() {
        // The only failure is that the connection has ended already.
        _ = shutdown(descriptor.raw, Int32(SHUT_RDWR))
    }

    private static let flags = Int32(MSG_DONTWAIT)
}

/// The raw calls that listeners, streams and peers share.
enum UnixSocket {
    static let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)

    static func make() throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try checked("socket") { socket(AF_UNIX, kind, 0) })
    }

    static func withAddress(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
    ) throws(SystemError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard bytes.count < capacity else { throw SystemError("bind", .nameTooLong, path) }
        guard !bytes.isEmpty, !bytes.contains(0) else { throw SystemError("bind", .invalid, path) }
        // SAFETY: the path and its NUL fit, and the address lives through the body.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        try unsafe withUnsafePointer(to: &address) { pointer throws(SystemError) in
            try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic throws(SystemError) in
                try unsafe body(generic, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    static func option(_ name: Int32, of raw: Int32) throws(SystemError) -> Int32 {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        // SAFETY: the kernel writes at most `length` bytes, one Int32.
        _ = try checked("getsockopt") { unsafe getsockopt(raw, SOL_SOCKET, name, &value, &length) }
        return value
    }

    /// Has the kernel refuse descriptors at the sender where it can (Linux 6.16). Elsewhere it closes them on receipt,
    /// so a kernel that does not know the option loses nothing but the early error.
    static func refuseDescriptors(_ raw: Int32) {
        var off: Int32 = 0
        // SAFETY: the kernel reads one Int32.
        unsafe setsockopt(
            raw, SOL_SOCKET, Int32(migbroker_SO_PASSRIGHTS), &off, socklen_t(MemoryLayout<Int32>.size))
    }

    static func wait(_ raw: Int32, _ events: Int16, until deadline: Int64?) throws(SystemError) -> Bool {
        while true {
            let rest = deadline.map { max(0, $0 - Clock.monotonic()) }
            let milliseconds = rest.map { Int32(clamping: ($0 + 999_999) / 1_000_000) } ?? -1
            var request = pollfd(fd: raw, events: events, revents: 0)
            // SAFETY: one entry, which lives through the call.
            let count = unsafe poll(&request, 1, milliseconds)
            let code = Errno.last
            if count > 0 { return true }
            if count < 0, code != .interrupted { throw SystemError("poll", code) }
            if rest == 0 { return false }
        }
    }
}
