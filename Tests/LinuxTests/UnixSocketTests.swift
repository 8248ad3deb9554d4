import Glibc
import TestSupport
import Testing

@testable import Linux

@Suite struct UnixSocketTests {
    @Test(arguments: [0o600, 0o660, 0o666] as [UInt32])
    func `a listener has exactly its mode, whatever the mask`(mode: UInt32) throws {
        let directory = try TemporaryDirectory()
        let listener = try UnixListener(at: directory.path("socket"), mode: mode)
        let attributes = try Files.attributes(directory.path("socket"))
        #expect(attributes.kind == .socket && attributes.mode == mode)
        let client = try listener.accept() == nil
        #expect(client)
    }

    @Test func `nothing is bound over what is there`() throws {
        let directory = try TemporaryDirectory()
        try Files.write(directory.path("file"), [1])
        let error = #expect(throws: SystemError.self) { _ = try UnixListener(at: directory.path("file"), mode: 0o600) }
        #expect(error?.code == .addressInUse)
        #expect(try Files.read(directory.path("file")) == [1])
    }

    @Test func `only a socket that nobody listens on is stale`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("socket")
        let absent = try UnixListener.removeStale(at: path)
        #expect(absent)
        do {
            let listener = try UnixListener(at: path, mode: 0o600)
            let isStale = try UnixListener.removeStale(at: path)
            #expect(!isStale && Files.exists(path))
            let waiting = try listener.accept() != nil
            #expect(waiting)
        }
        let isStale = try UnixListener.removeStale(at: path)
        #expect(isStale && !Files.exists(path))
        try Files.write(directory.path("file"), [1])
        #expect(throws: SystemError("unlink", .exists, directory.path("file"))) {
            try UnixListener.removeStale(at: directory.path("file"))
        }
        #expect(Files.exists(directory.path("file")))
    }

    @Test func `only a listening Unix socket is taken over`() throws {
        let directory = try TemporaryDirectory()
        let listener = try UnixListener(at: directory.path("socket"), mode: 0o600)
        let copy = try listener.descriptor.duplicate()
        _ = fcntl(copy.raw, F_SETFD, 0)
        let adopted = try UnixListener(adopting: copy)
        #expect(fcntl(adopted.descriptor.raw, F_GETFD) == FD_CLOEXEC)
        let client = try UnixStream(connectingTo: directory.path("socket"), milliseconds: 1000)
        let accepted = try adopted.accept() != nil
        #expect(accepted)
        let others = [
            try client.descriptor.duplicate().release(), socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0),
            try Files.open("/dev/null", .read).release(),
        ]
        for other in others {
            #expect(throws: SystemError.self) { _ = try UnixListener(adopting: FileDescriptor(owning: other)) }
        }
    }

    @Test(arguments: ["", String(repeating: "x", count: 200), "a\u{0}b"])
    func `a path that no address holds is refused`(path: String) {
        #expect(throws: SystemError.self) { _ = try UnixListener(at: path, mode: 0o600) }
        #expect(throws: SystemError.self) { _ = try UnixStream(connectingTo: path, milliseconds: 10) }
    }

    @Test func `a descriptor sent along is closed, not received`() throws {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let stream = UnixStream(FileDescriptor(owning: ends[1]))
        let sender = FileDescriptor(owning: ends[0])
        let pipe = try Pipe.make()
        let reading = FileDescriptor(owning: pipe.reading)
        #expect(try Descriptors.send(pipe.writing, over: sender.raw) == 1)
        close(pipe.writing)
        var buffer = [UInt8](repeating: 0, count: 16)
        let count = try stream.receive(into: &buffer, upTo: 16)
        #expect(count == 1)
        // Were it open anywhere, the pipe would not be at its end.
        #expect(try reading.read(upTo: 1).isEmpty)
    }

    @Test func `an accepted connection refuses descriptors at the sender where the kernel can`() throws {
        let directory = try TemporaryDirectory()
        let listener = try UnixListener(at: directory.path("socket"), mode: 0o600)
        let client = try UnixStream(connectingTo: directory.path("socket"), milliseconds: 1000)
        guard let server = try listener.accept() else { throw SystemError("accept4", .again) }
        let pipe = try Pipe.make()
        let reading = FileDescriptor(owning: pipe.reading)
        do {
            _ = try Descriptors.send(pipe.writing, over: client.descriptor.raw)
            var buffer = [UInt8](repeating: 0, count: 16)
            let count = try server.receive(into: &buffer, upTo: 16)
            #expect(count == 1)
        } catch let error as SystemError {
            #expect(error.code == .notPermitted)
        }
        close(pipe.writing)
        #expect(try reading.read(upTo: 1).isEmpty)
    }

    @Test func `sending to a peer that is gone is an error, not a signal`() throws {
        try PeerTests.withConnection { client, server in
            client.disconnect()
            #expect(throws: SystemError("send", .brokenPipe)) { try server.send([1], from: 0) }
        }
    }

    @Test func `neither reading nor writing waits`() throws {
        try PeerTests.withConnection { client, server in
            var buffer = [UInt8](repeating: 0, count: 16)
            let nothing = try server.receive(into: &buffer, upTo: 16)
            #expect(nothing == nil)
            #expect(try !server.waitUntil(.read, deadline: Clock.monotonic()))
            let block = [UInt8](repeating: 1, count: 1 << 20)
            var taken = 0
            while let count = try client.send(block, from: 0) { taken += count }
            #expect(taken > 0)
            #expect(try server.waitUntil(.read, deadline: Clock.monotonic()))
        }
    }
}

/// Sends a descriptor along with one byte, as an attacker would.
enum Descriptors {
    static func send(_ descriptor: Int32, over socket: Int32) throws -> Int {
        // A cmsghdr of 16 bytes, one int, and padding to 8.
        var control = [UInt8](repeating: 0, count: 24)
        control.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: 20, as: Int.self)
            bytes.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
            bytes.storeBytes(of: Int32(1), toByteOffset: 12, as: Int32.self)  // SCM_RIGHTS
            bytes.storeBytes(of: descriptor, toByteOffset: 16, as: Int32.self)
        }
        var byte: UInt8 = 0
        let sent = control.withUnsafeMutableBytes { bytes in
            withUnsafeMutableBytes(of: &byte) { data in
                var part = iovec(iov_base: data.baseAddress, iov_len: 1)
                return withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr(
                        msg_name: nil, msg_namelen: 0, msg_iov: part, msg_iovlen: 1, msg_control: bytes.baseAddress,
                        msg_controllen: bytes.count, msg_flags: 0)
                    return sendmsg(socket, &message, 0)
                }
            }
        }
        guard sent >= 0 else { throw SystemError("sendmsg", Errno(rawValue: errno)) }
        return sent
    }
}
