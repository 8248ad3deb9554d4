internal import MIG

/// `/proc` as a table of processes by pid.
package enum ProcessTable {
    private static let directory = "/proc"
    private static let longest = 64 << 10
    private static let page = 4 << 10

    /// `poll(2)` on the pidfd: it can be read once the process has ended.
    static func isAlive(_ process: borrowing FileDescriptor) throws(SystemError) -> Bool {
        try !UnixSocket.wait(process.raw, Int16(EventLoop.Readiness.read.rawValue), until: 0)
    }

    static func facts(of pid: Int32) -> PeerProcess? {
        guard let command = read(pid, "comm"), let groups = bytes("\(pid)/cgroup") else { return nil }
        return PeerProcess(
            command: withoutEnd(command), cgroup: cgroupPath(in: groups),
            loginUser: number(read(pid, "loginuid")).map { UserID($0) }, session: number(read(pid, "sessionid")))
    }

    /// The command's name, which the process itself chooses.
    static func command(of pid: Int32) -> String? { read(pid, "comm").map(line) }

    /// One field of `status`, without its name; one of those that stand before `Groups`.
    static func status(of pid: Int32, _ name: String) -> String? {
        status(of: pid).flatMap { field(name, in: $0) }
    }

    /// The beginning of `status`, as it was at one moment: what stands before `Groups`, a line as long as a process
    /// likes, which is not to hide the rest.
    static func status(of pid: Int32) -> [UInt8]? { bytes("\(pid)/status", onlyBeginning: true) }

    static func field(_ name: String, in text: [UInt8]) -> String? {
        let start = Array("\(name):\t".utf8)
        var rest = text[...]
        while !rest.isEmpty {
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            if line.starts(with: start) { return String(decoding: line.dropFirst(start.count), as: UTF8.self) }
            rest = rest.dropFirst(line.count + 1)
        }
        return nil
    }

    /// The path that says most: the unified hierarchy's, else the first that is not the root.
    static func cgroupPath(in text: [UInt8]) -> String {
        let root = [UInt8(ascii: "/")]
        var best: ArraySlice<UInt8> = []
        var rest = text[...]
        while !rest.isEmpty {
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest.dropFirst(line.count + 1)
            guard let number = line.firstIndex(of: UInt8(ascii: ":")),
                let name = line[(number + 1)...].firstIndex(of: UInt8(ascii: ":"))
            else { continue }
            let path = line[(name + 1)...]
            let isUnified = name == number + 1
            if isUnified && path != root[...] {
                best = path
                break
            }
            if best.isEmpty || best == root[...] { best = path }
        }
        return String(decoding: best, as: UTF8.self)
    }

    /// Whether the path of a cgroup is one that a container runtime makes for a container; the runtimes' own services
    /// (`docker.service`, `containerd.service`) are on the host.
    static func isContainer(cgroup: String) -> Bool {
        Array(cgroup.utf8).split(separator: UInt8(ascii: "/")).contains { part in
            containerNames.contains { part == $0[...] } || containerPrefixes.contains { part.starts(with: $0) }
        }
    }

    private static let containerNames = [
        "docker", "lxc", "kubepods", "buildkit", "libpod_parent",
    ].map { Array($0.utf8) }
    private static let containerPrefixes = [
        "docker-", "libpod-", "cri-containerd-", "nerdctl-", "crio-", "kubepods.", "kubepods-", "lxc.payload",
        "machine-", "systemd-nspawn@",
    ].map { Array($0.utf8) }

    /// Nil where there is not enough to be seen.
    ///
    /// The link /proc/PID/ns/pid takes CAP_SYS_PTRACE, which the daemon lacks; what /proc shows of its own descriptors
    /// is open to it. There a pidfd lists the numbers of its process from the namespace of this /proc downwards. One
    /// number, the one that the socket told, means the same namespace for the process, this /proc and the daemon.
    static func origin(of process: borrowing FileDescriptor, pid: Int32) -> PeerOrigin? {
        guard let groups = bytes("\(pid)/cgroup") else { return nil }
        if isContainer(cgroup: cgroupPath(in: groups)) { return .container }
        guard let numbers = bytes("self/fdinfo/\(process.raw)").flatMap({ field("NSpid", in: $0) }) else { return nil }
        if numbers.hasBytes(of: "\(pid)") { return .host }
        return numbers.utf8.starts(with: "\(pid)\t".utf8) ? .container : nil
    }

    private static func read(_ pid: Int32, _ name: String) -> String? {
        bytes("\(pid)/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }

    /// Nil for what cannot be read: such facts are recorded as unknown, and `from` does not match then.
    private static func bytes(_ name: String, onlyBeginning: Bool = false) -> [UInt8]? {
        do throws(SystemError) {
            let file = try Files.open("\(directory)/\(name)", .read)
            if onlyBeginning { return try file.read(upTo: page) }
            var all: [UInt8] = []
            while all.count < longest {
                let part = try file.read(upTo: page)
                all += part
                // These files are made whole at the first read, so one that gives less than was asked for is at its end.
                if part.count < page { return all }
            }
            return nil
        } catch {
            return nil
        }
    }

    /// All but the line feed at its end: a name that begins with one is not to hide the rest.
    private static func withoutEnd(_ text: String) -> String {
        text.utf8.last == UInt8(ascii: "\n") ? String(decoding: text.utf8.dropLast(), as: UTF8.self) : text
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
