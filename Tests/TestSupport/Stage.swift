package import Linux
import MIG

/// A whole machine for one test: simulated GPUs, users and groups of its own, a policy, the real daemon, real clients.
///
/// Everything lives in a private mount namespace with its own passwd and group files, so that programs run under real
/// uids which the host need not know, and nothing of the host is touched. Needs root.
package final class Stage: Sendable {
    /// A user of the stage; the groups are those of a login session.
    package struct Person: Sendable, Hashable {
        package let name: String
        package let uid: Int
        package let gid: Int
        package let groups: [Int]

        package init(_ name: String, uid: Int, gid: Int, groups: [Int] = []) {
            self.name = name
            self.uid = uid
            self.gid = gid
            self.groups = groups
        }

        package func without(group: Int) -> Person {
            Person(name, uid: uid, gid: gid, groups: groups.filter { $0 != group })
        }
    }

    package static let root = Person("root", uid: 0, gid: 0)
    /// In the group `ml`.
    package static let alice = Person("alice", uid: 2001, gid: 2001, groups: [3001])
    /// In the group `ml`.
    package static let bob = Person("bob", uid: 2002, gid: 2002, groups: [3001])
    /// In no group that a policy names.
    package static let carol = Person("carol", uid: 2003, gid: 2003)
    /// In the group `auditors`.
    package static let dave = Person("dave", uid: 2004, gid: 2004, groups: [3002])
    /// Eight more of `ml`, for crowds.
    package static let crowd = (0..<8).map { Person("user\($0)", uid: 2010 + $0, gid: 2010 + $0, groups: [3001]) }
    package static let ml = 3001
    package static let auditors = 3002

    /// Why tests of the whole system cannot run here, or nil where they can.
    package static let obstacle: String? = {
        guard CurrentProcess.user == .root else { return "needs root: users, mounts and device nodes" }
        for program in ["unshare", "nsenter", "setpriv"] where !Command.exists(program) {
            return "needs \(program) of util-linux"
        }
        for product in ["migsim", "migbrokerd", "migctl", "SimulatedNVML"] where !BuiltProducts.has(product) {
            return "needs the built program \(product)"
        }
        return nil
    }()

    package let path: String
    private let keeper: KeptProcess
    private let directory: TemporaryHome

    /// The machine's directory, given to `--driver`.
    package var machine: String { "\(path)/machine" }
    /// The daemon's directory, given to `--root`.
    package var broker: String { "\(path)/broker" }
    package var policy: String { "\(broker)/etc/migbroker/policy.json" }
    package var auditDirectory: String { "\(broker)/var/log/migbroker" }

    /// Sets the stage, with a machine made by `migsim new` and the text of a policy file; `startDaemon` comes next.
    package init(
        machine arguments: [String] = ["--gpu", "NVIDIA A100-SXM4-40GB", "--mig"], policy: String
    ) throws {
        directory = try TemporaryHome()
        path = directory.path
        // Programs run as other users, who may not enter the build's directory.
        try Files.makeDirectory("\(path)/bin")
        for program in ["migbrokerd", "migctl", "migsim", "SimulatedNVML"] {
            let copy = "\(path)/bin/\(program)"
            try Stage.require(Command.run("cp", [BuiltProducts.path(of: program), copy]))
            try Files.setMode(copy, 0o755)
        }
        try Files.makeDirectory("\(path)/etc")
        try Files.write("\(path)/etc/passwd", Array(Stage.passwd.utf8))
        try Files.write("\(path)/etc/group", Array(Stage.group.utf8))
        try Files.write("\(path)/etc/nsswitch.conf", Array("passwd: files\ngroup: files\n".utf8))
        try Stage.require(Command.run("\(path)/bin/migsim", ["new", "\(path)/machine"] + arguments))
        try Files.makeDirectories("\(path)/broker/etc/migbroker")
        try Files.write("\(path)/broker/etc/migbroker/policy.json", Array(policy.utf8), mode: 0o644)
        let script = """
            for name in passwd group nsswitch.conf; do mount --bind \(path)/etc/$name /etc/$name; done
            exec sleep 100000
            """
        keeper = try KeptProcess(
            "unshare", ["--mount", "--propagation", "private", "sh", "-ec", script])
        try keeper.waitUntil("the stage's mounts are there") {
            (try? Files.read("/proc/\(keeper.pid)/root/etc/passwd")) == Array(Stage.passwd.utf8)
                && (try? Files.read("/proc/\(keeper.pid)/comm")) == Array("sleep\n".utf8)
        }
    }

    /// Starts the real daemon on the stage; it ends with the value returned.
    package func startDaemon(
        _ options: [String] = [], environment: [String] = [], waitForSocket: Bool = true
    ) throws -> KeptProcess {
        let daemon = try KeptProcess(
            "nsenter",
            [
                "--mount=/proc/\(keeper.pid)/ns/mnt", "--", "\(path)/bin/migbrokerd", "--root", broker, "--driver",
                machine,
            ]
                + options, environment: [Command.defaultPath] + environment, errors: "\(path)/daemon.log")
        if waitForSocket {
            try daemon.waitUntil("the daemon answers") { try migctl(["whoami"], as: Stage.root).code == 0 }
        }
        return daemon
    }

    /// What the daemons of this stage said on standard error.
    package func daemonLog() throws -> String { String(decoding: try Files.read("\(path)/daemon.log"), as: UTF8.self) }

    /// Runs the real client as a person.
    package func migctl(
        _ arguments: [String], as person: Person, input: String = "", seconds: Int = 60
    ) throws -> Command {
        try run(["\(path)/bin/migctl", "--root", broker] + arguments, as: person, input: input, seconds: seconds)
    }

    /// Runs the simulator's tool on the machine as root.
    package func migsim(_ verb: String, _ arguments: [String] = []) throws -> Command {
        try run(["\(path)/bin/migsim", verb, machine] + arguments, as: Stage.root)
    }

    /// Runs any program on the stage as a person, with exactly his groups.
    package func run(
        _ words: [String], as person: Person, environment: [String] = [], input: String = "", seconds: Int = 60
    ) throws -> Command {
        try Command.run(
            "nsenter", invocation(words, as: person), environment: [Command.defaultPath, "NO_COLOR=1"] + environment,
            input: input, seconds: seconds)
    }

    /// Starts any program on the stage as a person and leaves it running.
    package func start(_ words: [String], as person: Person) throws -> KeptProcess {
        try KeptProcess("nsenter", invocation(words, as: person))
    }

    private func invocation(_ words: [String], as person: Person) -> [String] {
        let groups =
            person.groups.isEmpty
            ? ["--clear-groups"] : ["--groups", person.groups.map(String.init).joined(separator: ",")]
        return [
            "--mount=/proc/\(keeper.pid)/ns/mnt", "--", "setpriv", "--reuid", "\(person.uid)", "--regid",
            "\(person.gid)",
        ]
            + groups + ["--"] + words
    }

    /// Takes a person out of a group in the user database, or puts him in, as `gpasswd` would.
    package func setMembers(_ names: [String], ofGroup group: String) throws {
        var lines = String(decoding: try Files.read("\(path)/etc/group"), as: UTF8.self)
            .split(separator: "\n").map(String.init)
        for (position, line) in lines.enumerated() where line.hasPrefix("\(group):") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false).prefix(3)
            lines[position] = (fields + [Substring(names.joined(separator: ","))]).joined(separator: ":")
        }
        // The file is bind-mounted, so it must be changed in place.
        let file = try Files.open("\(path)/etc/group", [.write, .truncate])
        try file.write(Array((lines.joined(separator: "\n") + "\n").utf8))
    }

    /// Gives a person's number to somebody else, as `userdel` and `useradd` would.
    package func rename(_ person: Person, to name: String) throws {
        let lines = String(decoding: try Files.read("\(path)/etc/passwd"), as: UTF8.self)
            .split(separator: "\n").map {
                $0.hasPrefix("\(person.name):") ? name + $0.dropFirst(person.name.count) : $0
            }
        // The file is bind-mounted, so it must be changed in place.
        let file = try Files.open("\(path)/etc/passwd", [.write, .truncate])
        try file.write(Array((lines.joined(separator: "\n") + "\n").utf8))
    }

    private static func require(_ command: Command) throws {
        guard command.code == 0 else { throw StageError(what: command.errors + command.output) }
    }

    private static let everybody = [root, alice, bob, carol, dave] + crowd

    private static let passwd =
        everybody.map { "\($0.name):x:\($0.uid):\($0.gid)::/nonexistent:/bin/sh\n" }.joined()
        + "nobody:x:65534:65534::/nonexistent:/bin/sh\n"

    private static let group =
        everybody.map { "\($0.name):x:\($0.gid):\n" }.joined()
        + "nogroup:x:65534:\nadm:x:4:\n"
        + "ml:x:\(ml):\(everybody.filter { $0.groups.contains(ml) }.map(\.name).joined(separator: ","))\n"
        + "auditors:x:\(auditors):dave\n"
}

