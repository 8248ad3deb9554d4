import Glibc
import Linux

/// Where the demonstration plays: a simulated machine, users, policy and broker in a directory that goes with it.
///
/// The users exist in a private mount namespace alone, so nothing of the host is touched.
final class DemoStage {
    /// A user of the demonstration, with the groups of his login.
    struct Person {
        let name: String
        let uid: Int
        let group: Int?
    }

    static let root = Person(name: "root", uid: 0, group: nil)
    static let alice = Person(name: "alice", uid: 2001, group: 3001)
    static let bob = Person(name: "bob", uid: 2002, group: 3001)
    static let carol = Person(name: "carol", uid: 2003, group: nil)
    static let dave = Person(name: "dave", uid: 2004, group: 3002)

    let directory: String
    var machine: String { "\(directory)/machine" }
    var broker: String { "\(directory)/broker" }
    var auditLog: String { "\(broker)/var/log/migbroker/audit-00000001.jsonl" }
    private var daemon: pid_t?

    init() throws(Failure) {
        directory = "/tmp/migsim-demo-\(CurrentProcess.pid)"
        do throws(Failure) {
            try system { () throws(SystemError) in
                try Namespace.enterPrivateMounts()
                try Files.makeDirectory(directory, mode: 0o755)
                for name in ["bin", "etc", "broker/etc/migbroker"] { try Files.makeDirectories("\(directory)/\(name)") }
                try writeUsers()
                try Files.write(
                    "\(broker)/etc/migbroker/policy.json", Array(Self.policy.utf8), mode: 0o644)
            }
            try installPrograms()
            _ = try output(["\(directory)/bin/migsim", "new", machine, "--gpu", "A100", "--mig"], as: Self.root)
        } catch {
            end()
            throw error
        }
    }

    /// Programs run as other users, who may not enter the build's directory; and there `migctl` finds this broker.
    private func installPrograms() throws(Failure) {
        try system { () throws(SystemError) in
            let built = Files.parent(of: try CurrentProcess.executable())
            for name in ["migbrokerd", "migctl", "migsim", "SimulatedNVML"] {
                let target = name == "migctl" ? "\(directory)/bin/migctl.real" : "\(directory)/bin/\(name)"
                try Files.write(target, try Files.read("\(built)/\(name)", limit: 512 << 20), mode: 0o755)
                try Files.setMode(target, 0o755)
            }
            let wrapper = "#!/bin/sh\nexec \(directory)/bin/migctl.real --root \(broker) \"$@\"\n"
            try Files.write("\(directory)/bin/migctl", Array(wrapper.utf8), mode: 0o755)
            try Files.setMode("\(directory)/bin/migctl", 0o755)
        }
    }

    private func writeUsers() throws(SystemError) {
        let people = [Self.root, Self.alice, Self.bob, Self.carol, Self.dave]
        let passwd = people.map { "\($0.name):x:\($0.uid):\($0.uid)::/:/bin/sh\n" }.joined()
        let group =
            people.map { "\($0.name):x:\($0.uid):\n" }.joined() + "ml:x:3001:alice,bob\nauditors:x:3002:dave\n"
        for (name, text) in [("passwd", passwd), ("group", group)] {
            try Files.write("\(directory)/etc/\(name)", Array(text.utf8))
            try Namespace.bind("\(directory)/etc/\(name)", at: "/etc/\(name)")
        }
    }

    /// Starts the broker and waits until it answers.
    func startBroker() throws(Failure) {
        let log = "\(directory)/broker.log"
        let output = try system { () throws(SystemError) in
            try Files.open(log, [.append, .create], mode: 0o644).release()
        }
        defer { close(output) }
        let child = try system { () throws(SystemError) in
            try ChildProcess(
                "\(directory)/bin/migbrokerd", arguments: ["--root", broker, "--driver", machine],
                environment: Self.environment(directory), streams: .init(input: nil, output: output, error: output))
        }
        daemon = child.pid
        for _ in 0..<1000 {
            if try run(["migctl", "whoami"], as: Self.root).status == 0 { return }
            if try system({ () throws(SystemError) in try child.poll() }) != nil { break }
            Clock.sleep(milliseconds: 10)
        }
        let said = String(decoding: (try? Files.read(log)) ?? [], as: UTF8.self)
        throw .text("the broker did not start:\n\(said)")
    }

