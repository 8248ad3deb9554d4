package import MIG

/// Where the process at the other end runs, seen from here.
package enum PeerOrigin: String, Sendable {
    case host
    /// In another pid namespace than this process, or in the cgroup of a known container runtime.
    case container
    /// The process is gone, or `/proc` does not show enough of it.
    case unknown
}

/// What `/proc` says about the process that opened a connection: for records and for `from`, not for identity.
package struct PeerProcess: Hashable, Sendable {
    /// The command's name, cut by the kernel to 15 bytes; the process chooses it.
    package let command: String
    /// The path in the unified hierarchy, or the first one of version 1.
    package let cgroup: String
    /// Who logged in, kept through sudo and su; nil for what was started by no login.
    package let loginUser: UserID?
    /// The login session of the audit system; nil for what was started by no login.
    package let session: UInt32?
    package let origin: PeerOrigin
}

extension PeerCredentials {
    /// What `/proc` says about the peer now; nil where the peer is gone or hidden.
    ///
    /// A pid can be given to another process at any moment (CVE-2019-6133), so the peer must be alive by its pidfd
    /// both before and after the reading: then the number was its own all the time.
    package func readProcess() throws(SystemError) -> PeerProcess? {
        guard let isAlive = try isAlive(), isAlive else { return nil }
        let facts = ProcessTable.facts(of: pid)
        guard try self.isAlive() == true else { return nil }
        return facts
    }

    /// Whether the process that connected still runs; nil where it was never to be seen.
    private func isAlive() throws(SystemError) -> Bool? {
        switch process {
        case .some(let process): try ProcessTable.isAlive(process)
        case .none: nil
        }
    }
}

/// `/proc` as a table of processes by pid.
package enum ProcessTable {
    private static let directory = "/proc"
    private static let longest = 64 << 10

    /// `poll(2)` on the pidfd: it can be read once the process has ended.
    static func isAlive(_ process: borrowing FileDescriptor) throws(SystemError) -> Bool {
        try !UnixSocket.wait(process.raw, Int16(EventLoop.Readiness.read.rawValue), until: 0)
    }

    static func facts(of pid: Int32) -> PeerProcess? {
        guard pid > 0, let command = read(pid, "comm"), let groups = read(pid, "cgroup") else { return nil }
        let cgroup = cgroupPath(in: groups)
        return PeerProcess(
            command: line(command), cgroup: cgroup,
            loginUser: number(read(pid, "loginuid")).map { UserID($0) }, session: number(read(pid, "sessionid")),
            origin: origin(pid: pid, cgroup: cgroup))
    }

    /// One field of `status`, without its name.
    static func status(of pid: Int32, _ name: String) -> String? {
        read(pid, "status").flatMap { field(name, in: $0) }
    }

    static func field(_ name: String, in status: String) -> String? {
        let start = name + ":\t"
        let line = status.utf8.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: start.utf8) }
        return line.map { String(decoding: $0.dropFirst(start.utf8.count), as: UTF8.self) }
    }

    /// The path that says most: the unified hierarchy's, else the first that is not the root.
    static func cgroupPath(in text: String) -> String {
        var paths: [String] = []
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let path = String(decoding: parts[2], as: UTF8.self)
            if parts[1].isEmpty { paths.insert(path, at: 0) } else { paths.append(path) }
        }
        return paths.first { !$0.utf8.elementsEqual("/".utf8) } ?? paths.first ?? ""
    }

    /// Whether the path of a cgroup is one that a container runtime makes for a container; the runtimes' own services
    /// (`docker.service`, `containerd.service`) are on the host.
    static func isContainer(cgroup: String) -> Bool {
        cgroup.utf8.split(separator: UInt8(ascii: "/")).contains { part in
            containerNames.contains { part.elementsEqual($0.utf8) }
                || containerPrefixes.contains { part.starts(with: $0.utf8) }
        }
    }

    private static let containerNames = ["docker", "lxc", "kubepods", "buildkit", "libpod_parent"]
    private static let containerPrefixes = [
        "docker-", "libpod-", "cri-containerd-", "nerdctl-", "crio-", "kubepods.", "kubepods-", "lxc.payload",
        "machine-", "systemd-nspawn@",
    ]

    private static func origin(pid: Int32, cgroup: String) -> PeerOrigin {
        if isContainer(cgroup: cgroup) { return .container }
        // The link /proc/PID/ns/pid takes CAP_SYS_PTRACE, which the daemon lacks; NSpid is open to everyone. It lists
        // the pids from the namespace of this /proc downwards, so one number each means one namespace for both.
        guard let mine = status(of: CurrentProcess.pid, "NSpid"), let theirs = status(of: pid, "NSpid"),
            mine.hasBytes(of: "\(CurrentProcess.pid)")
        else { return .unknown }
        return theirs.hasBytes(of: "\(pid)") ? .host : .container
    }

    /// Nil for what cannot be read: such facts are recorded as unknown, and `from` does not match then.
    private static func read(_ pid: Int32, _ name: String) -> String? {
        do throws(SystemError) {
            return String(decoding: try Files.read("\(directory)/\(pid)/\(name)", limit: longest), as: UTF8.self)
        } catch {
            return nil
        }
    }

    private static func line(_ text: String) -> String {
        String(decoding: text.utf8.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// A number of the audit system, where all ones mean that it was never set.
    private static func number(_ text: String?) -> UInt32? {
        text.flatMap { UInt32(line($0)) }.flatMap { $0 == UInt32.max ? nil : $0 }
    }
}

extension String {
    fileprivate func hasBytes(of other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

/// The user namespace that this process runs in.
package enum UserNamespace {
    /// Whether uids mean what they mean to the kernel. Inside any other namespace all users that it does not map look
    /// alike (65534), so a daemon there cannot tell its clients apart and must not start.
    package static func isInitial() throws(SystemError) -> Bool {
        isInitial(map: try Files.read("/proc/self/uid_map", limit: 64 << 10))
    }

    static func isInitial(map: [UInt8]) -> Bool {
        let numbers = map.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
        return numbers.map { String(decoding: $0, as: UTF8.self) } == ["0", "0", "4294967295"]
    }
}
