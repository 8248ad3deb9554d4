import Linux
import TestSupport

/// A whole host that the system's own systemd has booted, with a simulated machine's devices where a driver's would be and
/// migbroker installed by the lines of the README.
///
/// `boot.sh` says what it is made of. Nothing outlives the value, and nothing of this machine is touched.
final class BootedHost: Sendable {
    /// Why no host can be booted here, or nil.
    static let obstacle: String? = {
        if let obstacle = Stage.obstacle { return obstacle }
        guard Files.exists("/lib/systemd/systemd") else { return "needs systemd" }
        for program in ["useradd", "journalctl", "setfacl"] where !Command.exists(program) { return "needs \(program)" }
        let probe =
            "mount --make-rprivate / && mount -t cgroup2 cgroup2 /mnt && mkdir /mnt/migbroker-probe && rmdir /mnt/migbroker-probe"
        do {
            let run = try Command.run("unshare", ["--mount", "--pid", "--fork", "--cgroup", "sh", "-ec", probe])
            return run.code == 0 ? nil : "needs mounts and cgroups of its own: \(run.errors)"
        } catch {
            return "needs unshare: \(error)"
        }
    }()

    private let home: String
    private let directory: Home
    private let starter: KeptProcess
    /// Process 1 of the host, as this machine numbers it.
    private let initial: Int32

    /// Boots with the users alice and bob, and migbroker installed with this text for a policy.
    init(policy: String) throws {
        directory = try Home()
        home = directory.path
        try Files.makeDirectory("\(home)/bin")
        for program in ["migbrokerd", "migctl", "migsim", "SimulatedNVML"] {
            try Self.require(Command.run("install", ["-m", "0755", BuiltProducts.path(of: program), "\(home)/bin/"]))
        }
        // The host has a /tmp of its own, so that what lies below this one's is not there.
        for part in ["systemd", "policy"] {
            try Self.require(Command.run("cp", ["-r", "\(Self.sources)/\(part)", "\(home)/bin/"]))
        }
        try Self.require(
            Command.run("\(home)/bin/migsim", ["new", "\(home)/machine", "--gpu", "NVIDIA A100-SXM4-40GB", "--mig"]))
        let script = "\(Self.sources)/Tests/SystemTests/boot.sh"
        let starter = try KeptProcess(
            "unshare", ["--mount", "sh", script, home], errors: "\(home)/boot.log")
        var found: Int32 = 0
        try starter.waitUntil("systemd is process 1") {
            let children = try Files.read("/proc/\(starter.pid)/task/\(starter.pid)/children")
            found = Int32(String(decoding: children.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)) ?? 0
            // Before it the script's own commands are children, one after another.
            return (try? Files.read("/proc/\(found)/comm")) == Array("systemd\n".utf8)
        }
        self.starter = starter
        initial = found
        try starter.waitUntil("systemd is up") {
            try root("systemctl", "is-system-running").output.hasPrefix("running")
                || root("systemctl", "is-system-running").output.hasPrefix("degraded")
        }
        try install(policy)
    }

    deinit {
        starter.end()
        // The cgroups of a host stay empty behind it.
        let sweep = """
            mount --make-rprivate / && mount -t cgroup2 cgroup2 /mnt
            for try in 1 2 3 4 5 6 7 8 9; do
                find /mnt/\(Files.name(of: home)) -depth -type d -exec rmdir {} + 2>/dev/null && exit
                sleep 0.2
            done
            """
        // What stays is a directory that holds nothing.
        _ = try? Command.run("unshare", ["--mount", "sh", "-c", sweep])
    }

    /// Runs a program as root.
    func root(_ words: String..., input: String = "") throws -> Command { try run(words, input: input) }

    /// Runs a program as a user, with the groups that the user database gives him.
    func user(_ name: String, _ words: String...) throws -> Command {
        try run(["setpriv", "--reuid", name, "--regid", name, "--init-groups", "--"] + words)
    }

    /// Starts a program as a user and leaves it running.
    func start(as name: String, _ words: [String]) throws -> KeptProcess {
        try KeptProcess(
            "nsenter", inside + ["setpriv", "--reuid", name, "--regid", name, "--init-groups", "--"] + words)
    }

    /// Writes a file of the host, readable by all.
    func write(_ text: String, to path: String) throws {
        try Files.write("/proc/\(initial)/root\(path)", Array(text.utf8), mode: 0o644)
    }

    /// Waits until something holds, at most twenty seconds.
    func waitUntil(_ what: String, _ holds: () throws -> Bool) throws { try starter.waitUntil(what, holds) }

    /// A property of a unit.
    func show(_ property: String, of unit: String) throws -> String {
        let text = try root("systemctl", "show", "-P", property, unit).output
        return String(text.prefix { $0 != "\n" })
    }

    /// The lines of the README's section on how to install, but for the build.
    static func installation() throws -> [String] {
        let text = String(decoding: try Files.read("\(sources)/README.md"), as: UTF8.self)
        let section = text.split(separator: "\n").drop { $0 != "## Install" }.dropFirst().prefix { !$0.hasPrefix("##") }
        return section.filter { $0.hasPrefix("    ") && !$0.contains("swift build") }.map { String($0.dropFirst(4)) }
    }

    private func install(_ policy: String) throws {
        for name in ["alice", "bob"] { try Self.require(root("useradd", "--no-create-home", name)) }
        // The services have a /proc of their own, which no mount shows a simulated driver in; and that driver keeps its
        // machine in files. In all else the units are as shipped.
        let driver = """
            [Service]
            BindPaths=/srv/machine/proc/driver:/proc/driver
            BindReadOnlyPaths=/srv/machine/proc/devices:/proc/devices
            ReadWritePaths=/srv/machine
            ExecPaths=/srv/machine/lib

            """
        for unit in ["migbrokerd", "migbroker-nodes"] {
            try Self.require(root("mkdir", "-p", "/etc/systemd/system/\(unit).service.d"))
            try write(driver, to: "/etc/systemd/system/\(unit).service.d/simulated.conf")
        }
        try Self.require(root("mkdir", "-p", "/srv/sources/.build"))
        try Self.require(root("ln", "-s", "/srv/bin", "/srv/sources/.build/release"))
        for part in ["systemd", "policy"] { try Self.require(root("cp", "-r", "/srv/bin/\(part)", "/srv/sources/")) }
        let lines = ["set -ex", "cd /srv/sources"] + (try Self.installation())
        try Self.require(root("sh", "-c", lines.joined(separator: "\n")))
        try write(policy, to: "/etc/migbroker/policy.json")
    }

    private func run(_ words: [String], input: String = "") throws -> Command {
        try Command.run(
            "nsenter", inside + words, environment: [Command.defaultPath, "NO_COLOR=1", "PAGER=cat"], input: input)
    }

    private var inside: [String] {
        ["--target", "\(initial)", "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--"]
    }

    private static let sources = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    private static func require(_ command: Command) throws {
        guard command.code == 0 else { throw StageError(what: command.errors + command.output) }
    }

    /// A temporary directory that a class can own.
    private final class Home: Sendable {
        private let directory: TemporaryDirectory
        var path: String { directory.path }
        init() throws { directory = try TemporaryDirectory() }
    }
}