/// What went wrong on a stage.
package struct StageError: Error, CustomStringConvertible {
    package let what: String
    package init(what: String) { self.what = what }
    package var description: String { what }
}

/// A process of a test that is killed with its owner, so that nothing outlives a test.
package final class KeptProcess: @unchecked Sendable {
    // SAFETY: pid never changes; `ended` is touched by the one test that owns the process.
    private let child: ChildProcess
    private var ended: ExitStatus?
    package var pid: Int32 { child.pid }

    package init(
        _ path: String, _ arguments: [String], environment: [String] = [Command.defaultPath], errors: String? = nil
    ) throws {
        var log: Int32?
        if let errors { log = try Files.open(errors, [.append, .create], mode: 0o600).release() }
        child = try ChildProcess(
            path, arguments: arguments, environment: environment, streams: .init(input: nil, output: log, error: log))
    }

    deinit { end() }

    /// Kills it outright and waits.
    package func end() {
        guard ended == nil else { return }
        child.signal(9)
        // A process we started can always be waited for; its status does not matter here.
        ended = try? child.wait()
    }

    /// Asks it to end with a signal and waits.
    package func stop(signal: Int32 = 15) throws -> ExitStatus {
        child.signal(signal)
        return try waitForEnd()
    }

    /// Waits for its end, at most a minute.
    package func waitForEnd(seconds: Int = 60) throws -> ExitStatus {
        if let ended { return ended }
        let deadline = Clock.monotonic() + Int64(seconds) * 1_000_000_000
        while Clock.monotonic() < deadline {
            if let status = try child.poll() {
                ended = status
                return status
            }
            Clock.sleep(milliseconds: 2)
        }
        throw StageError(what: "a process did not end in \(seconds) s")
    }

    package func signal(_ number: Int32) { child.signal(number) }

    /// Whether it has ended, and how.
    package func poll() throws -> ExitStatus? {
        if ended == nil { ended = try child.poll() }
        return ended
    }

    /// Waits until something holds, at most twenty seconds, or until the process ends.
    package func waitUntil(_ what: String, _ holds: () throws -> Bool) throws {
        for _ in 0..<2000 {
            if try holds() { return }
            if let status = try poll() { throw StageError(what: "\(what): the process ended with \(status)") }
            Clock.sleep(milliseconds: 10)
        }
        throw StageError(what: "\(what): not in twenty seconds")
    }
}

/// A temporary directory that a class can own.
private final class TemporaryHome: Sendable {
    private let directory: TemporaryDirectory
    var path: String { directory.path }
    init() throws { directory = try TemporaryDirectory() }
}