    /// Runs a command as a person, on the simulated machine's `/dev` and `/proc` where `onMachine`.
    func run(
        _ words: [String], as person: Person, onMachine: Bool = false
    ) throws(Failure) -> (status: Int32, text: String) {
        let groups = person.group.map { ["--groups", String($0)] } ?? ["--clear-groups"]
        let program =
            Self.isPath(words[0]) || !Files.exists("\(directory)/bin/\(words[0])")
            ? words[0] : "\(directory)/bin/\(words[0])"
        var command =
            ["setpriv", "--reuid", String(person.uid), "--regid", String(person.uid)] + groups + ["--", program]
            + words.dropFirst()
        if onMachine { command = ["\(directory)/bin/migsim", "enter", machine, "--"] + command }
        return try system { () throws(SystemError) in
            // Both streams into one file, as a terminal shows them, in the order in which they were written.
            let path = "\(directory)/said"
            let file = try Files.open(path, [.append, .create, .truncate], mode: 0o600)
            let child = try ChildProcess(
                command[0], arguments: Array(command.dropFirst()), environment: Self.environment(directory),
                streams: .init(input: nil, output: file.raw, error: file.raw))
            let status = try child.wait().shellCode
            return (status, String(decoding: try Files.read(path), as: UTF8.self))
        }
    }

    /// Runs a command that must succeed.
    func output(_ words: [String], as person: Person) throws(Failure) -> String {
        let (status, text) = try run(words, as: person)
        guard status == 0 else { throw .text("\(words.joined(separator: " ")): \(text)") }
        return text
    }

    /// A shell among the broker, the machine and the users, until the visitor leaves it.
    func shell() throws(Failure) {
        try MigSim.print(
            """

            # You are root in \(directory); the broker runs. Try:
            #   migctl gpus
            #   setpriv --reuid 2001 --regid 2001 --groups 3001 migctl request 1g.5gb
            #   migsim show \(machine)
            # 'exit' ends broker and machine.

            """)
        try system { () throws(SystemError) in
            let shell = try ChildProcess(
                "/bin/sh", arguments: ["-i"], environment: Self.environment(directory) + ["PS1=demo# "],
                streams: .inherited)
            _ = try shell.wait()
        }
    }

    /// Ends the broker and removes everything.
    func end() {
        if let daemon {
            kill(daemon, SIGTERM)
            var status: Int32 = 0
            waitpid(daemon, &status, 0)
        }
        daemon = nil
        // In /tmp; what cannot be removed is left for the next boot.
        try? Files.removeTree(directory)
    }

    private static func isPath(_ word: String) -> Bool { word.utf8.contains(UInt8(ascii: "/")) }

    private static func environment(_ directory: String) -> [String] {
        [
            "PATH=\(directory)/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "NO_COLOR=1",
            "LC_ALL=C.UTF-8", "TERM=\(CurrentProcess.environment("TERM") ?? "dumb")",
        ]
    }

    static let policy = """
        {
          "version": 1,
          "allow": [
            // Members of ml take slices and give them back.
            { "id": "ml-slices", "who": { "groups": ["ml"] },
              "actions": ["read.own", "request", "renew.own", "release.own"],
              "profiles": ["1g.5gb", "2g.10gb", "3g.20gb"] },
            // Auditors read everything, and change nothing.
            { "id": "auditors-read", "who": { "groups": ["auditors"] },
              "actions": ["read.own", "read.all", "audit.read"] },
            { "id": "root-on-host", "who": { "users": ["root"] }, "from": "host",
              "actions": ["read.own", "read.all", "release.own", "release.any", "audit.read", "policy.read",
                          "policy.reload"] }
          ],
          "limits": [
            { "id": "ml-each", "who": { "groups": ["ml"] }, "scope": "user",
              "instances": 2, "slices": 4, "leaseDefault": "2h", "leaseMax": "8h" }
          ]
        }

        """
}
