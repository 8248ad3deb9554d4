import JSON
import Linux
import TestSupport
import Testing

/// Policy files that must not be believed: at start everything is denied, at a reload what held before goes on.
@Suite("Policy files", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct PolicyFileTests {
    /// What is done to a good policy file, and what is said of it.
    struct Damage: Sendable, CustomTestStringConvertible {
        let name: String
        /// A shell script with the file's path as `$1`.
        let script: String
        /// FILE stands for the path.
        let finding: String
        var testDescription: String { name }
    }

    /// As `setfacl -m u:2001:rw` does it, which is not everywhere: the list's mask shows as the group's bits.
    private static let listScript = """
        python3 -c 'import os, struct, sys
        entries = [(1, 6, -1), (2, 6, 2001), (4, 4, -1), (16, 6, -1), (32, 4, -1)]
        os.setxattr(sys.argv[1], "system.posix_acl_access",
                    struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries))' $1
        """

    static let damages = [
        Damage(name: "missing", script: "rm $1", finding: "FILE: not trusted: FILE: No such file or directory"),
        Damage(
            name: "unreadable", script: "chmod 0 $1", finding: "FILE: not trusted: FILE: Permission denied"),
        Damage(
            name: "group-writable", script: "chmod 0664 $1",
            finding: "FILE: not trusted: FILE: is writable by group or others (mode 664)"),
        Damage(
            name: "writable by others", script: "chmod 0646 $1",
            finding: "FILE: not trusted: FILE: is writable by group or others (mode 646)"),
        Damage(
            name: "writable by a list", script: listScript,
            finding: "FILE: not trusted: FILE: is writable by group or others (mode 664)"),
        Damage(
            name: "a user's", script: "chown 2001 $1",
            finding: "FILE: not trusted: FILE: is owned by uid 2001, not by root"),
        Damage(
            name: "a symbolic link", script: "mv $1 $1.real; ln -s $1.real $1",
            finding: "FILE: not trusted: FILE: is a symbolic link"),
        Damage(
            name: "hard-linked", script: "ln $1 $1.copy", finding: "FILE: not trusted: FILE: has 2 hard links"),
        Damage(
            name: "a FIFO", script: "rm $1; mkfifo -m 644 $1",
            finding: "FILE: not trusted: FILE: is a FIFO, not a regular file"),
        Damage(
            name: "a device", script: "rm $1; mknod -m 444 $1 c 1 5",
            finding: "FILE: not trusted: FILE: is a character device, not a regular file"),
        Damage(
            name: "a directory", script: "rm $1; mkdir $1",
            finding: "FILE: not trusted: FILE: is a directory, not a regular file"),
        Damage(
            name: "in a directory that others may write to", script: "chmod 0777 ${1%/*}",
            finding: "DIR/policy.d: not trusted: DIR: is writable by group or others (mode 777)"),
        Damage(name: "empty", script: ": > $1", finding: "FILE:1:1: text ends too early"),
        Damage(name: "truncated", script: "truncate -s 200 $1", finding: "FILE:6:45: text ends too early"),
        Damage(name: "with CRLF", script: #"sed -i 's/$/\r/' $1"#, finding: "FILE:1:2: carriage return"),
        Damage(
            name: "with an unknown key", script: #"sed -i 's/"limits"/"limit"/' $1"#,
            finding: "FILE:13:12: limit is not a known key"),
        Damage(
            name: "with a duplicate key", script: #"sed -i 's/"limits"/"allow"/' $1"#,
            finding: #"FILE:13:3: key "allow" is given twice"#),
        Damage(
            name: "with an unknown group", script: #"sed -i 's/\["auditors"\]/["auditor"]/' $1"#,
            finding: #"FILE:8:50: no group is named "auditor""#),
        Damage(
            name: "not ASCII", script: #"sed -i 's/ml-slices/ml-sl\xc3\xafces/' $1"#,
            finding: "FILE:5:19: character outside ASCII"),
        Damage(
            name: "too large", script: "head -c 4194305 /dev/zero > $1", finding: "FILE: not trusted: FILE: is larger"),
    ]

    private func damage(_ stage: Stage, _ damage: Damage) throws {
        let ran = try stage.run(["sh", "-ec", damage.script, "sh", stage.policy], as: Stage.root)
        #expect(ran.code == 0, "\(ran.errors)")
    }

    private func finding(_ stage: Stage, _ damage: Damage) -> String {
        damage.finding.replacing("FILE", with: stage.policy).replacing("DIR", with: Files.parent(of: stage.policy))
    }

    @Test(arguments: damages)
    func `at start nothing is allowed, and everybody is told why`(damage: Damage) throws {
        let stage = try Stage(policy: LabPolicy.text)
        try self.damage(stage, damage)
        let daemon = try stage.startDaemon()
        let finding = finding(stage, damage)
        #expect(try stage.daemonLog().contains("the policy was not loaded:\nmigbrokerd: \(finding)"), "\(finding)")
        let rejected = try stage.records("policy-rejected")
        #expect(rejected.count == 1)
        #expect(rejected.first?["reason"]?.stringValue?.hasPrefix(finding.prefix(256)) == true)
        for person in [Stage.alice, Stage.root] {
            let denied = try stage.migctl(["request", "1g.5gb"], as: person)
            #expect(denied.code == 3)
            #expect(
                denied.errors.contains("NotAuthorized: no policy is loaded, so everything is denied\n"), "\(denied)")
            #expect(try stage.migctl(["gpus"], as: person).code == 3)
            #expect(try stage.migctl(["whoami"], as: person).output.contains("none: every change is denied"))
        }
        #expect(try stage.isUnharmed())
        let check = try stage.migctl(["policy", "check"], as: Stage.root)
        #expect(check.code == 10, "\(check.output)\(check.errors)")
        #expect(check.output.contains(finding), "\(check.output)")
        #expect(try daemon.stop() == .exited(0))
    }

    @Test(arguments: damages)
    func `at a reload what held before goes on, and the admin is told why`(damage: Damage) throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let hash = try #require(try stage.records("policy-loaded").last?["policy"]?.stringValue)
        try self.damage(stage, damage)
        let finding = finding(stage, damage)

        daemon.signal(1)
        try daemon.waitUntil("the reload is on record") { try stage.records("policy-rejected").count == 1 }
        let reload = try stage.exchange(Stage.call("ReloadPolicy"), as: Stage.root)
        #expect(reload.error == "PolicyInvalid", "\(reload)")
        if case .error(_, let parameters) = reload {
            #expect(parameters["message"]?.stringValue?.hasPrefix(finding) == true, "\(reload)")
        }
        let rejected = try stage.records("policy-rejected")
        #expect(rejected.count == 2)
        for record in rejected {
            #expect(record["policy"]?.stringValue == hash)
            #expect(record["reason"]?.stringValue?.hasPrefix(finding.prefix(256)) == true, "\(record.text())")
        }
        // The caller's reload bears his name, the signal's nobody's.
        #expect(rejected.map { $0["uid"]?.integerValue } == [nil, 0])
        #expect(try stage.migctl(["--json", "whoami"], as: Stage.alice).output.contains(#""policy":"\#(hash)""#))
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.carol).code == 3)
        _ = daemon
    }

    @Test func `a good policy takes the place of a bad one, by signal and by call`() throws {
        let stage = try Stage(policy: "{")
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 3)
        try Files.replace(stage.policy, with: Array(LabPolicy.text.utf8), mode: 0o644)
        daemon.signal(1)
        try daemon.waitUntil("the policy is loaded") { try stage.records("policy-loaded").count == 1 }
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        // Who may not reload is refused, and nothing is read.
        #expect(try stage.exchange(Stage.call("ReloadPolicy"), as: Stage.alice).error == "NotAuthorized")
        #expect(try stage.records("policy-loaded").count == 1)
        let text = LabPolicy.text.replacing("3g.20gb", with: "4g.20gb")
        try Files.replace(stage.policy, with: Array(text.utf8), mode: 0o644)
        let reply = try stage.exchange(Stage.call("ReloadPolicy"), as: Stage.root).reply
        let loaded = try stage.records("policy-loaded")
        #expect(reply?["policy"] == loaded.last?["policy"])
        #expect(loaded.map { $0["uid"]?.integerValue } == [nil, 0])
        #expect(try stage.migctl(["request", "3g.20gb"], as: Stage.bob).code == 3)
        // Every policy that was in force is kept under its hash.
        let archived = try Files.list("\(stage.broker)/var/lib/migbroker/policies").sorted()
        #expect(archived == loaded.compactMap { $0["policy"]?.stringValue.map { "\($0).json" } }.sorted())
    }

    @Test func `one bad file among several refuses them all`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let more = "\(stage.broker)/etc/migbroker/policy.d"
        try Files.makeDirectory(more)
        let rule =
            #"{ "version": 1, "allow": [ { "id": "ID", "who": { "users": ["carol"] }, "actions": ["read.own"] } ] }"#
        try Files.write("\(more)/10-carol.json", Array(rule.replacing("ID", with: "carol-reads").utf8), mode: 0o644)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["gpus"], as: Stage.carol).code == 0)
        // The same id twice, over two files.
        try Files.write("\(more)/20-more.json", Array(rule.replacing("ID", with: "carol-reads").utf8), mode: 0o644)
        let reload = try stage.exchange(Stage.call("ReloadPolicy"), as: Stage.root)
        guard case .error("PolicyInvalid", let parameters) = reload else { return #expect(Bool(false), "\(reload)") }
        let diagnostic = parameters["diagnostics"]?.arrayValue?.first
        #expect(diagnostic?["file"]?.stringValue == "\(more)/20-more.json")
        #expect(diagnostic?["line"]?.integerValue == 1 && diagnostic?["column"]?.integerValue == 36, "\(reload)")
        #expect(try stage.migctl(["gpus"], as: Stage.carol).code == 0)
        let check = try stage.exchange(Stage.call("CheckPolicy"), as: Stage.root)
        #expect(check.reply?["valid"]?.boolValue == false)
        _ = daemon
    }
}
