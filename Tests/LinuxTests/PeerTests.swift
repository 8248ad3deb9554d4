import Glibc
import MIG
import TestSupport
import Testing

@testable import Linux

@Suite struct PeerTests {
    /// The two ends of a connection by path, as client and server have them.
    static func withConnection<Result>(
        _ body: (borrowing UnixStream, borrowing UnixStream) throws -> Result
    ) throws -> Result {
        let directory = try TemporaryDirectory()
        let listener = try UnixListener(at: directory.path("socket"), mode: 0o600)
        let client = try UnixStream(connectingTo: directory.path("socket"), milliseconds: 1000)
        guard let server = try listener.accept() else { throw SystemError("accept4", .again) }
        return try body(client, server)
    }

    @Test func `a peer is who the kernel says`() throws {
        try Self.withConnection { client, server in
            let peer = try PeerCredentials(of: server)
            #expect(peer.user == CurrentProcess.user && peer.group == CurrentProcess.group)
            #expect(peer.pid == CurrentProcess.pid)
            #expect(peer.groups.contains(CurrentProcess.group))
            #expect(try PeerCredentials.user(of: client) == CurrentProcess.user)
        }
    }

    @Test func `what is no connected socket has no identity`() throws {
        let stream = UnixStream(try UnixSocket.make())
        #expect(throws: PeerCredentialsError.nobody(.invalid)) { try PeerCredentials(of: stream) }
        let pipe = try Pipe.make()
        close(pipe.writing)
        let noSocket = UnixStream(FileDescriptor(owning: pipe.reading))
        let error = #expect(throws: PeerCredentialsError.self) { try PeerCredentials(of: noSocket) }
        #expect(error == .failed(SystemError("getsockopt", Errno(rawValue: ENOTSOCK), "SO_PEERCRED")))
    }

    @Test func `a peer that lives is described, with what proc says of it`() throws {
        try Self.withConnection { _, server in
            let peer = try PeerCredentials(of: server)
            let process = try #require(peer.process())
            let comm = String(decoding: try Files.read("/proc/self/comm"), as: UTF8.self)
            #expect(process.command + "\n" == comm)
            #expect(peer.origin() == (ProcessTable.isContainer(cgroup: process.cgroup) ? .container : .host))
            let loginuid = String(decoding: try Files.read("/proc/self/loginuid"), as: UTF8.self)
            #expect(process.loginUser?.description ?? "4294967295" == loginuid)
        }
    }

    @Test(.enabled(if: Command.exists("perl"), "needs perl"))
    func `a peer that is gone is not described, and stays who he was`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("socket")
        let listener = try UnixListener(at: path, mode: 0o600)
        // The connection lives on in the child, while the process that opened it is gone and reaped.
        let program = """
            use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un($ARGV[0])) or die "$!";
            if (fork() == 0) { sysread($s, my $x, 1); exit 0; }
            """
        #expect(try Command.run("perl", ["-e", program, path]).code == 0)
        guard let server = try listener.accept() else { throw SystemError("accept4", .again) }
        let peer = try PeerCredentials(of: server)
        #expect(peer.user == CurrentProcess.user)
        #expect(peer.process() == nil)
        #expect(peer.origin() == .unknown)
    }

    @Test(.enabled(if: Command.exists("perl"), "needs perl"))
    func `a peer that goes after it was let in is known by what was read while it lived, and by nothing else`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("socket")
        let listener = try UnixListener(at: path, mode: 0o600)
        let program = """
            use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un($ARGV[0])) or die "$!"; sleep 1000;
            """
        let process = try KeptProcess("perl", ["-e", program, path])
        try process.waitUntil("it has connected") {
            try UnixSocket.wait(listener.descriptor.raw, Int16(POLLIN), until: 0)
        }
        guard let server = try listener.accept() else { throw SystemError("accept4", .again) }
        let asked = try PeerCredentials(of: server)
        let unasked = try PeerCredentials(of: server)
        #expect(asked.process()?.command == "perl")
        #expect(unasked.origin() != .unknown)
        process.end()
        #expect(asked.process()?.command == "perl")
        #expect(asked.origin() == .unknown)
        #expect(unasked.process() == nil)
        #expect(unasked.origin() != .unknown)
    }

    @Test func `before Linux 6.5 a process is taken by number only where it runs as the peer`() throws {
        func isFound(_ pid: Int32, _ user: UserID) throws -> Bool {
            switch try PeerCredentials.openProcess(pid, of: user) {
            case .some(let process): try ProcessTable.isAlive(process)
            case .none: false
            }
        }
        #expect(try isFound(CurrentProcess.pid, CurrentProcess.user))
        #expect(try !isFound(CurrentProcess.pid, UserID(CurrentProcess.user.rawValue + 12345)))
        for pid in [0, -1, Int32.max] as [Int32] { #expect(try !isFound(pid, CurrentProcess.user)) }
    }

    @Test(
        .enabled(if: CurrentProcess.user == .root, "needs root: makes a pid namespace"),
        .enabled(if: Command.exists("unshare") && Command.exists("perl"), "needs unshare and perl"))
    func `a peer in another pid namespace is in a container`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("socket")
        let listener = try UnixListener(at: path, mode: 0o600)
        let program = """
            use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un($ARGV[0])) or die "$!"; sleep 1000;
            """
        let process = try KeptProcess(
            "unshare", ["--pid", "--fork", "--kill-child", "--mount-proc", "perl", "-e", program, path])
        try process.waitUntil("it has connected") {
            try UnixSocket.wait(listener.descriptor.raw, Int16(POLLIN), until: 0)
        }
        guard let server = try listener.accept() else { throw SystemError("accept4", .again) }
        let peer = try PeerCredentials(of: server)
        #expect(peer.origin() == .container)
        #expect(peer.process()?.command == "perl")
    }

    @Test(arguments: [
        ("/system.slice/docker-0123456789ab.scope", true), ("/docker/0123456789ab", true),
        ("/machine.slice/libpod-0123.scope", true),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-1.scope", true),
        ("/kubepods.slice/kubepods-besteffort.slice/cri-containerd-01.scope", true),
        ("/kubepods/burstable/pod1/2", true),
        ("/system.slice/crio-0123.scope", true), ("/lxc.payload.web/init.scope", true), ("/lxc/web", true),
        ("/machine.slice/machine-debian.scope", true), ("/machine.slice/systemd-nspawn@debian.service/payload", true),
        ("/", false), ("", false), ("/user.slice/user-1000.slice/session-3.scope", false), ("/init.scope", false),
        ("/system.slice/docker.service", false), ("/system.slice/containerd.service", false),
        ("/system.slice/ssh.service", false), ("/system.slice/crio.service", false),
        ("/system.slice/mydocker.service", false),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/dockerish.scope", false),
    ])
    func `a container is known by its runtime's cgroup`(cgroup: String, isContainer: Bool) {
        #expect(ProcessTable.isContainer(cgroup: cgroup) == isContainer)
    }

    @Test(arguments: [
        ("0::/user.slice/a\n", "/user.slice/a"), ("12:pids:/docker/1\n0::/\n", "/docker/1"),
        ("4:cpu:/a\n0::/b\n", "/b"), ("0::/\n", "/"), ("", ""), ("nonsense\n", ""), ("0::/a:b/c\n", "/a:b/c"),
    ])
    func `the cgroup is the unified one, or the first that says something`(text: String, path: String) {
        #expect(ProcessTable.cgroupPath(in: Array(text.utf8)) == path)
    }

    @Test(arguments: [
        ("         0          0 4294967295\n", true), ("0 0 4294967295", true),
        ("         0       1000          1\n", false),
        ("0 0 4294967294\n", false), ("0 0 1000\n1000 1000 4294966295\n", false), ("", false),
        ("0 1 4294967295\n", false),
    ])
    func `the initial user namespace maps every uid to itself`(map: String, isInitial: Bool) {
        #expect(UserNamespace.isInitial(map: Array(map.utf8)) == isInitial)
    }
}
